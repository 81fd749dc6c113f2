# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a host's sections to the distinct things that vulnerability data can be asked about. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.ecosystems import Ecosystem
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.versions import DEB, order
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import (
    LEFT_OVER,
    NEWEST,
    RUNNING,
    Subject,
)

_BINARY_REBUILD = re.compile(r"\+b[0-9]+\Z")
_SIGNED = re.compile(r"linux-signed(?:-(amd64|arm64|i386)|-(.+))?\Z")
_DEB_KERNEL = re.compile(r"linux-image-(?:unsigned-)?([0-9].*)\Z")
_RPM_KERNEL = re.compile(
    r"kernel(?:-(?:rt|64k|rt-64k|uek|default|azure|kvmsmall))?(?:-(?:core|modules|modules-core|modules-extra|uki-virt))?\Z"
)


def subjects_of(
    packages: Iterable[Mapping[str, Any]],
    ecosystem: Ecosystem,
    kernel_running: str = "",
    carried: Mapping[tuple[str, str], str] | None = None,
) -> list[Subject]:
    """The distinct Subjects of a host, sorted. packages: section `packages`. carried: (package, installed version) ->
    digest of what the host's own repositories say of that (see `carried`)."""
    rows = [row for row in packages if row.get("name") and row.get("version")]
    roles = _roles(rows, ecosystem, kernel_running)
    found = set()
    for row in rows:
        name, version = str(row["name"]), str(row["version"])
        package, asked = (source_of(row), source_version_of(row)) if ecosystem.by_source else (name, version)
        said = (carried or {}).get((name, version), "")
        module = _module(row, version) if ecosystem.scheme != DEB else ""
        role = roles.get((name, version, str(row.get("arch", ""))), "")
        found.add(Subject(ecosystem.name, package, asked, ecosystem.scheme, role, module, said))
    return sorted(found)


def source_of(row: Mapping[str, Any]) -> str:
    """The source package that data name. Signed kernels are of a source of their own, which no advisory names."""
    source = str(row.get("source") or row["name"])
    signed = _SIGNED.match(source)
    if signed:
        return f"linux-{signed.group(2)}" if signed.group(2) else "linux"
    return source


def source_version_of(row: Mapping[str, Any]) -> str:
    """Its version, also where the host does not say it."""
    version, source_version = str(row["version"]), str(row.get("source_version") or "")
    if _SIGNED.match(str(row.get("source") or "")):
        return version
    if not source_version or source_version == version:
        return _BINARY_REBUILD.sub("", version)  # a rebuild of the binaries changes their version only
    return source_version


def _module(row: Mapping[str, Any], version: str) -> str:
    if ".module" not in version:
        return ""
    label = str(row.get("module") or "")
    return ":".join(label.split(":")[:2]) if ":" in label else "?"


def _roles(rows: Sequence[Mapping[str, Any]], ecosystem: Ecosystem, running: str) -> dict[tuple[str, str, str], str]:
    """(name, version, arch) of installed kernels -> role."""
    kernels: dict[str, list[tuple[str, str, str]]] = {}
    for row in rows:
        name, version, arch = str(row["name"]), str(row["version"]), str(row.get("arch", ""))
        if ecosystem.scheme == DEB:
            if _DEB_KERNEL.match(name):
                kernels.setdefault("", []).append((name, version, arch))
        elif _RPM_KERNEL.match(name):
            kernels.setdefault(name, []).append((name, version, arch))
    roles = {}
    for group in kernels.values():
        newest = max(order(version, ecosystem.scheme) for _name, version, _arch in group)
        for each in group:
            role = NEWEST if order(each[1], ecosystem.scheme) == newest else LEFT_OVER
            roles[each] = RUNNING if runs(each, ecosystem.scheme, running) else role
    return roles


def runs(kernel: tuple[str, str, str], scheme: str, running: str) -> bool:
    """Whether an installed kernel (name, version, arch) is the one that `uname -r` names."""
    name, version, arch = kernel
    if not running:
        return False
    if scheme == DEB:
        found = _DEB_KERNEL.match(name)
        return found is not None and found.group(1) == running
    bare = version.partition(":")[2] or version
    for suffix in (f".{arch}", "-default", "-azure", "-kvmsmall"):
        if running.endswith(suffix):
            plain = running[: -len(suffix)]
            return bare == plain or (suffix.startswith("-") and bare.startswith(plain + "."))
    return bare == running
