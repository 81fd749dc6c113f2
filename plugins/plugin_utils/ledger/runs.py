# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs: each has an increasing token, so that a later run supersedes the workers of an earlier one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.content import clean
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.errors import ClockError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.libs import sa
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.part import Part
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import evidence, looks, runs

CLOCK_LIMIT_MS = 5 * 60 * 1000
DOUBTED = "clock_doubted"


class Runs(Part):
    def begin_run(
        self,
        fleet: str,
        stage: str,
        actor: str,
        job: str | None,
        controller: str,
        policy_digest: str | None,
        now_ms: int,
    ) -> int:
        """Record that a run begins; return its token, which is higher than any before.

        ClockError when now_ms is over five minutes behind the newest time in the ledger; the times of runs whose clock
        was doubted do not count.
        """
        with self.database.write() as connection:
            newest = _newest_ms(connection)
            if now_ms < newest - CLOCK_LIMIT_MS:
                newest = _newest_ms(connection, _doubted(connection))
            if now_ms < newest - CLOCK_LIMIT_MS:
                behind = (newest - now_ms) // 1000
                raise ClockError(
                    f"this controller's clock says {_text(now_ms)}, but the ledger has an entry of {_text(newest)}: "
                    f"the clock is {behind} s behind",
                    self.where,
                    "set the clock (timedatectl) and run again",
                    now_ms,
                    newest,
                )
            token = (connection.execute(sa.select(sa.func.max(runs.c.token))).scalar() or 0) + 1
            row = {
                "fleet": clean(fleet),
                "stage": clean(stage),
                "actor": clean(actor),
                "job": clean(job or ""),
                "controller": clean(controller),
                "policy_digest": clean(policy_digest or ""),
            }
            connection.execute(sa.insert(runs).values(token=token, began_ms=now_ms, **row))
            body = {"stage": row["stage"], "controller": row["controller"], "policy": row["policy_digest"]}
            self._record(connection, self._run(connection, token), "run_begun", row["stage"], body, now_ms)
        return token

    def doubt_clock(self, token: int, why: str, now_ms: int) -> None:
        """Record that the hosts of a run have another time than its controller: what it wrote tells no time."""
        with self.database.write() as connection:
            self._record(connection, self._run(connection, token), DOUBTED, "clock", {"why": clean(why)}, now_ms)

    def end_run(self, token: int, outcome: str, message: str, now_ms: int) -> None:
        """Record how a run ended. outcome: done, waiting or stopped; message: its closing line. Ending it again
        replaces both."""
        with self.database.write() as connection:
            run = self._run(connection, token)
            outcome, message = clean(outcome), clean(message)
            connection.execute(
                sa.update(runs).where(runs.c.token == token).values(ended_ms=now_ms, outcome=outcome, message=message)
            )
            self._record(connection, run, "run_ended", run.stage, {"outcome": outcome, "message": message}, now_ms)

    def runs(self, fleet: str, limit: int = 50) -> list[dict[str, Any]]:
        """The newest runs first: {token, fleet, stage, actor, job, controller, policy_digest, began_ms, ended_ms,
        outcome, message}; the last three are None for a run that has not ended, or was killed."""
        with self.database.read() as connection:
            rows = connection.execute(
                sa.select(runs).where(runs.c.fleet == fleet).order_by(runs.c.token.desc()).limit(limit)
            )
            return [dict(row) for row in rows.mappings()]


def _newest_ms(connection: sa.Connection, without: Sequence[int] = ()) -> int:
    """without: tokens of runs whose times are not asked."""
    newest = 0
    for column in (runs.c.began_ms, runs.c.ended_ms, looks.c.ms, evidence.c.ms):
        query = sa.select(sa.func.max(column))
        if without:
            token = column.table.c.token
            query = query.where(sa.or_(token.is_(None), token.not_in(without)))
        newest = max(newest, connection.execute(query).scalar() or 0)
    return newest


def _doubted(connection: sa.Connection) -> list[int]:
    """Asked for only when a run is about to be refused, so it may read all of the evidence."""
    query = sa.select(evidence.c.token).where(evidence.c.kind == DOUBTED, evidence.c.token.is_not(None))
    return [int(token) for token in connection.execute(query).scalars()]


def _text(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
