# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Software as a CycloneDX SBOM, checked against the standard's own schema before anybody gets it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.software import Item
from ansible_collections.lockstep.patching.plugins.plugin_utils.sbom import library, purls

TYPES = {"image": "CONTAINER", "declared": "APPLICATION", "snap": "APPLICATION", "flatpak": "APPLICATION"}
PREFIX = "lockstep:"
HOSTS_SHOWN = 1000
"""Hosts named in one component of a fleet's SBOM; how many have it is always said."""


def sbom(subject: str, items: Iterable[Item], now_ms: int) -> str:
    """The SBOM of a host or a fleet as CycloneDX 1.6 JSON; components are the distinct pieces of software.

    Properties of a component: `lockstep:hosts` how many of the hosts have it, `lockstep:host` each of them,
    `lockstep:source` its source package, `lockstep:in_use` on how many a process uses it. Raises LockstepError when the
    libraries are missing, or when what hosts said makes no valid SBOM.
    """
    library.need()
    bom = library.Bom(serial_number=uuid.uuid4())
    bom.metadata.timestamp = datetime.fromtimestamp(now_ms / 1000, timezone.utc)
    bom.metadata.component = library.Component(
        name=subject, type=library.ComponentType.DEVICE, bom_ref=f"lockstep:{subject}"
    )
    groups: dict[tuple[str, ...], list[Item]] = {}
    for item in items:
        release = item.release if item.kind in ("deb", "rpm") else ""
        key: tuple[str, ...] = (item.kind, item.name, item.version, item.arch, release)
        groups.setdefault(key, []).append(item)
    for key, members in sorted(groups.items()):
        bom.components.add(_component(members, "|".join(key)))
    bom.register_dependency(bom.metadata.component, bom.components)
    text = str(library.JsonV1Dot6(bom).output_as_string(indent=1))
    wrong = library.JsonStrictValidator(library.SchemaVersion.V1_6).validate_str(text)
    if wrong is not None:
        raise LockstepError(f"the SBOM is not valid CycloneDX: {str(wrong)[:300]}", subject, "report it as a fault")
    return text


def _component(members: list[Item], ref: str) -> Any:
    first = members[0]
    hosts = sorted({item.host for item in members})
    said = [("hosts", str(len(hosts))), *(("host", host) for host in hosts[:HOSTS_SHOWN])]
    if first.source != first.name:
        said.append(("source", first.source))
    if any(item.in_use != "unknown" for item in members):
        said.append(("in_use", str(len({item.host for item in members if item.in_use == "yes"}))))
    return library.Component(
        type=getattr(library.ComponentType, TYPES.get(first.kind, "LIBRARY")),
        name=first.name,
        version=first.version or None,
        publisher=first.vendor or None,
        purl=purls.make(first.kind, first.name, first.version, first.arch, first.release),
        bom_ref=ref,
        properties=[library.Property(name=PREFIX + name, value=value) for name, value in said],
    )
