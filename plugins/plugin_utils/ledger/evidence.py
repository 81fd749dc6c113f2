# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading and checking the record of what was done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import chain
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.libs import sa
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.part import Part
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import evidence


class Evidence(Part):
    """The append-only record. Rows are written by the methods that act, in the same transaction as the act."""

    def verify_chain(self, anchor: tuple[int, str] | None = None) -> chain.Report:
        """Check the whole chain; anchor is the (seq, hash) of an end that was noted earlier."""
        with self.database.read() as connection:
            return chain.verify(connection, self.ledger_id, anchor)

    def note(self, token: int, kind: str, subject: str, body: Mapping[str, Any], now_ms: int) -> None:
        """Record something that a run did and that no table keeps."""
        with self.database.write() as connection:
            self._record(connection, self._run(connection, token), kind, subject, body, now_ms)

    def evidence(
        self,
        fleet: str,
        *,
        kind: str | None = None,
        subject: str | None = None,
        since_ms: int | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """Rows oldest first (the newest `limit` of them): {seq, fleet, ms, actor, job, token, kind, subject, body,
        prev_hash, hash}."""
        query = sa.select(evidence).where(evidence.c.fleet == fleet).order_by(evidence.c.seq.desc())
        if kind is not None:
            query = query.where(evidence.c.kind == kind)
        if subject is not None:
            query = query.where(evidence.c.subject == subject)
        if since_ms is not None:
            query = query.where(evidence.c.ms >= since_ms)
        with self.database.read() as connection:
            rows = connection.execute(query.limit(limit)).mappings().all()
        return [{**row, "body": json.loads(row["body"])} for row in reversed(rows)]
