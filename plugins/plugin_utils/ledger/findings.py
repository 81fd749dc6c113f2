# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Assessments and the life of findings, stored by distinct content: 10,000 hosts of 40 images cost what is distinct.

A book is stored as `{"shelves": [digest]}`, a shelf as `{"at", "groups": [digest]}`, and what closed as `{"sheets":
[digest]}` of lists of rows. Books of before were a list of groups' digests, and what closed a list of rows; those
are still there, and `book_of` and `sheets_of` read both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import canonical_of_typed
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import content, hosts
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.connect import insert
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.finding_tables import (
    CONTENTS,
    assessments,
    books,
    open_books,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.libs import sa
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.part import Part
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import hosts as hosts_table


class HostBook(NamedTuple):
    """What an assessment found on one host. shelves: digests; closed: digests of sheets, empty where nothing closed;
    look_ms: when the host was looked at; same: the digest of its newest book where that has these shelves."""

    shelves: tuple[str, ...]
    closed: tuple[str, ...]
    incarnation: int
    look_ms: int | None
    same: str | None = None


def book_of(value: Any) -> tuple[str, tuple[str, ...]]:
    """What a stored book names: `("shelves", digests)`, or `("groups", digests)` of one that an older version made."""
    return ("shelves", tuple(value["shelves"])) if isinstance(value, Mapping) else ("groups", tuple(value))


def sheets_of(value: Any) -> tuple[tuple[str, ...], list[list[Any]]]:
    """(digests of sheets, rows) of what is stored as closed: rows of what an older version stored."""
    return (tuple(value["sheets"]), []) if isinstance(value, Mapping) else ((), value)


class _Shared:
    """Books with each distinct text once in memory: thousands of hosts name the same shelves."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def book(self, value: Any) -> tuple[str, tuple[str, ...]]:
        kind, names = book_of(value)
        return kind, tuple(self.texts.setdefault(name, name) for name in names)


class Looked(NamedTuple):
    """When a host was looked at. look_ms: the newest look that worked; error: why the newest of all did not; token: of
    the run that tried it."""

    look_ms: int | None
    error: str | None
    incarnation: int
    token: int | None


class Findings(Part):
    def record_assessment(
        self,
        fleet: str,
        token: int,
        now_ms: int,
        scheme_key: str,
        contents: Mapping[str, Any],
        parts: Mapping[str, Any],
        found: Mapping[str, HostBook],
    ) -> int:
        """Record one assessment; return its id.

        contents: the values of finding_tables.CONTENTS. parts: {digest: content} of every group, shelf and sheet that
        is named and that may be new; typed values, without floats. found: {host: HostBook}; hosts that are not in it
        keep their last book.
        """
        packed = {name: content.pack(contents[name]) for name in CONTENTS}
        values = {item.digest: item for item in packed.values()}
        for name, value in parts.items():
            values[name] = content.pack_raw(canonical_of_typed(value).encode("utf-8"))
        books_made: dict[tuple[str, ...], str] = {}
        sheets_made: dict[tuple[str, ...], str] = {}
        for book in found.values():
            for what, names, made_of in (("shelves", book.shelves, books_made), ("sheets", book.closed, sheets_made)):
                if names not in made_of and (book.same is None if what == "shelves" else bool(names)):
                    item = content.pack_raw(canonical_of_typed({what: list(names)}).encode("utf-8"))
                    values[item.digest], made_of[names] = item, item.digest
        with self.database.write() as connection:
            run = self._run(connection, token)
            content.store(connection, values)
            row = {name: item.digest for name, item in packed.items()}
            statement = sa.insert(assessments).values(
                fleet=content.clean(fleet), token=token, ms=now_ms, scheme_key=scheme_key, **row
            )
            made = insert(connection, statement)
            known = hosts.ids(connection, fleet, found)
            newest = connection.execute(sa.select(open_books.c.host_id, open_books.c.book))
            before = {row.host_id: row.book for row in newest}
            history, current = [], []
            for host, book in found.items():
                host_id, name = known[host], book.same or books_made[book.shelves]
                closed = sheets_made[book.closed] if book.closed else None
                about = {"host_id": host_id, "assessment_id": made, "book": name}
                if closed or before.get(host_id) != name:
                    history.append({**about, "closed": closed})
                current.append({**about, "incarnation": book.incarnation, "look_ms": book.look_ms})
            if history:
                connection.execute(sa.insert(books), history)
            old = [{"which": item["host_id"]} for item in current if item["host_id"] in before]
            if old:
                connection.execute(sa.delete(open_books).where(open_books.c.host_id == sa.bindparam("which")), old)
            if current:
                connection.execute(sa.insert(open_books), current)
            about = {"assessment": made, "hosts": len(found), "changed": len(history), "scheme_key": scheme_key, **row}
            self._record(connection, run, "assessed", f"assessment {made}", about, now_ms)
        return made

    def assessment(self, fleet: str, assessment_id: int | None = None) -> dict[str, Any] | None:
        """{id, ms, token, scheme_key, scheme, feeds, facts, waivers, news, summary} of one assessment or the newest."""
        query = sa.select(assessments).where(assessments.c.fleet == fleet).order_by(assessments.c.id.desc()).limit(1)
        if assessment_id is not None:
            query = query.where(assessments.c.id == assessment_id)
        with self.database.read() as connection:
            row = connection.execute(query).mappings().first()
            if row is None:
                return None
            values = content.load(connection, [row[name] for name in CONTENTS])
        return {**row, **{name: values[row[name]] for name in CONTENTS}}

    def assessments(self, fleet: str) -> list[dict[str, Any]]:
        """Every assessment, oldest first: {id, ms, token, scheme_key} and the digests of its contents."""
        with self.database.read() as connection:
            query = sa.select(assessments).where(assessments.c.fleet == fleet).order_by(assessments.c.id)
            return [dict(row) for row in connection.execute(query).mappings()]

    def open_books(self, fleet: str) -> dict[str, dict[str, Any]]:
        """{host: {names, book, incarnation, look_ms, assessment_id}} of every host that was ever assessed; `names`: as
        `book_of` gives them."""
        query = sa.select(open_books, hosts_table.c.name).join(hosts_table, hosts_table.c.id == open_books.c.host_id)
        with self.database.read() as connection:
            rows = [dict(row) for row in connection.execute(query.where(hosts_table.c.fleet == fleet)).mappings()]
            values = content.load(connection, {row["book"] for row in rows})
        shared = _Shared()
        names = {digest: shared.book(value) for digest, value in values.items()}
        return {row["name"]: {**row, "names": names[row["book"]]} for row in rows}

    def groups_of(self, fleet: str, host: str) -> list[Any] | None:
        """The groups of a host's newest book; None for one that was never assessed."""
        newest = sa.select(open_books.c.book).join(hosts_table, hosts_table.c.id == open_books.c.host_id)
        with self.database.read() as connection:
            book = connection.execute(
                newest.where(hosts_table.c.fleet == fleet, hosts_table.c.name == content.clean(host))
            ).scalar()
            if book is None:
                return None
            kind, names = book_of(content.load(connection, [book])[book])
            if kind == "shelves":
                shelves = content.load(connection, names)
                names = tuple(group for name in names for group in shelves[name]["groups"])
            values = content.load(connection, names)
        return [values[name] for name in names]

    def values_of(self, digests: Collection[str]) -> dict[str, Any]:
        """{digest: value}, of groups or of anything else that is stored by digest."""
        with self.database.read() as connection:
            return content.load(connection, digests)

    def looked(self, fleet: str) -> dict[str, Looked]:
        """{host: Looked} of every host."""
        with self.database.read() as connection:
            rows = connection.execute(
                sa.select(
                    hosts_table.c.name,
                    hosts_table.c.look_ms,
                    hosts_table.c.error,
                    hosts_table.c.incarnation,
                    hosts_table.c.tried_token,
                ).where(hosts_table.c.fleet == fleet)
            )
            return {row[0]: Looked(*row[1:]) for row in rows}

    def closed_on(self, fleet: str) -> dict[str, list[str]]:
        """{host: digests of what has closed there, oldest first} of hosts where anything has."""
        query = (
            sa.select(hosts_table.c.name, books.c.closed)
            .join(hosts_table, hosts_table.c.id == books.c.host_id)
            .where(hosts_table.c.fleet == fleet, books.c.closed.is_not(None))
            .order_by(books.c.assessment_id)
        )
        found: dict[str, list[str]] = {}
        with self.database.read() as connection:
            for name, closed in connection.execute(query):
                found.setdefault(name, []).append(closed)
        return found

    def book_history(
        self, fleet: str, until_ms: int | None = None, only: Iterable[str] | None = None
    ) -> dict[str, list[tuple[int, str, str | None]]]:
        """{host: [(assessment id, digest of the book, digest of what closed)]}, oldest first."""
        query = (
            sa.select(hosts_table.c.name, books.c.assessment_id, books.c.book, books.c.closed)
            .join(hosts_table, hosts_table.c.id == books.c.host_id)
            .join(assessments, assessments.c.id == books.c.assessment_id)
            .where(hosts_table.c.fleet == fleet)
            .order_by(books.c.assessment_id)
        )
        if until_ms is not None:
            query = query.where(assessments.c.ms <= until_ms)
        wanted = None if only is None else set(only)
        found: dict[str, list[tuple[int, str, str | None]]] = {}
        with self.database.read() as connection:
            for name, made, book, closed in connection.execute(query):
                if wanted is None or name in wanted:
                    found.setdefault(name, []).append((made, book, closed))
        return found
