# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Deadlines kept, missed and open in a past period, from the books that were kept then. Pure.

What counts is the deadline as it stood when a finding closed, or at the end of the period: EPSS and KEV may have moved
since, the record has not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.model import Closure, Entry, Group

OUTCOMES = ("kept", "missed", "open", "excepted", "no_deadline")


class Step(NamedTuple):
    """A host's book after one assessment."""

    ms: int
    groups: tuple[str, ...]
    closures: tuple[Closure, ...]
    decisions: Mapping[int, str]
    """The decision of each row of the scheme of that day."""


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


def lives(steps: Sequence[Step], groups: Mapping[str, Group], from_ms: int, to_ms: int) -> list[Life]:
    """The findings of one host that were open at any time of the period, by package and vulnerability. `steps`: its
    books, oldest first, from the first that was ever kept."""
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
    hosts: Mapping[str, Sequence[tuple[int, str, str | None]]],
    step_of: Callable[[tuple[int, str, str | None]], Step],
    groups: Mapping[str, Group],
    from_ms: int,
    to_ms: int,
) -> Iterator[tuple[str, Life]]:
    """(host, life) of every host; hosts with the same history are worked out once."""
    made: dict[tuple[tuple[int, str, str | None], ...], Iterable[Life]] = {}
    for host, history in hosts.items():
        key = tuple(history)
        if key not in made:
            made[key] = lives([step_of(item) for item in history], groups, from_ms, to_ms)
        for life in made[key]:
            yield host, life
