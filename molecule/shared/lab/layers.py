# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cached layers that lie over a base: package lists of the real archives, and installed lab packages.

Each is made in a mount namespace of its own, so that a crash while it is made leaves no mount behind.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from . import families
from .aptsources import Archives, machine_archives
from .bases import Base
from .errors import LabError
from .names import cache_dir, state_dir
from .network import nameservers
from .shell import CONTAINED, locked, remove_tree, run, write_atomic

WARM_SECONDS = 6 * 3600
"""Age after which cached package lists are fetched again (a security archive's lists are valid for a week)."""

SECURITY_SUITE = "{release}-security"

MAKE = """\
set -e
mount -t overlay lockstep-lab -o "lowerdir=$1,upperdir=$2,workdir=$3,volatile" "$4"
chroot "$4" sh -ec "$5"
umount "$4"
"""


def debian_sources(archives: Archives, release: str) -> str:
    """deb822 text with main, updates and security of a release."""
    stanza = "Types: deb\nURIs: {}\nSuites: {}\nComponents: main\nSigned-By: {}\n"
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    return "\n".join([
        stanza.format(archives.main, f"{release} {release}-updates", keyring),
        stanza.format(archives.security, SECURITY_SUITE.format(release=release), keyring),
    ])  # fmt: skip


def proxy_settings(dump: str) -> str:
    """The lines of `apt-config dump` that name a proxy."""
    lines = (line.strip() for line in dump.splitlines())
    return "".join(
        f"{line}\n" for line in lines if line.lower().startswith(("acquire::http::proxy ", "acquire::https::proxy "))
    )


def proxies() -> list[str]:
    """URLs of the proxies that this machine's apt uses."""
    return [line.split('"')[1] for line in proxy_settings(run(["apt-config", "dump"]).stdout).splitlines()]


def resolv_conf() -> str:
    """resolv.conf for hosts with a way out."""
    return "".join(f"nameserver {server}\n" for server in nameservers()) + "options timeout:2 attempts:2\n"


def real_files(release: str) -> dict[str, str]:
    """Files that point a host to the real archives: path to text."""
    proxy = proxy_settings(run(["apt-config", "dump"]).stdout)
    files = {
        "/etc/apt/sources.list.d/debian.sources": debian_sources(machine_archives(), release),
        "/etc/resolv.conf": resolv_conf(),
    }
    return {**files, **({"/etc/apt/apt.conf.d/90lab-proxy": proxy} if proxy else {})}


def warm_layer(base: Base, say: Callable[[str], None], files_too: bool = False, max_age: float = WARM_SECONDS) -> Path:
    """Layer with fetched package lists (files_too: also the pending packages' files, not installed).

    Younger than max_age seconds from the cache, else fetched; where that fails an older one is used.
    """
    files = real_files(base.release)
    key = hashlib.sha256(json.dumps([base.digest, files, files_too]).encode()).hexdigest()[:16]
    folder = cache_dir() / "layers"
    with locked(cache_dir() / "locks" / f"warm-{key}"):
        known = sorted(folder.glob(f"warm-{key}-*"))
        if known and 0 <= time.time() - int(known[-1].name.rpartition("-")[2]) < max_age:
            return known[-1]
        say(f"fetching the {base.release} package lists")
        fetch = "apt-get -qq update -o APT::Update::Error-Mode=any"
        if files_too:
            fetch += "\nDEBIAN_FRONTEND=noninteractive apt-get -qq -y --download-only full-upgrade >/dev/null"
        try:
            made = _make(folder / f"warm-{key}-{int(time.time())}", [base.root], files, fetch)
        except LabError as exc:
            if not known:
                raise LabError(
                    f"the {base.release} package lists cannot be fetched\n{exc.what}",
                    "see whether 'apt-get update' works on this machine; lab.py up --mode hermetic needs no network",
                ) from exc
            say(f"the {base.release} package lists cannot be fetched now: using those of {known[-1].name[-10:]}")
            return known[-1]
        for old in known:
            age = time.time() - int(old.name.rpartition("-")[2])
            # one that somebody took just before it became too old may be about to be mounted
            if age > max_age + 600 and not in_use(old):
                remove_tree(old)
        return made


def seed_layer(base: Base, say: Callable[[str], None]) -> Path:
    """Layer with lab packages installed, as if they had been there since the host was set up."""
    built, install = families.seed(base.release)
    copies = {f"/tmp/lab-seed/{name}": each.path for name, each in built.items()}
    told = f"installing {len(built)} lab packages over the {base.release} base (once)"
    return cached("seed", [base.root], copies, install + "rm -r /tmp/lab-seed\n", lambda: say(told))


def cached(kind: str, lowers: Sequence[Path], files: dict, script: str, tell: Callable[[], None]) -> Path:
    """The layer that a script makes over lowers (topmost first), made when it is not in the cache; files: as _make."""
    names = [*map(str, lowers), *(f"{inside} {files[inside]}" for inside in sorted(files)), script]
    layer = cache_dir() / "layers" / f"{kind}-{hashlib.sha256(json.dumps(names).encode()).hexdigest()[:16]}"
    with locked(cache_dir() / "locks" / layer.name):
        if not layer.is_dir():
            tell()
            _make(layer, lowers, files, script)
    return layer


def _make(layer: Path, lowers: Sequence[Path], files: dict, script: str) -> Path:
    """Run a script in a chroot over lowers and keep what it changed as a layer; files: path to text or source."""
    for stale in layer.parent.glob(f".{layer.name}.*"):
        remove_tree(stale)
    work = layer.with_name(f".{layer.name}.{os.getpid()}")
    for name in ("upper", "work", "root"):
        (work / name).mkdir(parents=True)
    (work / "upper").chmod(0o755)
    try:
        for inside, content in files.items():
            target = work / "upper" / inside.lstrip("/")
            _mirror_folders(lowers[-1], work / "upper", Path(inside.lstrip("/")).parent)
            if isinstance(content, Path):
                shutil.copyfile(content, target)
            else:
                write_atomic(target, content)
        run([
            *CONTAINED, "sh", "-c", MAKE, "lab-layer",
            ":".join(map(str, lowers)), str(work / "upper"), str(work / "work"), str(work / "root"), script,
        ], timeout=900)  # fmt: skip
        os.rename(work / "upper", layer)
    finally:
        remove_tree(work)
    return layer


def _mirror_folders(lower: Path, upper: Path, inside: Path) -> None:
    """Create a folder path in an upper tree with the modes that it has in the lower one."""
    for part in [*reversed(inside.parents), inside]:
        if str(part) in ("", ".") or (upper / part).is_dir():
            continue
        (upper / part).mkdir()
        if (lower / part).is_dir():
            shutil.copystat(lower / part, upper / part)


def in_use(layer: Path) -> bool:
    """Whether a mount of this machine uses a cached folder."""
    return str(layer) in Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")


def prune() -> list[Path]:
    """Remove what of the cache no lab uses; returns what went. Labs that are up elsewhere keep theirs."""
    kept = " ".join(path.read_text() for path in state_dir().glob("*/hosts/*/lowers.json"))
    gone = []
    for path in [*cache_dir().glob("bases/*"), *cache_dir().glob("layers/*"), *cache_dir().glob("debs/*")]:
        if path.name.startswith(".") or in_use(path) or str(path) in kept:
            continue
        remove_tree(path)
        gone.append(path)
    return gone
