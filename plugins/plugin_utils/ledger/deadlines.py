# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which hosts are past a deadline, and which have an exception: from the newest books, each distinct one read once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import content
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.finding_tables import assessments, open_books
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
            books = content.load(connection, {book for _host, book in found})
            groups = content.load(connection, {name for book in books.values() for name in book} | {held or ""})
        waivers = {item["id"]: item["until_ms"] for item in groups.get(held or "", ())}
        counted = {book: _count(names, groups, waivers, now_ms) for book, names in books.items()}
        return {host: counted[book] for host, book in found}


def _count(names: Collection[str], groups: Mapping[str, Any], waivers: Mapping[str, int], now_ms: int) -> Deadlines:
    total = overdue = excepted = 0
    next_ms: int | None = None
    for finding in (finding for name in names for finding in groups[name]["findings"]):
        total += 1
        due_ms, exception = finding[_DUE], finding[_EXCEPTION]
        # an exception that has ended since the assessment covers nothing any more
        if exception is not None and waivers.get(exception, 0) > now_ms:
            excepted += 1
        elif due_ms is not None:
            overdue += due_ms < now_ms
            next_ms = due_ms if next_ms is None else min(next_ms, due_ms)
    return Deadlines(total, overdue, excepted, next_ms)
