# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Old looks are forgotten. Never the evidence, plans, results, findings or when a candidate was first seen, and never
what a host had when it last answered."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.content import parts
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.libs import sa
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.part import Part
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import (
    content,
    hosts,
    look_changes,
    looks,
    metadata,
)


class Forgotten(NamedTuple):
    """What went: looks, distinct contents that nothing else refers to, and the bytes that these took."""

    looks: int
    contents: int
    bytes: int


class Retention(Part):
    def forget_looks(self, fleet: str, before_ms: int, token: int, now_ms: int) -> Forgotten:
        """Forget the looks of a fleet from before a time, host by host, each in a transaction of its own.

        The oldest look that stays has all its sections afterwards, so `history_of` answers for it and all later ones as
        before. That something was forgotten is recorded as evidence, unless nothing was.
        """
        with self.database.read() as connection:
            known = connection.execute(sa.select(hosts.c.id).where(hosts.c.fleet == fleet).order_by(hosts.c.id))
            ids = [row[0] for row in known]
        total, spent = 0, set[str]()
        for host_id in ids:
            with self.database.write() as connection:
                count, digests = _forget(connection, host_id, before_ms)
            total, spent = total + count, spent | digests
        contents, size = self._drop(spent)
        if total:
            body = {"before_ms": before_ms, "looks": total, "contents": contents, "bytes": size}
            with self.database.write() as connection:
                self._record(connection, self._run(connection, token), "looks_forgotten", fleet, body, now_ms)
        return Forgotten(total, contents, size)

    def _drop(self, digests: Collection[str]) -> tuple[int, int]:
        """Remove those contents that no table refers to. Books and shelves name contents inside contents, but those are
        of other shapes than sections and answers are."""
        count = size = 0
        for some in parts(digests):
            with self.database.write() as connection:
                used = {digest for column in _references() for digest in _named(connection, column, some)}
                free = sorted(set(some) - used)
                chosen = content.c.digest.in_(free)
                query = sa.select(sa.func.count(), sa.func.sum(sa.func.length(content.c.packed))).where(chosen)
                found, freed = connection.execute(query).one()
                connection.execute(sa.delete(content).where(chosen))
            count, size = count + int(found), size + int(freed or 0)
        return count, size


def _references() -> list[sa.Column]:
    """Every column of every table that names a content."""
    columns = (column for table in metadata.tables.values() for column in table.columns)
    return [column for column in columns if any(key.target_fullname == "content.digest" for key in column.foreign_keys)]


def _named(connection: sa.Connection, column: sa.Column, digests: list[str]) -> set[str]:
    return set(connection.execute(sa.select(column).where(column.in_(digests)).distinct()).scalars())


def _forget(connection: sa.Connection, host_id: int, before_ms: int) -> tuple[int, set[str]]:
    """Forget a host's looks; how many, and the digests that they named."""
    mine = looks.c.host_id == host_id
    newest = connection.execute(sa.select(hosts.c.look_id).where(hosts.c.id == host_id)).scalar()
    stays = sa.or_(looks.c.ms >= before_ms, looks.c.id == newest)
    first = connection.execute(sa.select(sa.func.min(looks.c.id)).where(mine, stays)).scalar()
    if first is None:  # it never answered; that it was tried last is in its own row
        first = connection.execute(sa.select(sa.func.max(looks.c.id)).where(mine)).scalar()
    if first is None:
        return 0, set()
    old = connection.execute(sa.select(looks.c.answer).where(mine, looks.c.id < first)).scalars().all()
    if not old:
        return 0, set()
    changes = look_changes.c.host_id == host_id
    at: dict[str, str | None] = {}
    spent = {answer for answer in old if answer}
    query = sa.select(look_changes).where(changes, look_changes.c.look_id <= first).order_by(look_changes.c.look_id)
    for row in connection.execute(query).all():
        at[row.section] = row.digest
        spent.update([row.digest] if row.digest else [])
    connection.execute(sa.delete(look_changes).where(changes, look_changes.c.look_id <= first))
    rows = [
        {"host_id": host_id, "look_id": first, "section": section, "digest": digest}
        for section, digest in sorted(at.items())
        if digest
    ]
    if rows:
        connection.execute(sa.insert(look_changes), rows)
    connection.execute(sa.delete(looks).where(mine, looks.c.id < first))
    return len(old), spent
