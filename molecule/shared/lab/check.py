# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Can this machine run the lab? Each answer names what is missing and what to do."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from .aptsources import machine_archives, os_release
from .errors import LabError
from .names import cache_dir, state_dir
from .shell import run

PACKAGES = {
    "systemd-nspawn": "systemd-container", "mmdebstrap": "mmdebstrap", "ip": "iproute2", "ssh": "openssh-client",
    "rpmbuild": "rpm", "createrepo_c": "createrepo-c",
    "gpg": "gnupg", "dpkg-deb": "dpkg", "mkfs.ext4": "e2fsprogs", "unshare": "util-linux", "nft": "nftables",
}  # fmt: skip

VIRTUAL = {"qemu-system-x86_64": "qemu-system-x86"}
"""What virtual machines need besides."""

EITHER = {"nft": "iptables"}
"""Commands that another one can stand in for."""


class Missing(NamedTuple):
    """One thing that keeps the lab from running, and the next step."""

    what: str
    todo: str


def missing_packages(virtual: bool = False) -> list[str]:
    """Debian packages whose commands are not installed. virtual: for virtual machines too."""
    wanted = []
    for command, package in {**PACKAGES, **(VIRTUAL if virtual else {})}.items():
        if not shutil.which(command) and not shutil.which(EITHER.get(command, "-")):
            wanted.append(package)
    return sorted(set(wanted))


def install_line(packages: list[str]) -> str:
    """The command that installs packages."""
    return f"apt-get install -y --no-install-recommends {' '.join(packages)}"


def problems(virtual: bool = False) -> list[Missing]:
    """All that is missing on this machine; [] when the lab can run."""
    if sys.platform != "linux":
        return [Missing("this is not Linux", "use a Debian machine or virtual machine")]
    if os.geteuid() != 0:
        return [Missing("not root", "run it with sudo: the lab mounts, makes bridges and starts containers")]
    found = []
    packages = missing_packages(virtual)
    if packages:
        family = {os_release().get("ID", ""), *os_release().get("ID_LIKE", "").split()}
        todo = install_line(packages) if "debian" in family else f"install what Debian calls {' '.join(packages)}"
        found.append(Missing(f"missing packages: {' '.join(packages)}", todo))
    if virtual and os.uname().machine != "x86_64":
        found.append(Missing("virtual machines are made for x86_64 only", "use hosts of another kind"))
    try:
        machine_archives()
    except LabError as exc:
        found.append(Missing(exc.what, exc.hint))
    if not packages:
        # one at a time: without namespaces the later probes fail for that reason, not for their own
        found += [problem for probe in (_namespaces, _overlay, _bridge) if (problem := probe())][:1]
    return found


def _namespaces() -> Missing | None:
    done = run(["unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "true"], check=False)
    if done.returncode:
        return Missing(
            f"no namespaces: {done.stderr.strip()}", "in a container, start it privileged; or use a virtual machine"
        )
    return None


def _overlay() -> Missing | None:
    state_dir().mkdir(parents=True, exist_ok=True)
    cache_dir().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".check-", dir=state_dir()) as folder:
        for name in ("lower", "upper", "work", "root"):
            Path(folder, name).mkdir()
        options = f"lowerdir={folder}/lower,upperdir={folder}/upper,workdir={folder}/work"
        mount = f"mount -t overlay check -o {options},volatile {folder}/root && umount {folder}/root"
        done = run(["unshare", "--mount", "--propagation", "private", "sh", "-c", mount], check=False)
    if done.returncode:
        return Missing(
            f"no overlay mounts in {state_dir()}: {done.stderr.strip()}",
            "load the module (modprobe overlay), or put LOCKSTEP_LAB_DIR on ext4 or xfs instead of another overlay",
        )
    return None


def _bridge() -> Missing | None:
    probe = "ip link add lslab-check type bridge && ip link add lsvcheck type veth peer name lsvcheckp"
    done = run(["unshare", "--net", "sh", "-c", probe], check=False)
    if done.returncode:
        return Missing(f"no bridge or veth links: {done.stderr.strip()}", "load the modules: modprobe bridge veth")
    return None


def install_missing(say: Callable[[str], None], virtual: bool = False) -> None:
    """Install the packages that the lab needs, where apt-get and root are there; else do nothing."""
    packages = missing_packages(virtual)
    if not packages or os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    say(f"installing {' '.join(packages)}")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    line = install_line(packages).split()
    # lists may be old or absent: fetch them only when the first attempt does not succeed
    if run(line, env=env, check=False).returncode:
        run(["apt-get", "-qq", "update"], env=env)
        run(line, env=env)


def require(install: bool, say: Callable[[str], None], virtual: bool = False) -> None:
    """Return when the lab can run; install missing packages where allowed, else LabError with all next steps."""
    if install:
        install_missing(say, virtual)
    found = problems(virtual)
    if found:
        raise LabError(
            "this machine cannot run the lab: " + "; ".join(p.what for p in found), "; ".join(p.todo for p in found)
        )
