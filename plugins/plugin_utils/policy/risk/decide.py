# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A decision and its deadline. Pure.

A deadline counts from when the finding was opened, or from the vulnerability's publication, as the scheme says. A
decision that becomes more urgent later gives its full time from that day, so that nobody is overdue by news alone; it
never moves a deadline back. A control makes a deadline later, by the largest of the rules that fit.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.inputs import inputs_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.model import (
    ControlRule,
    Entry,
    Facts,
    Match,
    Profile,
    Risk,
    Unit,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.scheme import Row, Scheme

_VECTORS = {"N": "network", "A": "adjacent", "L": "local", "P": "physical"}


class Decision(NamedTuple):
    """What a scheme says of one finding."""

    row: Row
    due_ms: int | None
    decided_ms: int
    extended_ms: int


def attack_vector(vector: str) -> str:
    """`network`, `adjacent`, `local` or `physical` of a CVSS vector, empty where it says none."""
    part = next((part for part in vector.split("/") if part.startswith("AV:")), "")
    return _VECTORS.get(part[3:], "")


def extension_of(rules: Iterable[ControlRule], profile: Profile, facts: Facts, unit: Unit, in_use: str) -> int:
    """How much longer a finding may take because of the host's controls."""
    fitting = [rule.by_ms for rule in rules if rule.control in profile.controls and _fits(rule, facts, unit, in_use)]
    return max(fitting, default=0)


def _fits(rule: ControlRule, facts: Facts, unit: Unit, in_use: str) -> bool:
    names = (unit.source, *unit.packages)
    return (
        (not rule.attack_vector or attack_vector(facts.vector) in rule.attack_vector)
        and (not rule.packages or any(fnmatchcase(name, glob) for glob in rule.packages for name in names))
        and (not rule.in_use or in_use in rule.in_use)
    )


def decide(
    scheme: Scheme,
    risk: Risk,
    match: Match,
    facts: Facts,
    profile: Profile,
    unit: Unit,
    in_use: str,
    opened_ms: int,
    before: Entry | None,
    now_ms: int,
    row: Row | None = None,
) -> Decision:
    """The decision on a finding now; `before` is it as it stood under the same scheme, None for a new one; `row`
    the row that decides, where that is known."""
    if row is None:
        row = scheme.decide(inputs_of(facts, profile, in_use, match.answer))[0]
    extended = 0
    if row.deadline_ms is not None and profile.controls:
        extended = extension_of(risk.controls, profile, facts, unit, in_use)
    if before is not None and before.row == row.number and before.extended_ms == extended:
        return Decision(row, before.due_ms, before.decided_ms, extended)
    published = facts.published_ms
    base = opened_ms if scheme.counts_from == "first_seen" or published is None else published
    if row.deadline_ms is None:
        return Decision(row, None, now_ms, 0)
    due = base + row.deadline_ms + extended
    if before is not None and (before.due_ms is None or due < before.due_ms):
        from_today = now_ms + row.deadline_ms + extended
        due = max(due, from_today if before.due_ms is None else min(before.due_ms, from_today))
    return Decision(row, due, now_ms, extended)
