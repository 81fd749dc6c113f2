# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From what several feeds say of one package version to one answer for each vulnerability. Pure."""

from __future__ import annotations

from collections.abc import Container

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.versions import order
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import (
    AFFECTED,
    FIX,
    FIXED,
    NO_FIX,
    NOT_AFFECTED,
    STATUSES,
    UNKNOWN,
    Answer,
    Claim,
)

_RANK = {status: number for number, status in enumerate(STATUSES)}
_NOT_OPEN = frozenset({FIXED, NOT_AFFECTED})


def answer(name: str, claims: list[Claim], scheme: str, changelogs: Container[str]) -> Answer:
    """The Answer for one vulnerability. changelogs: names of the sources that are changelogs."""
    if len(claims) == 1:
        only = claims[0]
        return Answer(name, only.status, only.fixed, only.why, (only,), "", only.source in changelogs)
    ordered = tuple(sorted(claims, key=lambda claim: (_RANK[claim.status], claim.source, claim.advisory)))
    by_source: dict[str, Claim] = {}
    for claim in ordered:  # of one source's advisories, the one that matters most speaks for it
        known = by_source.setdefault(claim.source, claim)
        if known.status == claim.status == FIX and _later(claim.fixed, known.fixed, scheme):
            by_source[claim.source] = claim
    first = ordered[0]
    fixed = first.fixed
    for claim in by_source.values():
        if claim.status == FIX and (first.status == FIX) and _later(claim.fixed, fixed, scheme):
            fixed = claim.fixed
    return Answer(
        name,
        first.status,
        fixed,
        first.why,
        ordered,
        _disagreement(list(by_source.values())),
        all(claim.source in changelogs for claim in ordered),
    )


def _later(one: str | None, two: str | None, scheme: str) -> bool:
    return one is not None and (two is None or order(one, scheme) > order(two, scheme))


def _disagreement(claims: list[Claim]) -> str:
    statuses = {claim.status for claim in claims}
    if (statuses & AFFECTED and statuses & _NOT_OPEN) or {FIX, NO_FIX} <= statuses:
        return "status"
    if UNKNOWN in statuses and len(statuses) > 1:
        return "status"
    fixes = {claim.fixed for claim in claims if claim.status == FIX}
    return "fixed version" if len(fixes) > 1 else ""
