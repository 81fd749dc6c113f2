# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Packages for pacman from the same descriptions as Debian ones, built by makepkg and put into signed repositories by
repo-add when the first pacman host of a machine is made. Hosts hold them in `/srv/lab`, a folder a state of the
repository."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

from . import catalogue
from .catalogue import Faults
from .debs import SERVICE_SCRIPT, UNIT, Spec
from .repository import Repository

NAMES = ("lab-lib", "lab-web", "lab-app", "lab-conf", "lab-broken", "lab-plain")
PACKAGES = (
    "pacman-package-manager",
    "makepkg",
    "fakeroot",
    "libarchive-tools",
    "gnupg",
    "gawk",
    "gettext-base",
    "zstd",
)
MIRROR = "/etc/pacman.d/lab"
"""Where a host finds the address of the repository."""

SETUP = """
mkdir /tmp/lab-seed
mount -t proc proc /proc
ln -sfT /proc/self/fd /dev/fd
useradd -m lab
su lab -c 'gpg --batch -q --passphrase "" --quick-generate-key "Lockstep lab <lab@localhost>" ed25519 sign never'
make() { # SET NAME: builds /home/lab/NAME-SET into /srv/lab/SET
  chown -R lab "/home/lab/$2-$1" "/srv/lab/$1"
  su lab -c "cd /home/lab/$2-$1 && PKGDEST=/srv/lab/$1 PKGEXT=.pkg.tar.gz makepkg -d --sign" >/tmp/makepkg.log 2>&1 ||
    { cat /tmp/makepkg.log >&2; exit 1; }
}
"""
FINISH = """
pacman-key --init >/dev/null 2>&1
su lab -c 'gpg --armor --export' > /tmp/lab.asc
pacman-key --add /tmp/lab.asc >/dev/null 2>&1
pacman-key --lsign-key lab@localhost >/dev/null 2>&1
gpgconf --homedir /etc/pacman.d/gnupg --kill all
su lab -c 'gpgconf --kill all'
cat > /etc/pacman.conf <<'EOF'
[options]
Architecture = auto
CheckSpace
SigLevel = Required TrustedOnly
LocalFileSigLevel = Optional
[lab]
Include = /etc/pacman.d/lab
EOF
echo 'Server = file:///srv/lab/1.0' > /etc/pacman.d/lab
pacman -U --noconfirm --noprogressbar --asexplicit /srv/lab/1.0/*.pkg.tar.gz >/dev/null
pacman -D --asdeps lab-lib >/dev/null
rm -f /etc/os-release
printf 'ID=lab-pacman\\nID_LIKE=arch\\nNAME="Lab host with pacman 7 of Debian 13"\\n' > /etc/os-release
printf 'PRETTY_NAME="Lab host with pacman 7 of Debian 13"\\n' >> /etc/os-release
umount /proc
"""


def seed() -> str:
    """Shell lines that build all states of the repository and install the first one."""
    states = {
        "1.0": [catalogue.spec(name, "1.0") for name in NAMES],
        "1.1": [catalogue.spec(name, "1.1") for name in NAMES],
        "1.2": [catalogue.spec(name, "1.2") for name in NAMES],
        "1.1-broken": [catalogue.spec("lab-broken", "1.1", Faults(broken="1.1"))],
    }
    text = SETUP
    for state, specs in states.items():
        text += f"install -d /srv/lab/{state}\n"
        for spec in specs:
            text += _files(spec, f"/home/lab/{spec.name}-{state}") + f"make {state} {spec.name}\n"
        if state == "1.1-broken":
            text += "cp -n /srv/lab/1.1/*.pkg.tar.gz* /srv/lab/1.1-broken/\n"
        text += f"su lab -c 'repo-add -q --sign /srv/lab/{state}/lab.db.tar.gz /srv/lab/{state}/*.pkg.tar.gz'\n"
    return text + "rm -rf /home/lab/lab-*\n" + FINISH


def publish(repo: Repository, root: Path, state: str) -> None:
    """Let the repository be in one of the states that a host (its root) holds: all packages in that version, and
    nothing of what was there before."""
    served = repo.www / "alpm"
    new = repo.folder / "alpm.new"
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(root / "srv/lab" / state, new, symlinks=True)
    shutil.rmtree(served, ignore_errors=True)
    new.rename(served)


def files(repo: Repository) -> dict[str, str]:
    """What points a host to the repository."""
    return {MIRROR: f"Server = {repo.url}/alpm\n"}


def versions(root: Path) -> dict[str, str]:
    """Installed packages and their versions, from the local database."""
    names = [path.name.rsplit("-", 2) for path in (root / "var/lib/pacman/local").iterdir() if path.is_dir()]
    return {name: f"{version}-{release}" for name, version, release in names}


def _files(spec: Spec, folder: str) -> str:
    """Shell lines that write a PKGBUILD and what it takes."""
    content = dict(spec.files) | dict(spec.conffiles)
    if spec.service:
        content[f"/usr/lib/{spec.name}/serve"] = SERVICE_SCRIPT
        content[f"/usr/lib/systemd/system/{spec.name}.service"] = UNIT.format(name=spec.name, version=spec.version)
    if not content:
        content[f"/usr/share/{spec.name}/version"] = spec.version + "\n"
    needs = [word.replace(" (= ", "=").replace(")", "-1") for word in spec.depends.split(", ") if word != "python3"]
    lines = [
        f"pkgname={spec.name}", f"pkgver={spec.version}", "pkgrel=1", "arch=(any)", "license=(custom)",
        f"pkgdesc='{spec.name}, a package of the lab'", "options=(!strip !debug)",
        f"depends=({' '.join(map(shlex.quote, filter(None, needs)))})",
        f"backup=({' '.join(path.lstrip('/') for path, _text in spec.conffiles)})",
        *([f"install={spec.name}.install"] if spec.postinst else []),
        "package() {", '  cp -r "$startdir/tree/." "$pkgdir"',
    ]  # fmt: skip
    if spec.service:
        wants = "$pkgdir/usr/lib/systemd/system/multi-user.target.wants"
        lines += [f'  chmod 755 "$pkgdir/usr/lib/{spec.name}/serve"', f'  install -d "{wants}"']
        lines += [f'  ln -s ../{spec.name}.service "{wants}"']
    texts = {"PKGBUILD": "\n".join([*lines, "}", ""])}
    if spec.postinst:
        texts[f"{spec.name}.install"] = f"post_upgrade() {{\n{spec.postinst}\n}}\n".replace("exit 1", "return 1")
    texts.update({f"tree{path}": text for path, text in content.items()})
    return "".join(
        f"install -d {shlex.quote(str(Path(folder, path).parent))}\n"
        f"printf %s {shlex.quote(text)} > {shlex.quote(f'{folder}/{path}')}\n"
        for path, text in texts.items()
    )
