# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The life of findings: what a new assessment makes of what was open. Pure.

A finding is one vulnerability in one source package on one host. It closes only when a later look shows that it is
gone; what is not known now stays open. Work is done once for each distinct group, not once a host.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.decide import decide
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.model import (
    Closure,
    Entry,
    Facts,
    Group,
    Match,
    Profile,
    Risk,
    Unit,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.scheme import Row, Scheme
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import AFFECTED, FIXED, UNKNOWN

Excuse = Callable[[Unit, Match], "str | None"]
"""The exception that covers a match on the hosts of this group."""
Newer = Callable[[str, str, str], bool]
"""`newer(ecosystem, a, b)`: is version a newer than b?"""
NO_FACTS = Facts()


class Context(NamedTuple):
    """What is the same for a whole assessment."""

    scheme: Scheme
    risk: Risk
    facts: Mapping[str, Facts]
    now_ms: int
    same_scheme: bool
    """False where the last assessment was made under another scheme: its rows mean something else."""
    feeds: frozenset[str]
    """Names of the feeds in use. What only others have said cannot be asked now, and so stays open."""
    newer: Newer
    rows: dict[tuple[str, Profile, str, str], Row]
    """Rows that have decided, by vulnerability, profile, use and answer; filled as it goes."""


def advance(
    context: Context,
    unit: Unit,
    profile: Profile,
    in_use: str,
    before: Group | None,
    closed: Mapping[str, int],
    excuse: Excuse,
) -> tuple[Group, tuple[Closure, ...]]:
    """What is open of a package now, and what has closed since.

    `before` is what was open of the package on this host, `closed` how often each vulnerability of it was closed
    there.
    """
    known = {entry.vuln: entry for entry in before.findings} if before else {}
    found: dict[str, Entry] = {}
    closures: list[Closure] = []
    for match in unit.matches:
        old = known.pop(match.vuln, None)
        if match.answer in AFFECTED:
            found[match.vuln] = _open(context, unit, profile, in_use, match, old, closed, excuse)
        elif old is not None and match.answer == UNKNOWN:
            found[match.vuln] = old._replace(answer=UNKNOWN)
        elif old is not None:
            closures.append(_closure(unit, old, match.answer, match.fixed or old.fixed))
    for old in known.values():
        if old.fixed is not None and not context.newer(unit.ecosystem, old.fixed, unit.version):
            closures.append(_closure(unit, old, FIXED, old.fixed))
        elif not context.feeds.isdisjoint(old.by):
            closures.append(_closure(unit, old, "withdrawn", old.fixed))
        else:
            found[old.vuln] = old._replace(answer=UNKNOWN)
    entries = tuple(sorted(found.values(), key=lambda entry: entry.vuln))
    group = Group(unit.source, unit.version, unit.ecosystem, unit.packages, profile, in_use, entries)
    return group, tuple(closures)


def removed(before: Group, why: str) -> tuple[Closure, ...]:
    """The package or the machine is gone, and the findings with it."""
    return tuple(
        Closure(before.source, entry.vuln, why, entry.opened_ms, entry.due_ms, "", entry.fixed)
        for entry in before.findings
    )


def _closure(unit: Unit, old: Entry, why: str, fixed: str | None) -> Closure:
    return Closure(unit.source, old.vuln, why, old.opened_ms, old.due_ms, unit.version, fixed)


def _open(
    context: Context,
    unit: Unit,
    profile: Profile,
    in_use: str,
    match: Match,
    old: Entry | None,
    closed: Mapping[str, int],
    excuse: Excuse,
) -> Entry:
    opened = context.now_ms if old is None else old.opened_ms
    facts = context.facts.get(match.vuln, NO_FACTS)
    before = old if context.same_scheme or old is None else old._replace(row=-1)
    key = (match.vuln, profile, in_use, match.answer)
    decision = decide(
        context.scheme,
        context.risk,
        match,
        facts,
        profile,
        unit,
        in_use,
        opened,
        before,
        context.now_ms,
        context.rows.get(key),
    )
    context.rows[key] = decision.row
    return Entry(
        match.vuln,
        opened,
        match.answer,
        match.fixed,
        decision.row.number,
        decision.due_ms,
        decision.decided_ms,
        decision.extended_ms,
        excuse(unit, match),
        old.reopened if old else closed.get(match.vuln, 0),
        match.advisories,
        match.by,
        match.disagree,
    )
