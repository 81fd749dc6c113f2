# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Books: what is open on each host, made once for each distinct combination and shared by all hosts that have it. Pure.

A book is a list of shelves, and a shelf what is open in some of the packages, the same ones on every host. So all that
is done for each host is a look at its shelves; packages are looked at once for each distinct shelf, and findings once
for each distinct group.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import canonical_of_typed
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
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.shelves import shelf_of


class Shelf(NamedTuple):
    """What is open in the packages of one shelf: digests of the groups, sorted. at: which shelf it is."""

    at: int
    groups: tuple[str, ...]

    def content(self) -> dict[str, Any]:
        """As the ledger stores it."""
        return {"at": self.at, "groups": list(self.groups)}

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Shelf:
        """The shelf that a stored content is."""
        return cls(content["at"], tuple(content["groups"]))


@dataclass(frozen=True, eq=False)
class Stock:
    """The packages of one shelf in their versions, as hosts have them. One is equal only to itself, so that a look at
    one is quick; hosts share them."""

    at: int
    units: tuple[Unit, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Past:
    """How often what was closed in the packages of one shelf: {source: {vulnerability: times}}; shared like a Stock."""

    times: Mapping[str, Mapping[str, int]]


Closed = Mapping[int, Past]
"""By shelf."""
NONE_CLOSED: Closed = {}


class Book(NamedTuple):
    """What is open on a host, and what has closed since the last book."""

    shelves: tuple[str, ...]
    """Digests of its shelves, in their order."""
    closures: tuple[tuple[Closure, ...], ...]
    """What has closed, shelf by shelf; only of shelves where anything has."""


def digest_of(value: Any) -> str:
    """The digest under which the ledger stores a group or a shelf."""
    return sha256(canonical_of_typed(value).encode("utf-8")).hexdigest()


def stock_of(at: int, units: Iterable[Unit]) -> Stock:
    listed = tuple(units)
    return Stock(at, listed, tuple(dict.fromkeys(unit.source for unit in listed)))


def stocks_of(units: Iterable[Unit]) -> tuple[Stock, ...]:
    """The stocks of one host, in the order of their shelves."""
    shelves: dict[int, list[Unit]] = {}
    for unit in units:
        shelves.setdefault(shelf_of(unit.source), []).append(unit)
    return tuple(stock_of(at, shelves[at]) for at in sorted(shelves))


def shelved(names: Iterable[str], groups: Mapping[str, Group]) -> dict[str, Shelf]:
    """Shelves of groups by their digests: of a book as older versions kept it, which is a list of groups."""
    found: dict[int, list[str]] = {}
    for name in names:
        found.setdefault(shelf_of(groups[name].source), []).append(name)
    made = (Shelf(at, tuple(sorted(found[at]))) for at in sorted(found))
    return {digest_of(shelf.content()): shelf for shelf in made}


class Books:
    """Makes books. `groups` and `shelves` have every group and shelf by its digest; those of earlier books are
    given."""

    def __init__(
        self, context: Context, groups: Mapping[str, Group], shelves: Mapping[str, Shelf] | None = None
    ) -> None:
        self.context = context
        self.groups: dict[str, Group] = dict(groups)
        self.shelves: dict[str, Shelf] = dict(shelves or {})
        self._shelves: dict[tuple[object, ...], tuple[str, tuple[Closure, ...]]] = {}
        self._sources: dict[tuple[object, ...], tuple[tuple[str, ...], tuple[Closure, ...]]] = {}
        self._uses: dict[int, tuple[Mapping[str, str], dict[Stock, tuple[str, ...]]]] = {}
        self._whose: dict[tuple[Profile, tuple[str, ...]], int] = {}

    def make(
        self,
        stocks: Sequence[Stock],
        profile: Profile,
        in_use: Mapping[str, str],
        before: Sequence[str],
        closed: Closed,
        exceptions: tuple[Waiver, ...],
        replaced: bool = False,
    ) -> Book:
        """The book of one host. `stocks`: its packages; `in_use`: {source: use}; `before`: the
        digests of its last book; `exceptions`: those whose scope has this host and that hold now; `replaced`: another
        machine has its name, so that nothing of the last book is about it."""
        whose = self._whose.setdefault((profile, tuple(waiver.id for waiver in exceptions)), len(self._whose))
        found: list[str] = []
        closures = [self._gone(name, "replaced") for name in before] if replaced else []
        was = {} if replaced else {self.shelves[name].at: name for name in before}
        for stock in stocks:
            use = self._use(stock, in_use) if in_use else ()
            name, past = was.pop(stock.at, ""), closed.get(stock.at)
            key = (stock, whose, use, name, past)
            made = self._shelves.get(key)
            if made is None:
                made = self._shelves[key] = self._shelf(stock, profile, use, name, past, exceptions, whose)
            if made[0]:
                found.append(made[0])
            if made[1]:
                closures.append(made[1])
        closures += [self._gone(name, "removed") for name in was.values()]
        return Book(tuple(found), tuple(closures))

    def _use(self, stock: Stock, in_use: Mapping[str, str]) -> tuple[str, ...]:
        kept, made = self._uses.setdefault(id(in_use), (in_use, {}))  # kept, so that no other one gets its id
        if stock not in made:
            made[stock] = tuple(kept.get(source, UNKNOWN) for source in stock.sources)
        return made[stock]

    def _gone(self, name: str, why: str) -> tuple[Closure, ...]:
        key = (name, why)
        if key not in self._shelves:
            gone = [item for group in self.shelves[name].groups for item in removed(self.groups[group], why)]
            self._shelves[key] = ("", tuple(sorted(gone)))
        return self._shelves[key][1]

    def _shelf(
        self,
        stock: Stock,
        profile: Profile,
        use: tuple[str, ...],
        before: str,
        past: Past | None,
        exceptions: tuple[Waiver, ...],
        whose: int,
    ) -> tuple[str, tuple[Closure, ...]]:
        by_source: dict[str, list[Unit]] = {source: [] for source in stock.sources}
        for unit in stock.units:
            by_source[unit.source].append(unit)
        was: dict[str, list[str]] = {}
        for name in self.shelves[before].groups if before else ():
            was.setdefault(self.groups[name].source, []).append(name)
        found: list[str] = []
        closures: list[Closure] = []
        for source, word in zip(stock.sources, use or (UNKNOWN,) * len(stock.sources), strict=True):
            mine = by_source[source]
            times = past.times.get(source) if past else None
            last = tuple(was.pop(source, ()))
            key = (
                tuple(unit.key for unit in mine),
                whose,
                word,
                last,
                tuple(sorted(times.items())) if times else (),
            )
            made = self._sources.get(key)
            if made is None:
                made = self._sources[key] = self._source(mine, profile, word, last, times or {}, exceptions)
            found += made[0]
            closures += made[1]
        for names in was.values():
            closures += [item for name in names for item in removed(self.groups[name], "removed")]
        if not found:
            return "", tuple(sorted(closures))
        shelf = Shelf(stock.at, tuple(sorted(found)))
        name = before if before and self.shelves[before] == shelf else digest_of(shelf.content())
        self.shelves.setdefault(name, shelf)
        return name, tuple(sorted(closures))

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
                name = before[0] if len(before) == 1 and self.groups[before[0]] == group else digest_of(group.content())
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
