# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What lab hosts of one package manager have that others do not: a row a kind of base.

A base that is no Debian release is a Debian root in which another package manager, Debian's own build of it, has a
database of its own. It is that package manager for real, on another distribution.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from . import alpm, catalogue, debs, rpmrepo, rpms
from .errors import LabError
from .repository import Repository

RELEASES = ("bullseye", "bookworm", "trixie")


class Family(NamedTuple):
    """Kinds of hosts. suite: the Debian release of the root; packages, setup: what the base has besides; files: what
    points a host to the lab's repository (path to text); refresh: a shell line that fetches its indexes; virtual: a
    machine with a kernel of its own."""

    suite: str
    rpm: bool
    packages: tuple[str, ...]
    setup: str
    files: Callable[[Repository], dict[str, str]]
    refresh: str
    virtual: bool = False


def of(release: str) -> Family:
    """The family of a base's name; LabError when the lab does not know it."""
    if release in RELEASES:
        return _DEBIAN._replace(suite=release)
    if release in OTHERS:
        return OTHERS[release]
    raise LabError(f"no base is known for {release!r}", f"use one of: {', '.join([*RELEASES, *OTHERS])}")


def _apt_files(repo: Repository) -> dict[str, str]:
    return {
        "/etc/apt/keyrings/lockstep-lab.asc": (repo.www / "key.asc").read_text(),
        "/etc/apt/sources.list.d/lockstep-lab.sources": repo.sources(),
    }


def _dnf_files(repo: Repository) -> dict[str, str]:
    return {rpmrepo.KEY: repo.signer.public_key(), "/etc/yum.repos.d/lab.repo": repo.rpm.repo_file()}


def _zypper_files(repo: Repository) -> dict[str, str]:
    return {rpmrepo.KEY: repo.signer.public_key(), "/etc/zypp/repos.d/lab.repo": repo.rpm.repo_file()}


_DEBIAN = Family("", False, (), "", _apt_files, "apt-get -qq update")

# rpm keeps its database where others look for it; the host calls itself what it is, like the family that it stands for
_RPM_SETUP = """
mkdir -p /etc/rpm /var/lib/rpm
printf '%%_dbpath /var/lib/rpm\\n' > /etc/rpm/macros
rpm --initdb
rm -f /etc/os-release
printf 'ID={id}\\nID_LIKE="{like}"\\nVERSION_ID="4"\\nNAME="{name}"\\nPRETTY_NAME="{name}"\\n' > /etc/os-release
"""
_DNF_SETUP = _RPM_SETUP.format(id="lab-dnf", like="rhel fedora", name="Lab host with dnf 4 of Debian 12") + (
    "rm -f /etc/yum.repos.d/*\nprintf '[main]\\nenabled=0\\n' > /etc/dnf/plugins/local.conf\n"
)

# a list of products, or libsolv takes the release file of Debian for that of SUSE
_ZYPPER_SETUP = (
    _RPM_SETUP.format(id="lab-zypper", like="suse opensuse", name="Lab host with zypper of Debian 13")
    + """
mkdir -p /etc/products.d /etc/zypp/repos.d
printf '%s' '<?xml version="1.0"?><product schemeversion="0"><vendor>Lockstep</vendor><name>lab</name>'\
'<version>4</version><release>1</release><arch>x86_64</arch><summary>Lockstep lab</summary></product>'\
 > /etc/products.d/lab.prod
ln -s lab.prod /etc/products.d/baseproduct
printf '[main]\nmultiversion = provides:multiversion(kernel)\n' > /etc/zypp/zypp.conf
"""
)

# what a machine has that a container does not need: devices, a network of its own, a boot loader
_VM_PACKAGES = (
    "udev", "kmod", "linux-base", "initramfs-tools", "zstd", "grub-pc-bin", "grub2-common", "qemu-guest-agent", "fdisk",
)  # fmt: skip
# and what it does without: emulated, each unit costs a second
_VM_SETUP = """
systemctl unmask -q systemd-udevd.service systemd-udevd-kernel.socket systemd-udevd-control.socket \\
  systemd-udev-trigger.service systemd-modules-load.service systemd-networkd.service systemd-networkd.socket
systemctl enable -q systemd-networkd.service
systemctl mask -q nginx.service rsyslog.service cron.service modprobe@drm.service modprobe@fuse.service \\
  modprobe@configfs.service modprobe@efi_pstore.service dev-hugepages.mount dev-mqueue.mount \\
  sys-kernel-debug.mount sys-kernel-tracing.mount systemd-update-utmp.service systemd-update-utmp-runlevel.service
printf 'MODULES=list\\nCOMPRESS=lz4\\n' > /etc/initramfs-tools/conf.d/lab
printf 'virtio_pci\\nvirtio_blk\\next4\\n' >> /etc/initramfs-tools/modules
"""

OTHERS = {
    "dnf": Family(
        "bookworm",
        True,
        ("dnf", "dnf-plugins-core", "rpm"),
        _DNF_SETUP,
        _dnf_files,
        "dnf -q -y makecache",
    ),
    "zypper": Family(
        "trixie",
        True,
        ("zypper", "rpm"),
        _ZYPPER_SETUP,
        _zypper_files,
        f"rpmkeys --import {rpmrepo.KEY} && zypper -q -n refresh",
    ),
    "vm": Family("bookworm", False, _VM_PACKAGES, _VM_SETUP, _apt_files, _DEBIAN.refresh, virtual=True),
    "pacman": Family("trixie", False, alpm.PACKAGES, "", alpm.files, "true"),
}
"""Bases that are no Debian release."""


def seed(release: str) -> tuple[dict[str, debs.Deb | rpms.Rpm], str]:
    """The lab's packages in their first version: files by name for /tmp/lab-seed, and the shell lines that install
    them as if they had been there since the host was set up."""
    if release == "pacman":
        return {}, alpm.seed()
    if not of(release).rpm:
        built = [debs.build(spec) for spec in catalogue.standard()]
        automatic = " ".join(each.spec.name for each in built if each.spec.name in catalogue.AUTOMATIC)
        lines = f"dpkg -i /tmp/lab-seed/*.deb >/dev/null\napt-mark auto {automatic} >/dev/null\n"
        return {each.path.name: each for each in built}, lines
    found = [rpms.build(spec) for spec in rpmrepo.standard()]
    lines = "rpm -i /tmp/lab-seed/*.rpm\n"
    automatic = " ".join(each.spec.name for each in found if each.spec.name in (*catalogue.AUTOMATIC, "lab-base"))
    if release == "dnf":
        lines = (
            "dnf -q -y --disablerepo='*' --setopt=localpkg_gpgcheck=0 install /tmp/lab-seed/*.rpm\n"
            f"dnf -q -y --disablerepo='*' mark remove {automatic}\n"
        )
    if release == "zypper":
        lines += f"mkdir -p /var/lib/zypp\nprintf '%s\\n' {automatic} > /var/lib/zypp/AutoInstalled\n"
    return {each.path.name: each for each in found}, lines
