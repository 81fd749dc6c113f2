# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From findings to work: which upgrade closes what, and on which hosts it is the most urgent. Pure.

The order is that of deadlines and of known exploitation, never of counts: one kernel update names thousands of
vulnerabilities, and one line of it is one job.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from heapq import nsmallest
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.life import Newer
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.lots import Lot, Lots, Offer
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.model import Entry, Facts, Group
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.scheme import Scheme

NO_FACTS = Facts()
SEVERITIES = ("critical", "high", "medium", "low", "none", "unknown")
_NEVER = 1 << 62
NAMED_HOSTS = 50
"""Names of hosts that a line keeps besides their number; the hosts' own rows name its steps."""


class Tally(NamedTuple):
    """Findings at a glance. Times are UTC milliseconds."""

    open: int
    kev: int
    overdue: int
    excepted: int
    first_due_ms: int | None
    decision: str
    """That of the finding which is due first."""
    severity: tuple[int, ...]
    """Counts in the order of SEVERITIES."""


def tally(entries: Iterable[Entry], scheme: Scheme, facts: Mapping[str, Facts], now_ms: int) -> Tally:
    """Counts of open findings; excepted ones are counted apart and have no deadline."""
    counted = kev = overdue = excepted = 0
    severity = [0] * len(SEVERITIES)
    first: Entry | None = None
    first_rank = (_NEVER, True, 0)
    for entry in entries:
        if entry.exception is not None:
            excepted += 1
            continue
        known = facts.get(entry.vuln, NO_FACTS)
        counted += 1
        kev += known.kev == "yes"
        severity[SEVERITIES.index(known.severity)] += 1
        overdue += entry.due_ms is not None and entry.due_ms < now_ms
        rank = (entry.due_ms or _NEVER, known.kev != "yes", entry.row)
        if first is None or rank < first_rank:
            first, first_rank = entry, rank
    decision = "" if first is None else scheme.rows[first.row].decision
    return Tally(counted, kev, overdue, excepted, first.due_ms if first else None, decision, tuple(severity))


class Share(NamedTuple):
    """What an offer does for one group."""

    closes: tuple[Entry, ...]
    stays: tuple[Entry, ...]
    """Open findings that the offer does not close: there is no fix, or the hosts are not offered it."""


def share_of(group: Group, offer: Offer, newer: Newer) -> Share:
    """Split a group's findings by whether the offered version closes them."""
    closes: list[Any] = []
    stays: list[Any] = []
    for entry in group.findings:
        fixed = entry.fixed
        done = offer.version is not None and fixed is not None and not newer(group.ecosystem, fixed, offer.version)
        (closes if done else stays).append(entry)
    return Share(tuple(closes), tuple(stays))


def work_list(
    lots: Sequence[Lot],
    groups: Mapping[str, Group],
    scheme: Scheme,
    facts: Mapping[str, Facts],
    newer: Newer,
    now_ms: int,
) -> list[dict[str, Any]]:
    """What to patch first.

    One line for each source package and version that closes findings, then one for what nothing on offer closes:
    `{source, ecosystem, from: [version], to, blocked, packages, shares: [(group, offer)], hosts: number, some: [name],
    vulns: [id], kev: [id], in_use}` and the fields of Tally.
    """
    on: dict[tuple[str, Offer], list[int]] = {}
    for number, lot in enumerate(lots):
        for pair in lot.pairs():
            on.setdefault(pair, []).append(number)
    lines: dict[tuple[str, str, str | None, str], dict[str, Any]] = {}
    for (name, offer), numbers in on.items():
        group = groups[name]
        share = share_of(group, offer, newer)
        for entries, to, blocked in (
            (share.closes, offer.version, offer.blocked),
            (share.stays, None, _why_open(share.stays)),
        ):
            if not entries:
                continue
            line = lines.setdefault(
                (group.ecosystem, offer.source or group.source, to, blocked),
                {
                    "source": offer.source or group.source,
                    "ecosystem": group.ecosystem,
                    "from": set(),
                    "to": to,
                    "blocked": blocked,
                    "packages": set(),
                    "shares": set(),
                    "lots": set(),
                    "entries": {},
                    "in_use": {},
                },
            )
            line["from"].add(group.version)
            line["packages"].update(group.packages or (group.source,))
            line["shares"].add((name, offer))
            line["lots"].update(numbers)
            count = sum(len(lots[number].hosts) for number in numbers)
            line["in_use"][group.in_use] = line["in_use"].get(group.in_use, 0) + count
            merge(line["entries"], entries)
    return sorted((_line(line, lots, scheme, facts, now_ms) for line in lines.values()), key=_order)


def _why_open(entries: tuple[Entry, ...]) -> str:
    if not entries:
        return ""
    return "the fixed version is not on offer" if any(entry.fixed for entry in entries) else "no fix is known"


def _urgency(entry: Entry) -> tuple[bool, int, int]:
    return entry.exception is not None, entry.due_ms or _NEVER, entry.row


def _line(
    line: dict[str, Any], lots: Sequence[Lot], scheme: Scheme, facts: Mapping[str, Facts], now_ms: int
) -> dict[str, Any]:
    entries: dict[str, Entry] = line.pop("entries")
    hosts: set[str] = set()
    for number in line.pop("lots"):
        hosts.update(lots[number].hosts)
    counted = tally(entries.values(), scheme, facts, now_ms)
    active = [entry for entry in entries.values() if entry.exception is None]
    return {
        **line,
        "from": sorted(line["from"]),
        "packages": sorted(line["packages"]),
        "shares": sorted(line["shares"], key=str),
        "hosts": len(hosts),
        "some": nsmallest(NAMED_HOSTS, hosts),
        "vulns": sorted(entries),
        "kev": sorted(entry.vuln for entry in active if facts.get(entry.vuln, NO_FACTS).kev == "yes"),
        "open": counted.open,
        "overdue": counted.overdue,
        "excepted": counted.excepted,
        "first_due_ms": counted.first_due_ms,
        "decision": counted.decision,
        "severity": list(counted.severity),
    }


def _order(line: dict[str, Any]) -> tuple[Any, ...]:
    """First what can be done, by its first deadline."""
    return (
        line["to"] is None,
        not line["open"],
        line["first_due_ms"] or _NEVER,
        -len(line["kev"]),
        [-count for count in line["severity"]],
        -line["hosts"],
        line["source"],
        line["to"] or "",
    )


def host_list(
    found: Lots,
    groups: Mapping[str, Group],
    scheme: Scheme,
    facts: Mapping[str, Facts],
    now_ms: int,
) -> list[dict[str, Any]]:
    """The most vulnerable systems first: `{host, lots, upgrades, open, kev, overdue, overdue_upgrades, excepted,
    first_due_ms, decision, severity}`. An upgrade is a source package with an open finding."""
    counted: dict[tuple[str, ...], _Count] = {}
    for lot in found.lots:
        if lot.groups not in counted:
            counted[lot.groups] = _count(lot.groups, groups, scheme, facts, now_ms)
    counts = [counted[lot.groups] for lot in found.lots]
    rows = [_host(host, numbers, counts) for host, numbers in found.of.items()]
    return sorted(rows, key=_host_order)


class _Count(NamedTuple):
    """A lot at a glance. numbers: of the columns of _SUMS; due: the first deadline and its decision; undue: the
    decision of what has no deadline."""

    numbers: tuple[int, ...]
    due: tuple[int, str] | None
    undue: str


_SUMS = ("upgrades", "open", "kev", "overdue", "overdue_upgrades", "excepted")
_NONE = (0,) * (len(_SUMS) + len(SEVERITIES))


def _count(
    names: Iterable[str], groups: Mapping[str, Group], scheme: Scheme, facts: Mapping[str, Facts], now_ms: int
) -> _Count:
    by_source: dict[str, dict[str, Entry]] = {}
    for name in names:
        merge(by_source.setdefault(groups[name].source, {}), groups[name].findings)
    tallies = [tally(entries.values(), scheme, facts, now_ms) for entries in by_source.values()]
    numbers = [
        (bool(one.open), one.open, one.kev, one.overdue, bool(one.overdue), one.excepted, *one.severity)
        for one in tallies
    ]
    due = [(item.first_due_ms, item.decision) for item in tallies if item.first_due_ms is not None]
    undue = next((item.decision for item in tallies if item.open), "")
    return _Count(tuple(map(sum, zip(*numbers, strict=True))), min(due, default=None), undue)


def _host(host: str, numbers: Sequence[int], counts: Sequence[_Count]) -> dict[str, Any]:
    mine = [counts[number] for number in numbers]
    sums = tuple(map(sum, zip(*(count.numbers for count in mine), strict=True))) or _NONE
    due = min((count.due for count in mine if count.due is not None), default=None)
    return {
        "host": host,
        "lots": list(numbers),
        **dict(zip(_SUMS, sums, strict=False)),
        "first_due_ms": due[0] if due else None,
        "decision": due[1] if due else next((count.undue for count in mine if count.undue), ""),
        "severity": list(sums[len(_SUMS) :]),
    }


def merge(entries: dict[str, Entry], more: Iterable[Entry]) -> None:
    """Add the findings of one source package in another version or binary package: each vulnerability once, as it is
    the most urgent."""
    for entry in more:
        known = entries.get(entry.vuln)
        if known is None or _urgency(entry) < _urgency(known):
            entries[entry.vuln] = entry


def _host_order(row: dict[str, Any]) -> tuple[Any, ...]:
    return (
        -row["overdue_upgrades"],
        -row["kev"],
        row["first_due_ms"] or _NEVER,
        [-count for count in row["severity"][:2]],
        -row["upgrades"],
        row["host"],
    )
