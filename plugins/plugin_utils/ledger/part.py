# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the parts of the ledger share: the database, and the record of who acts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import chain, points
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.connect import Database
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.content import clean
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.errors import LedgerError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.libs import sa
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import runs


class Part:
    """A part of the Ledger's methods; all of them share one database."""

    database: Database
    ledger_id: str

    @property
    def where(self) -> str:
        """The database as messages name it: a path, or a URL without its password."""
        return self.database.target.path or self.database.target.shown

    def _run(self, connection: sa.Connection, token: int) -> sa.Row[Any]:
        row = connection.execute(sa.select(runs).where(runs.c.token == token)).first()
        if row is None:
            raise LedgerError(
                f"no run of this ledger has the token {token}",
                self.where,
                "begin a run first; was lockstep_ledger changed meanwhile?",
            )
        return row

    def _record(
        self,
        connection: sa.Connection,
        run: sa.Row[Any],
        kind: str,
        subject: str,
        body: Mapping[str, Any],
        now_ms: int,
        *,
        fleet: str = "",
        actor: str = "",
    ) -> None:
        """Append a row of evidence about what a run did, in the transaction that does it."""
        chain.append(
            connection,
            self.ledger_id,
            chain.Entry(
                fleet or run.fleet,
                now_ms,
                clean(actor) or run.actor,
                run.job,
                run.token,
                kind,
                clean(subject),
                dict(body),
            ),
        )
        if points.WANTED:
            points.recorded(kind, clean(subject), body)
