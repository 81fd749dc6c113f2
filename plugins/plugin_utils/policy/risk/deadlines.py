# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Deadlines kept, missed and open in a past period, from the books that were kept then. Pure.

What counts is the deadline as it stood when a finding closed, or at the end of the period: EPSS and KEV may have moved
since, the record has not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.book import Shelf
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.model import Closure, Entry, Group
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.shelves import shelf_of

OUTCOMES = ("kept", "missed", "open", "excepted", "no_deadline")


class Step(NamedTuple):
    """A host's book after one assessment."""

    ms: int
    shelves: tuple[str, ...]
    closures: tuple[tuple[Closure, ...], ...]
    """What closed, shelf by shelf."""
    decisions: Mapping[int, str]
    """The decision of each row of the scheme of that day."""


class _Part(NamedTuple):
    """One shelf of a Step."""

    ms: int
    groups: tuple[str, ...]
    closures: tuple[Closure, ...]
    decisions: Mapping[int, str]


class Life(NamedTuple):
    """One finding of one host in a period."""

    source: str
    vuln: str
    version: str
    decision: str
    opened_ms: int
    due_ms: int | None
    closed_ms: int | None
    why: str
    outcome: str
    changes: int
    """How often its deadline changed."""


class _Open(NamedTuple):
    entry: Entry
    version: str
    decision: str
    changes: int


def lives(steps: Sequence[_Part], groups: Mapping[str, Group], from_ms: int, to_ms: int) -> list[Life]:
    """The findings in one shelf that were open at any time of the period, by package and vulnerability. `steps`: what
    it had, oldest first, from the first that was ever kept."""
    now_open: dict[tuple[str, str], _Open] = {}
    found: list[Life] = []
    for step in steps:
        if step.ms > to_ms:
            break
        known: dict[tuple[str, str], _Open] = {}
        for name in step.groups:
            group = groups[name]
            for entry in group.findings:
                key = (group.source, entry.vuln)
                old = now_open.get(key)
                moved = old is not None and old.entry.due_ms != entry.due_ms
                changes = (old.changes if old else 0) + moved
                known[key] = _Open(entry, group.version, step.decisions.get(entry.row, ""), changes)
        why = {(closure.source, closure.vuln): closure.why for closure in step.closures}
        for key, old in now_open.items():
            if key not in known and step.ms >= from_ms:
                found.append(_life(key, old, step.ms, why.get(key, ""), to_ms))
        now_open = known
    found += [_life(key, old, None, "", to_ms) for key, old in now_open.items()]
    return sorted(found)


def _life(key: tuple[str, str], was: _Open, closed_ms: int | None, why: str, to_ms: int) -> Life:
    due = was.entry.due_ms
    if was.entry.exception is not None:
        outcome = "excepted"
    elif due is None:
        outcome = "no_deadline"
    elif (to_ms if closed_ms is None else closed_ms) > due:
        outcome = "missed"
    else:
        outcome = "open" if closed_ms is None else "kept"
    return Life(*key, was.version, was.decision, was.entry.opened_ms, due, closed_ms, why, outcome, was.changes)


def fleet_lives(
    hosts: Mapping[str, Sequence[Step]],
    shelves: Mapping[str, Shelf],
    groups: Mapping[str, Group],
    from_ms: int,
    to_ms: int,
) -> Iterator[tuple[str, Life]]:
    """(host, life) of every host, by shelf; each distinct history of a shelf is worked out once. Of a host, the steps
    of one assessment are one object, so that what is equal is seen at once."""
    made: dict[tuple[object, ...], list[Life]] = {}
    for host, steps in hosts.items():
        of: dict[int, list[tuple[Step, str, tuple[Closure, ...]]]] = {}
        for at in sorted({shelves[name].at for step in steps for name in step.shelves}):
            of[at] = []
        for step in steps:
            has = {shelves[name].at: name for name in step.shelves}
            gone = {shelf_of(closures[0].source): closures for closures in step.closures}
            for at, history in of.items():
                history.append((step, has.get(at, ""), gone.get(at, ())))
        for at, history in of.items():
            # a step in which the shelf stayed as it was says nothing of it, unless its scheme's rows are others
            told = [
                item
                for number, item in enumerate(history)
                if not number
                or item[2]
                or item[1] != history[number - 1][1]
                or item[0].decisions is not history[number - 1][0].decisions
            ]
            key = (at, *((step.ms, id(step.decisions), name, id(closures)) for step, name, closures in told))
            if key not in made:
                parts = [
                    _Part(step.ms, shelves[name].groups if name else (), closures, step.decisions)
                    for step, name, closures in told
                ]
                made[key] = lives(parts, groups, from_ms, to_ms)
            for life in made[key]:
                yield host, life
