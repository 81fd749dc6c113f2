# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which hosts are past a deadline, and which have an exception: from the newest books, each distinct one read once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import content
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.finding_tables import assessments, open_books
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.findings import book_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.libs import sa
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.part import Part
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import hosts

_DUE, _EXCEPTION = 5, 8
"""Places in a finding as a group has it."""


class Deadlines(NamedTuple):
    """Open findings of a host: how many there are, how many of them are past their deadline now, how many an exception
    covers now (those are not overdue), and the next deadline of the others in UTC milliseconds."""

    open: int
    overdue: int
    excepted: int
    due_ms: int | None


class DeadlinesPart(Part):
    def deadlines(self, fleet: str, now_ms: int) -> dict[str, Deadlines]:
        """The deadlines of every host that was assessed and is still the same machine."""
        query = (
            sa.select(hosts.c.name, open_books.c.book)
            .join(hosts, hosts.c.id == open_books.c.host_id)
            .where(hosts.c.fleet == fleet, open_books.c.incarnation == hosts.c.incarnation)
        )
        newest = sa.select(assessments.c.waivers).where(assessments.c.fleet == fleet).order_by(assessments.c.id.desc())
        with self.database.read() as connection:
            found = [(row[0], row[1]) for row in connection.execute(query)]
            if not found:
                return {}
            held = connection.execute(newest.limit(1)).scalar()
            books = {
                name: book_of(value)
                for name, value in content.load(connection, {book for _host, book in found}).items()
            }
            shelves = content.load(
                connection, {name for kind, names in books.values() for name in names if kind == "shelves"}
            )
            lists = {name: tuple(value["groups"]) for name, value in shelves.items()}
            lists.update((book, names) for book, (kind, names) in books.items() if kind == "groups")
            wanted = {name for names in lists.values() for name in names}
            groups = content.load(connection, wanted | {held or ""})
        waivers = {item["id"]: item["until_ms"] for item in groups.get(held or "", ())}
        ones = {name: _count([groups[name]], waivers, now_ms) for name in wanted}
        parts = {name: _sum([ones[group] for group in names]) for name, names in lists.items()}
        counted = {
            book: parts[book] if kind == "groups" else _sum([parts[name] for name in names])
            for book, (kind, names) in books.items()
        }
        return {host: counted[book] for host, book in found}


def _sum(parts: Collection[Deadlines]) -> Deadlines:
    return Deadlines(
        sum(part.open for part in parts),
        sum(part.overdue for part in parts),
        sum(part.excepted for part in parts),
        min((part.due_ms for part in parts if part.due_ms is not None), default=None),
    )


def _count(groups: Collection[Mapping[str, Any]], waivers: Mapping[str, int], now_ms: int) -> Deadlines:
    total = overdue = excepted = 0
    next_ms: int | None = None
    for finding in (finding for group in groups for finding in group["findings"]):
        total += 1
        due_ms, exception = finding[_DUE], finding[_EXCEPTION]
        # an exception that has ended since the assessment covers nothing any more
        if exception is not None and waivers.get(exception, 0) > now_ms:
            excepted += 1
        elif due_ms is not None:
            overdue += due_ms < now_ms
            next_ms = due_ms if next_ms is None else min(next_ms, due_ms)
    return Deadlines(total, overdue, excepted, next_ms)
