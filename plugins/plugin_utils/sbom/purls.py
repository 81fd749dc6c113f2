# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Package URLs: one name for a piece of software, the same in every tool."""

from __future__ import annotations

from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.sbom.library import PackageURL

FAMILIES = {
    "debian": ("deb", "apt"),
    "ubuntu": ("deb", "apt"),
    "rhel": ("rpm", "dnf"),
    "redhat": ("rpm", "dnf"),
    "almalinux": ("rpm", "dnf"),
    "rocky": ("rpm", "dnf"),
    "centos": ("rpm", "dnf"),
    "fedora": ("rpm", "dnf"),
    "oracle": ("rpm", "dnf"),
    "ol": ("rpm", "dnf"),
    "amzn": ("rpm", "dnf"),
    "sles": ("rpm", "zypper"),
    "opensuse": ("rpm", "zypper"),
    "opensuse-leap": ("rpm", "zypper"),
    "arch": ("alpm", "pacman"),
    "alpine": ("apk", "apk"),
}
"""OS id -> the purl type of its packages, and its package manager."""
_LANGUAGES = {"pip": "pypi", "npm": "npm", "gem": "gem"}
KINDS = {purl: kind for kind, purl in _LANGUAGES.items()}


class Found(NamedTuple):
    """What a package URL says."""

    type: str
    namespace: str
    name: str
    version: str
    qualifiers: dict[str, str]


def make(kind: str, name: str, version: str, arch: str, release: str) -> Any:
    """The PackageURL of a piece of software. release: the host's OS, `debian 12`."""
    system, _space, number = release.partition(" ")
    if kind in ("deb", "rpm", "alpm", "apk"):
        qualifiers = {"arch": arch, "distro": f"{system}-{number}" if number else system}
        epoch, colon, rest = version.partition(":")
        if kind == "rpm" and colon:
            qualifiers, version = {**qualifiers, "epoch": epoch}, rest
        return PackageURL(kind, system, name, version or None, {key: text for key, text in qualifiers.items() if text})
    if kind == "npm" and name.startswith("@") and "/" in name:
        space, _slash, name = name.partition("/")
        return PackageURL("npm", space, name, version or None)
    if kind == "image":
        qualifiers = {"repository_url": name, "tag": version}
        return PackageURL("docker", None, name.rpartition("/")[2], None, {k: v for k, v in qualifiers.items() if v})
    return PackageURL(_LANGUAGES.get(kind, "generic"), None if kind in _LANGUAGES else kind, name, version or None)


def read(text: str) -> Found:
    """What a package URL says; ValueError for what is none."""
    told = PackageURL.from_string(text)
    qualifiers = dict(told.qualifiers) if isinstance(told.qualifiers, dict) else {}
    return Found(told.type, told.namespace or "", told.name, told.version or "", qualifiers)
