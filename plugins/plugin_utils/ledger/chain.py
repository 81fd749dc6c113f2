# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hash chain of the evidence: how a row is made, and how the chain is checked.

hash = SHA-256 of the canonical JSON of {seq, fleet, ms, actor, job, token, kind, subject, body, prev_hash}; the first
row's prev_hash is derived from the ledger's id, so that a chain cannot be put into another ledger.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import canonical, digest
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.libs import sa
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import chain as end
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import evidence


class Entry(NamedTuple):
    """What is recorded. ms: UTC; job: the AWX or controller job, empty outside one; token: of the run, None outside
    one."""

    fleet: str
    ms: int
    actor: str
    job: str
    token: int | None
    kind: str
    subject: str
    body: dict[str, Any]


class Report(NamedTuple):
    """The result of a check. first_bad is the first sequence number that is wrong, with the problem in words; seq and
    hash are the end of the chain, which a report should print: with them a later check also proves that nothing before
    was rewritten as a whole."""

    ok: bool
    rows: int
    first_bad: int | None
    problem: str
    seq: int
    hash: str


def first_hash(ledger_id: str) -> str:
    return hashlib.sha256(b"lockstep evidence of " + ledger_id.encode("ascii")).hexdigest()


def append(connection: sa.Connection, ledger_id: str, entry: Entry) -> None:
    """Add a row; for use inside a write transaction only, because those are one after the other."""
    newest = connection.execute(sa.select(end.c.seq, end.c.hash).where(end.c.id == 1)).first()
    seq, previous = (newest.seq + 1, newest.hash) if newest else (1, first_hash(ledger_id))
    document = _document(seq, entry, previous)
    this = digest(document)
    connection.execute(sa.insert(evidence).values({**document, "body": canonical(entry.body), "hash": this}))
    if newest:
        connection.execute(sa.update(end).where(end.c.id == 1).values(seq=seq, hash=this))
    else:
        connection.execute(sa.insert(end).values(id=1, seq=seq, hash=this))


def verify(connection: sa.Connection, ledger_id: str, anchor: tuple[int, str] | None = None) -> Report:
    """Check every row, the end, and that an earlier end (anchor: seq and hash) is still part of the chain."""
    seq, previous = 0, first_hash(ledger_id)
    anchored = anchor is None or anchor == (0, previous)
    rows = connection.execute(sa.select(evidence).order_by(evidence.c.seq).execution_options(yield_per=1000))
    for row in rows:
        problem = _problem(row, seq + 1, previous)
        if problem:
            rows.close()
            return Report(False, seq, min(row.seq, seq + 1), problem, seq, previous)
        seq, previous = row.seq, row.hash
        anchored = anchored or anchor == (seq, previous)
    newest = connection.execute(sa.select(end.c.seq, end.c.hash).where(end.c.id == 1)).first()
    if (tuple(newest) if newest else (0, first_hash(ledger_id))) != (seq, previous):
        return Report(False, seq, seq + 1, "rows are missing at the end", seq, previous)
    if not anchored and anchor is not None:
        return Report(False, seq, anchor[0], f"row {anchor[0]} is not the one that was noted earlier", seq, previous)
    return Report(True, seq, None, "", seq, previous)


def _document(seq: int, entry: Entry, previous: str) -> dict[str, Any]:
    return {"seq": seq, **entry._asdict(), "prev_hash": previous}


def _problem(row: sa.Row[Any], seq: int, previous: str) -> str:
    if row.seq != seq:
        return f"row {seq} is missing"
    if row.prev_hash != previous:
        return "it does not follow the row before it"
    try:
        body = json.loads(row.body)
        wanted = digest(
            _document(
                row.seq,
                Entry(row.fleet, row.ms, row.actor, row.job, row.token, row.kind, row.subject, body),
                row.prev_hash,
            )
        )
    except ValueError as error:
        return f"it cannot be read ({error})"
    return "" if row.hash == wanted else "it was changed"
