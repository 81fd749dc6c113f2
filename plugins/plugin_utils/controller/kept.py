# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Books as the ledger has kept them, read once for each distinct one. Older versions kept books as lists of groups, and
what closed as lists of rows; they are put on shelves here, so that nothing else needs to know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import digest
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.findings import HostBook, book_of, sheets_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.book import (
    NONE_CLOSED,
    Books,
    Closed,
    Past,
    Shelf,
    shelved,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.model import Closure, Group
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.shelves import shelf_of


class Kept:
    """`books`: digest -> digests of shelves; `shelves` and `groups`: by digest; `closed`: digest -> what closed, shelf
    by shelf. What closed in a shelf is one object, however many hosts name it."""

    def __init__(self, ledger: Ledger, books: Iterable[str], closed: Iterable[str] = ()) -> None:
        named = {name: book_of(value) for name, value in ledger.values_of(set(books)).items()}
        self._read(ledger, named)
        self._close(ledger, set(closed))

    @classmethod
    def of_open(cls, ledger: Ledger, newest: Iterable[tuple[str, tuple[str, tuple[str, ...]]]]) -> Kept:
        """Of books that were read already: (digest, what `book_of` says of it)."""
        made = cls(ledger, ())
        made._read(ledger, dict(newest))
        return made

    def _read(self, ledger: Ledger, named: dict[str, tuple[str, tuple[str, ...]]]) -> None:
        texts: dict[str, str] = {}
        self.shelves: dict[str, Shelf] = {}
        on = {name for kind, names in named.values() if kind == "shelves" for name in names}
        for name, value in ledger.values_of(on).items():
            groups = tuple(texts.setdefault(group, group) for group in value["groups"])
            self.shelves[name] = Shelf(value["at"], groups)
        wanted = {group for shelf in self.shelves.values() for group in shelf.groups}
        wanted |= {name for kind, names in named.values() if kind == "groups" for name in names}
        self.groups = {name: Group.of(content) for name, content in ledger.values_of(wanted).items()}
        self.books: dict[str, tuple[str, ...]] = {}
        for book, (kind, names) in named.items():
            if kind == "groups":
                older = shelved(names, self.groups)
                self.shelves.update(older)
                names = tuple(older)
            self.books[book] = names

    def _close(self, ledger: Ledger, closed: set[str]) -> None:
        self.closed: dict[str, tuple[tuple[Closure, ...], ...]] = {}
        read = {name: sheets_of(value) for name, value in ledger.values_of(closed).items()}
        sheets = ledger.values_of({sheet for names, _rows in read.values() for sheet in names})
        made = {name: _closures(rows) for name, rows in sheets.items()}
        for name, (names, rows) in read.items():
            by_shelf: dict[int, list[list[Any]]] = {}
            for row in rows:
                by_shelf.setdefault(shelf_of(Closure(*row).source), []).append(row)
            older = []
            for at in sorted(by_shelf):
                key = digest(by_shelf[at])
                older.append(made.setdefault(key, _closures(by_shelf[at])))
            self.closed[name] = (*(made[sheet] for sheet in names), *older)


def _closures(rows: Iterable[list[Any]]) -> tuple[Closure, ...]:
    return tuple(Closure(*row) for row in rows)


class ClosedOn:
    """How often what closed on a host; hosts with the same history of a shelf share it."""

    def __init__(self, ledger: Ledger, fleet: str) -> None:
        self.on = {host: tuple(digests) for host, digests in ledger.closed_on(fleet).items()}
        self.kept = Kept(ledger, (), (name for names in self.on.values() for name in names))
        self.made: dict[tuple[int, ...], Past] = {}
        self.hosts: dict[tuple[str, ...], dict[int, Past]] = {}

    def of(self, host: str) -> Closed:
        digests = self.on.get(host)
        if digests is None:
            return NONE_CLOSED
        if digests not in self.hosts:
            shelves: dict[int, list[tuple[Closure, ...]]] = {}
            for name in digests:
                for closures in self.kept.closed[name]:
                    shelves.setdefault(shelf_of(closures[0].source), []).append(closures)
            self.hosts[digests] = {at: self._past(lists) for at, lists in shelves.items()}
        return self.hosts[digests]

    def _past(self, lists: Sequence[tuple[Closure, ...]]) -> Past:
        key = tuple(map(id, lists))
        if key not in self.made:
            times: dict[str, dict[str, int]] = {}
            for closure in chain.from_iterable(lists):
                vulns = times.setdefault(closure.source, {})
                vulns[closure.vuln] = vulns.get(closure.vuln, 0) + 1
            self.made[key] = Past(times)
        return self.made[key]


class Sheet(NamedTuple):
    """What has closed in one shelf, as the ledger stores it. closures: kept, so that no other object gets its id."""

    name: str
    rows: list[list[Any]]
    closures: tuple[Closure, ...]

    @classmethod
    def of(cls, closures: tuple[Closure, ...]) -> Sheet:
        rows = [list(closure) for closure in closures]
        return cls(digest(rows), rows, closures)


def parts_of(books: Books, kept: Kept, made: Mapping[str, HostBook], sheets: Iterable[Sheet]) -> dict[str, Any]:
    """What the ledger may not have yet of all that the new books name."""
    shelves = {name for book in made.values() for name in book.shelves if book.same is None}
    groups = {group for name in shelves for group in books.shelves[name].groups}
    parts: dict[str, Any] = {name: books.shelves[name].content() for name in shelves}
    parts.update((name, books.groups[name].content()) for name in groups - kept.groups.keys())
    parts.update((sheet.name, sheet.rows) for sheet in sheets)
    return parts
