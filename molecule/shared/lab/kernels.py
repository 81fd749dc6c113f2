# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Two real kernels of the distribution's archive: the older one is installed on virtual machines, the newer one is
published when a test says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from . import debs, families, layers
from .bases import Base
from .debs import Deb, Spec
from .shell import run

META = "linux-image-cloud-amd64"
"""The package that follows the newest kernel: a new version of it depends on another image package."""

FOLDER = "srv/lab-kernels"

# in a chroot over the base with the real archives' sources; where the stable suite has one kernel only, the newer one
# is that of backports
FETCH = f"""
apt-get -qq update
images() {{ apt-cache search --names-only '^linux-image-[0-9].*-cloud-amd64$' | cut -d' ' -f1 | sort -V | tail -n 2; }}
if [ "$(images | wc -l)" -lt 2 ]; then
  sed -i '0,/^Suites: \\([^ ]*\\).*/s//& \\1-backports/' /etc/apt/sources.list.d/debian.sources
  apt-get -qq update
fi
fetch() {{ mkdir -p /{FOLDER}/$1; cd /{FOLDER}/$1; apt-get -qq -o APT::Sandbox::User=root download "$2"; }}
fetch old "$(images | head -n 1)"
fetch new "$(images | tail -n 1)"
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
"""


class Kernels(NamedTuple):
    """Image package and the package that depends on it, of the older and of the newer kernel."""

    old: tuple[Deb, Deb]
    new: tuple[Deb, Deb]

    @property
    def releases(self) -> tuple[str, str]:
        """What `uname -r` says under each."""
        old, new = (pair[0].spec.name.removeprefix("linux-image-") for pair in (self.old, self.new))
        return old, new


def of(base: Base, say: Callable[[str], None]) -> Kernels:
    """The two newest kernels that the archive offered when they were fetched; LabError when it cannot be reached."""
    files = layers.real_files(families.of(base.release).suite)
    folder = layers.cached("kernels", [base.root], files, FETCH, lambda: say("fetching two kernels (once)"))
    old, new = (_read(next((folder / FOLDER / age).glob("*.deb"))) for age in ("old", "new"))
    return Kernels((old, _meta(old)), (new, _meta(new)))


def _read(path: Path) -> Deb:
    name, version, arch = (
        run(["dpkg-deb", "-f", str(path), field]).stdout.strip() for field in ("Package", "Version", "Architecture")
    )
    return Deb(Spec(name, version, arch=arch), run(["dpkg-deb", "-f", str(path)]).stdout, path)


def _meta(image: Deb) -> Deb:
    """The archive keeps only the newest version of this package, so both are made here, alike."""
    spec = image.spec
    source = f"linux-signed-amd64 ({spec.version.replace('-', '+')})"
    return debs.build(
        Spec(META, spec.version, depends=f"{spec.name} (= {spec.version})", arch=spec.arch, source=source)
    )


def old_layer(base: Base, lowers: Sequence[Path], say: Callable[[str], None]) -> Path:
    """Layer over lowers (topmost first) with the older kernel, installed as an administrator would have done it."""
    pair = of(base, say).old
    files = {f"/tmp/lab-kernel/{deb.path.name}": deb.path for deb in pair}
    script = (
        "dpkg -i /tmp/lab-kernel/*.deb >/tmp/lab-kernel/log 2>&1 || { cat /tmp/lab-kernel/log >&2; exit 1; }\n"
        f"apt-mark auto {pair[0].spec.name} >/dev/null\nrm -r /tmp/lab-kernel\n"
    )
    return layers.cached("kernel", lowers, files, script, lambda: say(f"installing {pair[0].spec.name} (once)"))
