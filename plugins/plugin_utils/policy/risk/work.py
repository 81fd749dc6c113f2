# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From findings to work: which upgrade closes what, and on which hosts it is the most urgent. Pure.

The order is that of deadlines and of known exploitation, never of counts: one kernel update names thousands of
vulnerabilities, and one line of it is one job.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.life import Newer
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.model import Entry, Facts, Group
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.scheme import Scheme

NO_FACTS = Facts()
SEVERITIES = ("critical", "high", "medium", "low", "none", "unknown")
_NEVER = 1 << 62


class Offer(NamedTuple):
    """What a host's package manager would install for a source package: version None where it offers nothing."""

    version: str | None
    blocked: str = ""
    """Why it would not be taken: a hold, a phased update; empty where nothing stands against it."""
    source: str = ""
    """The source package that it is built from, where the finding names a binary one."""


NOTHING = Offer(None)


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
    hosts: Mapping[str, Iterable[str]],
    groups: Mapping[str, Group],
    offers: Callable[[str, Group], Offer],
    scheme: Scheme,
    facts: Mapping[str, Facts],
    newer: Newer,
    now_ms: int,
) -> list[dict[str, Any]]:
    """What to patch first.

    `hosts`: {host: digests of its groups}; `offers(host, group)`. One line for each source package and version that
    closes findings, then one for what nothing on offer closes: `{source, ecosystem, from: [version], to, blocked,
    packages, shares: [(group, offer)], hosts: [name], vulns: [id], kev: [id], in_use}` and the fields of Tally.
    """
    on: dict[tuple[str, Offer], list[str]] = {}
    for host, names in hosts.items():
        for name in names:
            on.setdefault((name, offers(host, groups[name])), []).append(host)
    lines: dict[tuple[str, str, str | None, str], dict[str, Any]] = {}
    for (name, offer), members in on.items():
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
                    "hosts": set(),
                    "entries": {},
                    "in_use": {},
                },
            )
            line["from"].add(group.version)
            line["packages"].update(group.packages or (group.source,))
            line["shares"].add((name, offer))
            line["hosts"].update(members)
            line["in_use"][group.in_use] = line["in_use"].get(group.in_use, 0) + len(members)
            line["entries"] = {entry.vuln: entry for entry in merged((line["entries"].values(), entries))}
    return sorted((_line(line, scheme, facts, now_ms) for line in lines.values()), key=_order)


def _why_open(entries: tuple[Entry, ...]) -> str:
    if not entries:
        return ""
    return "the fixed version is not on offer" if any(entry.fixed for entry in entries) else "no fix is known"


def _urgency(entry: Entry) -> tuple[bool, int, int]:
    return entry.exception is not None, entry.due_ms or _NEVER, entry.row


def _line(line: dict[str, Any], scheme: Scheme, facts: Mapping[str, Facts], now_ms: int) -> dict[str, Any]:
    entries: dict[str, Entry] = line.pop("entries")
    counted = tally(entries.values(), scheme, facts, now_ms)
    active = [entry for entry in entries.values() if entry.exception is None]
    return {
        **line,
        "from": sorted(line["from"]),
        "packages": sorted(line["packages"]),
        "shares": sorted(line["shares"], key=str),
        "hosts": sorted(line["hosts"]),
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
        -len(line["hosts"]),
        line["source"],
        line["to"] or "",
    )


def host_list(
    hosts: Mapping[str, Iterable[str]],
    groups: Mapping[str, Group],
    scheme: Scheme,
    facts: Mapping[str, Facts],
    now_ms: int,
) -> list[dict[str, Any]]:
    """The most vulnerable systems first: `{host, groups, upgrades, open, kev, overdue, overdue_upgrades, excepted,
    first_due_ms, decision, severity}`. An upgrade is a source package with an open finding."""
    counted: dict[tuple[str, ...], Tally] = {}
    made: dict[tuple[str, ...], dict[str, Any]] = {}
    found = []
    for host, names in hosts.items():
        key = tuple(names)
        if key not in made:
            by_source: dict[str, list[str]] = {}
            for name in key:
                by_source.setdefault(groups[name].source, []).append(name)
            tallies = {}
            for source, mine in by_source.items():
                if tuple(mine) not in counted:
                    entries = merged(groups[name].findings for name in mine)
                    counted[tuple(mine)] = tally(entries, scheme, facts, now_ms)
                tallies[source] = counted[tuple(mine)]
            made[key] = _host(by_source, tallies)
        found.append({"host": host, **made[key]})
    return sorted(found, key=_host_order)


def merged(findings: Iterable[Iterable[Entry]]) -> list[Entry]:
    """The findings of one source package in several versions or binary packages: each vulnerability once."""
    entries: dict[str, Entry] = {}
    for group in findings:
        for entry in group:
            known = entries.get(entry.vuln)
            if known is None or _urgency(entry) < _urgency(known):
                entries[entry.vuln] = entry
    return list(entries.values())


def _host(by_source: Mapping[str, list[str]], tallies: Mapping[str, Tally]) -> dict[str, Any]:
    ordered = sorted(by_source, key=lambda source: (tallies[source].first_due_ms or _NEVER, source))
    due = [(item.first_due_ms, item.decision) for item in tallies.values() if item.first_due_ms is not None]
    undue = next((item.decision for item in tallies.values() if item.open), "")
    return {
        "groups": [name for source in ordered for name in by_source[source]],
        "upgrades": sum(1 for item in tallies.values() if item.open),
        "open": sum(item.open for item in tallies.values()),
        "kev": sum(item.kev for item in tallies.values()),
        "overdue": sum(item.overdue for item in tallies.values()),
        "overdue_upgrades": sum(1 for item in tallies.values() if item.overdue),
        "excepted": sum(item.excepted for item in tallies.values()),
        "first_due_ms": min(due)[0] if due else None,
        "decision": min(due)[1] if due else undue,
        "severity": [sum(item.severity[at] for item in tallies.values()) for at in range(len(SEVERITIES))],
    }


def _host_order(row: dict[str, Any]) -> tuple[Any, ...]:
    return (
        -row["overdue_upgrades"],
        -row["kev"],
        row["first_due_ms"] or _NEVER,
        [-count for count in row["severity"][:2]],
        -row["upgrades"],
        row["host"],
    )
