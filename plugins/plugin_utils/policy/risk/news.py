# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is new since the last assessment: appeared, gone, decided otherwise, entered KEV. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.model import Closure, Entry, Facts, Group
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.scheme import Scheme

KINDS = ("entered_kev", "decision", "appeared", "gone")
SHOWN_HOSTS = 20
"""Names of hosts that an item keeps besides their number."""
NO_FACTS = Facts()
_NEVER = 1 << 62


class _Event(NamedTuple):
    kind: str
    vuln: str
    source: str
    before: str
    after: str
    due_ms: int | None


def news_of(
    changes: Iterable[tuple[str, tuple[str, ...], tuple[str, ...], tuple[Closure, ...]]],
    groups: Mapping[str, Group],
    scheme: Scheme,
    old_decisions: Mapping[int, str],
    facts: Mapping[str, Facts],
    old_facts: Mapping[str, Facts],
) -> list[dict[str, Any]]:
    """Items `{kind, vuln, source, before, after, kev, due_ms, hosts: number, some: [name]}`, the most urgent first.

    `changes`: (host, its groups before, its groups now, what closed). `before` and `after` are decisions; of what is
    gone `after` is why. `old_decisions`: the decision of each row number of the scheme of that day.
    """
    entered = {
        vuln
        for vuln, known in facts.items()
        if known.kev == "yes" and vuln in old_facts and old_facts[vuln].kev != "yes"
    }
    made: dict[tuple[object, ...], list[_Event]] = {}
    found: dict[_Event, list[str]] = {}
    for host, before, now, closures in changes:
        if before == now and not closures and not entered:
            continue
        key = (before, now, closures)
        events = made.get(key)
        if events is None:
            events = made[key] = _events(before, now, closures, groups, scheme, old_decisions, entered)
        for event in events:
            found.setdefault(event, []).append(host)
    items = [
        {
            **event._asdict(),
            "kev": facts.get(event.vuln, NO_FACTS).kev == "yes",
            "hosts": len(hosts),
            "some": sorted(hosts)[:SHOWN_HOSTS],
        }
        for event, hosts in found.items()
    ]
    return sorted(
        items,
        key=lambda item: (
            KINDS.index(item["kind"]),
            not item["kev"],
            item["due_ms"] or _NEVER,
            item["source"],
            item["vuln"],
            -item["hosts"],
        ),
    )


def _entries(names: Iterable[str], groups: Mapping[str, Group]) -> dict[tuple[str, str], Entry]:
    return {(groups[name].source, entry.vuln): entry for name in names for entry in groups[name].findings}


def _events(
    before: tuple[str, ...],
    now: tuple[str, ...],
    closures: tuple[Closure, ...],
    groups: Mapping[str, Group],
    scheme: Scheme,
    old_decisions: Mapping[int, str],
    entered: set[str],
) -> list[_Event]:
    was, known = _entries(before, groups), _entries(now, groups)
    events = []
    for (source, vuln), entry in known.items():
        decision = scheme.rows[entry.row].decision
        old = was.get((source, vuln))
        if old is None:
            events.append(_Event("appeared", vuln, source, "", decision, entry.due_ms))
            continue
        if vuln in entered:
            events.append(_Event("entered_kev", vuln, source, "", decision, entry.due_ms))
        if old_decisions.get(old.row, "") != decision:
            events.append(_Event("decision", vuln, source, old_decisions.get(old.row, ""), decision, entry.due_ms))
    for closure in closures:
        events.append(_Event("gone", closure.vuln, closure.source, "", closure.why, closure.due_ms))
    return events


def gathered(items: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same by kind and package, as people read it: `{kind, source, after, vulns: number, some: [id], kev: [id],
    due_ms, hosts}`; one kernel is one line."""
    groups: dict[tuple[str, str, str], dict[str, Any]] = {}
    for item in items:
        key = (item["kind"], item["source"], item["after"])
        line = groups.setdefault(
            key,
            {
                "kind": item["kind"],
                "source": item["source"],
                "after": item["after"],
                "vulns": set(),
                "kev": set(),
                "due_ms": None,
                "hosts": 0,
            },
        )
        line["vulns"].add(item["vuln"])
        line["hosts"] = max(line["hosts"], item["hosts"])
        if item["kev"]:
            line["kev"].add(item["vuln"])
        if item["due_ms"] is not None and (line["due_ms"] is None or item["due_ms"] < line["due_ms"]):
            line["due_ms"] = item["due_ms"]
    lines = [
        {**line, "vulns": len(line["vulns"]), "some": sorted(line["vulns"])[:5], "kev": sorted(line["kev"])}
        for line in groups.values()
    ]
    return sorted(
        lines, key=lambda line: (KINDS.index(line["kind"]), not line["kev"], line["due_ms"] or _NEVER, line["source"])
    )
