# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which vulnerability data are about a host: the ecosystem's names, and how its packages are named and ordered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.versions import APK, DEB, RPM

DEBIAN_RELEASES = {"buster": "10", "bullseye": "11", "bookworm": "12", "trixie": "13", "forky": "14", "duke": "15"}
_RPM_NAMES = {
    "almalinux": "AlmaLinux",
    "rocky": "Rocky Linux",
    "rhel": "Red Hat",
    "ol": "Oracle Linux",
    "fedora": "Fedora",
    "amzn": "Amazon Linux",
    "centos": "CentOS",
    "opensuse-leap": "openSUSE:Leap",
    "opensuse-tumbleweed": "openSUSE:Tumbleweed",
    "sles": "SUSE:Linux Enterprise Server",
    "mageia": "Mageia",
    "openeuler": "openEuler",
    "photon": "Photon OS",
}
_WHOLE_VERSION = ("opensuse-leap", "openeuler", "photon")


class Ecosystem(NamedTuple):
    """name: as OSV writes it. by_source: its data name source packages, else binary ones. scheme: order of versions."""

    name: str
    by_source: bool
    scheme: str


def ecosystem_of(system: Mapping[str, Any]) -> Ecosystem | None:
    """The ecosystem of a host, by its section `os` (id, version, codename); None where nobody publishes data of it."""
    name, version = str(system.get("id") or ""), str(system.get("version") or "")
    if name == "debian":
        release = version.partition(".")[0] or DEBIAN_RELEASES.get(str(system.get("codename") or ""), "")
        return Ecosystem(f"Debian:{release}", True, DEB) if release else None
    if name == "ubuntu":
        return Ecosystem(f"Ubuntu:{version}", True, DEB) if version else None
    if name == "alpine":
        release = ".".join(version.split(".")[:2])
        return Ecosystem(f"Alpine:v{release}", True, APK) if release else None
    if name not in _RPM_NAMES:
        return None
    label = _RPM_NAMES[name]
    if name == "sles":
        major, _dot, service = version.partition(".")
        return Ecosystem(f"{label} {major}" + (f" SP{service}" if service else ""), False, RPM) if major else None
    if name == "opensuse-leap":
        return Ecosystem(f"{label} {version}", False, RPM) if version else None
    if name == "opensuse-tumbleweed":
        return Ecosystem(label, False, RPM)
    release = version if name in _WHOLE_VERSION else version.partition(".")[0]
    return Ecosystem(f"{label}:{release}", False, RPM) if release else None


def folded(ecosystem: str) -> str:
    """The name under which rows of an ecosystem are kept: what publishers add to it says nothing about versions.

    `Ubuntu:22.04:LTS` and `Ubuntu:Pro:22.04:LTS` are `Ubuntu:22.04` and `Ubuntu:Pro:22.04`;
    `Red Hat:enterprise_linux:9::baseos` is `Red Hat:9`.
    """
    if ecosystem.startswith("Ubuntu:") and ecosystem.endswith(":LTS"):
        return ecosystem[: -len(":LTS")]
    if ecosystem.startswith("Red Hat:enterprise_linux:"):
        return "Red Hat:" + ecosystem.split(":")[2].partition(".")[0]
    return ecosystem


def scheme_of_rows(ecosystem: str) -> str:
    """How versions of an ecosystem's rows are ordered."""
    if ecosystem.startswith("Alpine"):
        return APK
    return DEB if ecosystem.startswith(("Debian", "Ubuntu")) else RPM
