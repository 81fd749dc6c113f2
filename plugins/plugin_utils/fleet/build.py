# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts of exports and of other inventory sources, with what the ledger knows, to variables and groups. No Ansible, no
template: everything is decided here, and only then is anything added to an inventory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.inputs import EMPTY
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.live import GROUPS, NOTHING, live
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.names import GroupNames
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.source import Source
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.deadlines import Deadlines
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.overview import Known
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names

UNASSIGNED, UNMANAGED, NOT_IN_CMDB = "unassigned", "unmanaged", "not_in_cmdb"
RING = "ring_"
_TOLD = ("class", "criticality", "owner", "service", "site", "zone", "exposure", "ring", "location", "platform", "cmdb")
_GROUPED = ("class", "criticality", "site", "zone", "exposure")


class Other(NamedTuple):
    """A host that another inventory source has added before."""

    groups: list[str]
    variables: Mapping[str, Any]


class Entry(NamedTuple):
    """What the inventory gets for one host."""

    name: str
    address: str
    variables: dict[str, Any]
    groups: list[str]


class Built(NamedTuple):
    """Everything to add: hosts, groups that exist even if they are empty, and what to tell the user."""

    entries: list[Entry]
    groups: list[str]
    notes: list[str]


def build(
    source: Source,
    exported: Mapping[str, tuple[Mapping[str, Any], int]],
    others: Mapping[str, Other],
    ledger: Mapping[str, Known],
    deadlines: Mapping[str, Deadlines],
    now_ms: int,
) -> Built:
    """`exported`: for each host of the exports its document and when its file was written (UTC milliseconds). `others`:
    hosts that are in the inventory already. Raises InventoryError for a rule that cannot be applied."""
    group_names = GroupNames()
    assigns = "ring" in source.rules or any(field.name == "ring" for item in source.inputs for field in item.fields)
    entries = []
    for name in dict.fromkeys([*exported, *(others if source.others else ())]):
        document, cmdb_ms = exported.get(name, (None, None))
        other = others.get(name)
        known = ledger.get(name, NOTHING)
        state = live(known, now_ms, source.max_age_ms, deadlines.get(name))
        doc: dict[str, Any] = {**(document or {**EMPTY, "cmdb": {}}), "name": name}
        for key, value in state.fields.items():
            if value or not doc.get(key):
                doc[key] = value
        doc["groups"] = other.groups if other else []
        doc["vars"] = other.variables if other else {}
        doc["in_cmdb"] = document is not None
        if source.ranges is not None:
            for key, value in source.ranges.of(doc["address"]).items():
                doc[key] = doc[key] or value
        for kind, rules in source.rules.items():
            doc[kind] = rules.choose(doc, source.fleet)
        managed = doc["class"] not in source.unmanaged
        if not managed:
            doc["ring"] = ""
        groups = _groups(doc, group_names)
        groups += state.groups if managed else [UNMANAGED]
        if managed and assigns and not doc["ring"] and not any(group.startswith(RING) for group in doc["groups"]):
            groups.append(UNASSIGNED)
        if exported and document is None:
            groups.append(NOT_IN_CMDB)
        variables = {f"lockstep_{key}": doc[key] for key in _TOLD if doc[key]}
        variables.update(
            lockstep_managed=managed,
            lockstep_os=" ".join(part for part in (doc["os"], doc["os_version"]) if part),
            lockstep_known=doc["known"],
            lockstep_security=doc["security"],
            lockstep_pending=doc["pending"],
            lockstep_reboot_needed=doc["reboot"],
            lockstep_overdue=doc["overdue"],
            lockstep_excepted=doc["excepted"],
            lockstep_due_ms=deadlines[name].due_ms if name in deadlines else None,
            lockstep_seen_ms=known.look_ms,
            lockstep_tried_ms=known.tried_ms,
        )
        if cmdb_ms is not None:
            variables["lockstep_cmdb_ms"] = cmdb_ms
        entries.append(Entry(name, doc["address"], variables, groups))
    fixed = [*GROUPS, UNMANAGED, *(group_names.of("ring", ring) for ring in source.rings)]
    fixed += [UNASSIGNED] * assigns + [NOT_IN_CMDB] * bool(exported)
    notes = [
        f"the group {group} stands for several values: {names(sorted(values))}"
        for group, values in group_names.shared.items()
    ]
    return Built(entries, fixed, notes)


def _groups(doc: Mapping[str, Any], group_names: GroupNames) -> list[str]:
    groups = [group_names.of(kind, doc[kind]) for kind in _GROUPED if doc[kind]]
    groups += [group_names.of("service", service) for service in doc["service"]]
    if doc["ring"]:
        groups.append(group_names.of("ring", doc["ring"]))
    if doc["os"]:
        groups.append(group_names.of("os", doc["os"]))
        if doc["os_version"]:
            groups.append(group_names.of("os", f"{doc['os']}_{doc['os_version']}"))
    if doc["platform"]:
        groups.append(group_names.of("platform", doc["platform"]))
    return groups
