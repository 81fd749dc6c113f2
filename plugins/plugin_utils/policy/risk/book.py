# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Books: what is open on each host, made once for each distinct combination and shared by all hosts that have it. Pure.

10,000 hosts of 40 images have some thousand distinct groups, and only those are worked out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import digest
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.exceptions import Waiver, excuse_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.life import Context, advance, removed
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.model import (
    Closure,
    Entry,
    Group,
    Profile,
    Unit,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.words import UNKNOWN

Closed = Mapping[str, Mapping[str, int]]
"""{source: {vulnerability: how often it was closed on the host}}."""
NONE_CLOSED: Closed = {}


class Book(NamedTuple):
    """What is open on a host, and what has closed since the last book."""

    groups: tuple[str, ...]
    """Digests of its groups, sorted."""
    closures: tuple[Closure, ...]


class Books:
    """Makes books. `groups` has every group by its digest; those of earlier books are given."""

    def __init__(self, context: Context, groups: Mapping[str, Group]) -> None:
        self.context = context
        self.groups: dict[str, Group] = dict(groups)
        self._made: dict[tuple[object, ...], tuple[tuple[str, ...], tuple[Closure, ...]]] = {}

    def make(
        self,
        units: Sequence[Unit],
        profile: Profile,
        in_use: Mapping[str, str],
        before: Sequence[str],
        closed: Closed,
        exceptions: tuple[Waiver, ...],
        replaced: bool = False,
    ) -> Book:
        """The book of one host. `units`: its packages; `in_use`: {source: use}; `before`: the digests of its last book;
        `exceptions`: those whose scope has this host and that hold now; `replaced`: another machine has its name, so
        that nothing of the last book is about it."""
        by_source: dict[str, list[Unit]] = {}
        for unit in units:
            by_source.setdefault(unit.source, []).append(unit)
        was: dict[str, list[str]] = {}
        for name in before:
            was.setdefault(self.groups[name].source, []).append(name)
        found: list[str] = []
        closures: list[Closure] = []
        if replaced:
            closures = [
                item for names in was.values() for name in names for item in removed(self.groups[name], "replaced")
            ]
            was = {}
        excused = tuple(waiver.id for waiver in exceptions)
        for source, mine in by_source.items():
            past = closed.get(source)
            key = (
                tuple(unit.key for unit in mine),
                profile,
                in_use.get(source, UNKNOWN),
                tuple(was.get(source, ())),
                tuple(sorted(past.items())) if past else (),
                excused,
            )
            made = self._made.get(key)
            if made is None:
                use = in_use.get(source, UNKNOWN)
                made = self._source(mine, profile, use, was.get(source, ()), past or {}, exceptions)
                self._made[key] = made
            found += made[0]
            closures += made[1]
        for source in was.keys() - by_source.keys():
            for name in was[source]:
                closures += removed(self.groups[name], "removed")
        return Book(tuple(sorted(found)), tuple(sorted(closures)))

    def _source(
        self,
        units: Sequence[Unit],
        profile: Profile,
        in_use: str,
        before: Sequence[str],
        closed: Mapping[str, int],
        exceptions: tuple[Waiver, ...],
    ) -> tuple[tuple[str, ...], tuple[Closure, ...]]:
        """One source package, which may be installed in several versions (kernels)."""
        last = _joined([self.groups[name] for name in before])
        made = [
            advance(self.context, unit, profile, in_use, last, closed, excuse_of(exceptions, self.context.now_ms))
            for unit in units
        ]
        still = {entry.vuln for group, _closures in made for entry in group.findings}
        closures = {
            closure.vuln: closure for _group, closures in made for closure in closures if closure.vuln not in still
        }
        names = []
        for group, _closures in made:
            if group.findings:
                name = digest(group.content())
                self.groups.setdefault(name, group)
                names.append(name)
        return tuple(names), tuple(closures.values())


def _joined(groups: Sequence[Group]) -> Group | None:
    """What was open in any version of a package; where two versions had it, the one that opened first."""
    if len(groups) < 2:
        return groups[0] if groups else None
    entries: dict[str, Entry] = {}
    for group in groups:
        for entry in group.findings:
            known = entries.get(entry.vuln)
            if known is None or entry.opened_ms < known.opened_ms:
                entries[entry.vuln] = entry
    first = groups[0]
    return Group(
        first.source,
        first.version,
        first.ecosystem,
        first.packages,
        first.profile,
        first.in_use,
        tuple(entries[vuln] for vuln in sorted(entries)),
    )
