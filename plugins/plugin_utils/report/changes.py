# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Versions before and after, for each host and for each package of a rollout. Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.module_utils._model.patch_types import line_type
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.host import origin_text, section, type_cells
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.text import say

SAME = ("package", "arch", "source", "security", "type", "type_note", "origin", "action", "planned")
Lines = dict[tuple[str, str], dict[str, Any]]


def plan_lines(document: dict[str, Any]) -> dict[str, Lines]:
    """The plan's lines by platform, and in it by package and architecture."""
    found: dict[str, Lines] = {}
    for line in document.get("lines") or []:
        found.setdefault(say(line.get("platform")), {})[say(line.get("package")), say(line.get("arch"))] = line
    return found


def host_changes(
    lines: Lines | None, transactions: list[dict[str, Any]], look: dict[str, Any] | None
) -> list[dict[str, Any]] | None:
    """`[{package, arch, source, security, type, type_note, origin, action, before, after, planned, result}]` of one
    host.

    `lines` are those of the host's platform, None where nobody knows the platform. `result`: `done` (has what the plan
    says), `differs` (has something else), `planned` (not taken yet), `unknown` (no version after is recorded, or no
    platform). `before` is the version before the first transaction, `after` the one after the last. A host without a
    transaction shows what its last look found, and after None; without a look the answer is None: nobody knows.
    """
    seen: dict[tuple[str, str], list[str | None]] = {}
    for transaction in transactions:
        for item in transaction.get("versions") or []:
            key = say(item.get("package")), say(item.get("arch"))
            before = None if item.get("before") is None else say(item["before"])
            after = None if item.get("after") is None else say(item["after"])
            seen[key] = [seen[key][0] if key in seen else before, after]
    if seen:
        changes = [
            _change(key, before, after, (lines or {}).get(key), True) for key, (before, after) in sorted(seen.items())
        ]
        return changes if lines is not None else [{**change, "result": "unknown"} for change in changes]
    packages, _why = section(look or {}, "packages")
    if packages is None:
        return None
    installed = (
        {(say(item.get("name")), say(item.get("arch"))): say(item.get("version")) for item in packages} if lines else {}
    )
    return [
        _change(key, installed[key], None, line, False)
        for key, line in sorted((lines or {}).items())
        if key in installed and installed[key] != line.get("version")
    ]


def _change(
    key: tuple[str, str], before: str | None, after: str | None, line: dict[str, Any] | None, taken: bool
) -> dict[str, Any]:
    line = line or {}
    action = say(line.get("action")) or (
        "install" if before is None else "remove" if taken and after is None else "upgrade"
    )
    planned = None if line.get("version") is None else say(line["version"])
    return {
        "package": key[0],
        "arch": key[1],
        "source": say(line.get("source") or key[0]),
        "security": bool(line.get("security")),
        **type_cells(line_type({**line, "action": action}), line.get("type_from"), line.get("advisories")),
        "origin": origin_text([line]) if line else "",
        "action": action,
        "before": before,
        "after": after,
        "planned": planned,
        "result": _result(line, after, planned) if taken else "planned",
    }


def _result(line: dict[str, Any], after: str | None, planned: str | None) -> str:
    if after is None and planned is not None:
        return "unknown"  # nobody recorded how it ended
    return "done" if line and after == planned else "differs"


def changed_packages(hosts: list[dict[str, Any]], steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """`[{package, arch, source, security, type, type_note, origin, action, planned, before: [version],
    after: [version], hosts, done, differs, steps}]`, security first."""
    uses = [0] * len(steps)
    for row in hosts:
        for number in row["steps"]:
            uses[number] += 1
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    for number, step in enumerate(steps):
        same = {key: step[key] for key in SAME}
        entry = groups.setdefault(
            tuple(same.values()), {**same, "before": [], "after": [], "hosts": 0, "done": 0, "differs": 0, "steps": []}
        )
        for side in ("before", "after"):
            if step[side] and step[side] not in entry[side]:
                entry[side].append(step[side])
        entry["hosts"] += uses[number]
        if step["result"] in ("done", "differs"):
            entry[step["result"]] += uses[number]
        entry["steps"].append(number)
    return sorted(
        groups.values(), key=lambda row: (not row["security"], row["package"], row["arch"], row["planned"] or "")
    )
