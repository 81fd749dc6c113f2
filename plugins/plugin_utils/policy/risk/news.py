# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is new since the last assessment: appeared, gone, decided otherwise, entered KEV. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from heapq import nsmallest
from itertools import chain
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.book import Shelf
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.model import Closure, Entry, Facts, Group
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.scheme import Scheme
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.shelves import shelf_of

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


class Change(NamedTuple):
    """A host's book before and now, as digests of its shelves, and what closed, shelf by shelf."""

    host: str
    before: tuple[str, ...]
    now: tuple[str, ...]
    closures: tuple[tuple[Closure, ...], ...]


def news_of(
    changes: Iterable[Change],
    shelves: Mapping[str, Shelf],
    groups: Mapping[str, Group],
    scheme: Scheme,
    old_decisions: Mapping[int, str],
    facts: Mapping[str, Facts],
    old_facts: Mapping[str, Facts],
) -> list[dict[str, Any]]:
    """Items `{kind, vuln, source, before, after, kev, due_ms, hosts: number, some: [name]}`, the most urgent first.

    `before` and `after` are decisions; of what is gone `after` is why. `old_decisions`: the decision of each row number
    of the scheme of that day.
    """
    entered = {
        vuln
        for vuln, known in facts.items()
        if known.kev == "yes" and vuln in old_facts and old_facts[vuln].kev != "yes"
    }
    found: dict[_Event, list[list[str]]] = {}
    for (before, now, _id), (closures, hosts) in _distinct(changes, shelves, bool(entered)).items():
        was = shelves[before].groups if before else ()
        known = shelves[now].groups if now else ()
        for event in dict.fromkeys(_events(was, known, closures, groups, scheme, old_decisions, entered)):
            found.setdefault(event, []).append(hosts)  # a host has one shelf of a package, and is in one of the lists
    items = [
        {
            **event._asdict(),
            "kev": facts.get(event.vuln, NO_FACTS).kev == "yes",
            "hosts": sum(map(len, lists)),
            "some": nsmallest(SHOWN_HOSTS, chain.from_iterable(lists)),
        }
        for event, lists in found.items()
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


def _distinct(
    changes: Iterable[Change], shelves: Mapping[str, Shelf], all_of_them: bool
) -> dict[tuple[str, str, int], tuple[tuple[Closure, ...], list[str]]]:
    """Distinct changes of a shelf, with the hosts that made them; shelves that have not changed only if wanted."""
    found: dict[tuple[str, str, int], tuple[tuple[Closure, ...], list[str]]] = {}
    for host, before, now, closed in changes:
        if before == now and not closed and not all_of_them:
            continue
        was = {shelves[name].at: name for name in before}
        known = {shelves[name].at: name for name in now}
        gone = {shelf_of(closures[0].source): closures for closures in closed}
        for at in {**was, **known, **gone}:
            one, two, closures = was.get(at, ""), known.get(at, ""), gone.get(at, ())
            if one != two or closures or all_of_them:
                # by identity: hosts share what closed, and it may be thousands of rows
                found.setdefault((one, two, id(closures)), (closures, []))[1].append(host)
    return found


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
