# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Transactions: each attempt to install a plan on a host, and what the host's own journal says became of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import content
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.errors import LedgerError, PlanError, StaleToken
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.libs import sa
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.rollout import Rollout
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import hosts as hosts_table
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import plans, transactions

OUTCOMES = ("done", "failed", "refused", "unknown")
"""`unknown` is not final: the host's journal has to be asked again."""


class Transactions(Rollout):
    def next_attempt(self, plan_id: str, host: str, token: int, now_ms: int, *, back: bool = False) -> str:
        """The id of the transaction to run on a host: the one that has no final result yet, or a new one.

        It is made of hexadecimal digits and hyphens, the same for the same ledger, plan, host and attempt. PlanError
        for a superseded plan (unless it is to be taken `back`), a host outside its scope or a retired one;
        StaleToken when a newer run has an attempt on this host.
        """
        with self.database.write() as connection:
            run = self._run(connection, token)
            row = self._plan_host(connection, plan_id, host)
            state = connection.execute(sa.select(plans.c.state).where(plans.c.plan_id == plan_id)).scalar_one()
            if (state == "superseded" and not back) or row["retired_ms"] is not None:
                what = (
                    "the plan is superseded"
                    if state == "superseded"
                    else f"the host was retired ({row['retired_reason']})"
                )
                raise PlanError(f"nothing may be installed: {what}", host, "take the open plan")
            self._refuse_stale(row, host, token)
            mine = (transactions.c.plan_id == plan_id) & (transactions.c.host_id == row["host_id"])
            last = (
                connection.execute(sa.select(transactions).where(mine).order_by(transactions.c.attempt.desc()))
                .mappings()
                .first()
            )
            if last is not None and token < last["token"]:
                raise StaleToken(
                    f"run {token} is superseded: run {last['token']} is at work here", host, "nothing was changed"
                )
            if last is not None and last["finished_ms"] is None and last["incarnation"] == row["incarnation"]:
                if last["token"] != token:
                    connection.execute(
                        sa.update(transactions).where(transactions.c.id == last["id"]).values(token=token)
                    )
                    body = {"plan": plan_id, "transaction": last["id"], "taken_from": last["token"]}
                    self._record(connection, run, "transaction_resumed", host, body, now_ms, fleet=row["fleet"])
                return str(last["id"])
            attempt = 1 if last is None else last["attempt"] + 1
            made = transaction_id(self.ledger_id, plan_id, row["fleet"], row["name"], attempt)
            self._add(connection, made, plan_id, row, attempt, token, now_ms)
            self._record(
                connection,
                run,
                "transaction_begun",
                host,
                {"plan": plan_id, "transaction": made},
                now_ms,
                fleet=row["fleet"],
            )
        return made

    def record_transaction(
        self, transaction: str, plan_id: str, host: str, result: Mapping[str, Any], token: int, now_ms: int
    ) -> bool:
        """Record what the journal says of a transaction; False when that is recorded already.

        result: {outcome: one of OUTCOMES, …}. The first final result stays: a late worker's copy changes nothing, and
        one that differs is kept as evidence. The token may be an old one. LedgerError for an id that does not belong to
        this ledger, plan and host.
        """
        outcome = result.get("outcome")
        if outcome not in OUTCOMES:
            raise LedgerError(
                f"the result of {transaction} has the outcome {outcome!r}",
                host,
                f"it must be one of {', '.join(OUTCOMES)}",
            )
        packed = content.pack(dict(result))
        with self.database.write() as connection:
            run = self._run(connection, token)
            row = self._plan_host(connection, plan_id, host)
            kept = (
                connection.execute(sa.select(transactions).where(transactions.c.id == transaction)).mappings().first()
            )
            found = dict(kept) if kept else self._adopt(connection, transaction, plan_id, row, token, now_ms)
            if (found["plan_id"], found["host_id"]) != (plan_id, row["host_id"]):
                raise LedgerError(
                    f"the transaction {transaction} is of another plan or host",
                    host,
                    "nothing was recorded; inspect the host's journal",
                )
            if found["result"] == packed.digest:
                return False
            content.store_one(connection, packed)
            body = {"plan": plan_id, "transaction": transaction, "outcome": outcome, "result": packed.digest}
            if found["finished_ms"] is not None:
                kind = "transaction_repeated"
            else:
                kind = "transaction_recorded"
                final = None if outcome == "unknown" else now_ms
                values = {
                    "outcome": outcome,
                    "result": packed.digest,
                    "finished_ms": final,
                    "recorded_ms": now_ms,
                    "recorded_token": token,
                }
                connection.execute(sa.update(transactions).where(transactions.c.id == transaction).values(**values))
            self._record(connection, run, kind, host, body, now_ms, fleet=row["fleet"])
        return kind == "transaction_recorded"

    def transactions(
        self, plan_id: str | None = None, host: str | None = None, fleet: str | None = None
    ) -> list[dict[str, Any]]:
        """Oldest first: {id, plan_id, fleet, host, incarnation, attempt, token, started_ms, finished_ms, recorded_ms,
        recorded_token, outcome, result}. finished_ms is None while there is no final result; outcome and result are
        None while there is none at all."""
        query = sa.select(transactions, hosts_table.c.name.label("host"), hosts_table.c.fleet)
        query = query.join(hosts_table, hosts_table.c.id == transactions.c.host_id)
        for column, value in (
            (transactions.c.plan_id, plan_id),
            (hosts_table.c.name, host),
            (hosts_table.c.fleet, fleet),
        ):
            query = query if value is None else query.where(column == value)
        query = query.order_by(transactions.c.started_ms, hosts_table.c.name, transactions.c.attempt)
        with self.database.read() as connection:
            rows = connection.execute(query).mappings().all()
            results = content.load(connection, {row["result"] for row in rows if row["result"]})
        return [
            {**{k: v for k, v in row.items() if k != "host_id"}, "result": results.get(row["result"])} for row in rows
        ]

    def _adopt(
        self, connection: sa.Connection, transaction: str, plan_id: str, row: Mapping[str, Any], token: int, now_ms: int
    ) -> dict[str, Any]:
        """Take in a transaction that a host has run and this ledger does not list, for example after it was restored
        from a backup."""
        attempt = re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]{12}-([1-9][0-9]{0,5})", transaction)
        if not attempt or transaction != transaction_id(
            self.ledger_id, plan_id, row["fleet"], row["name"], int(attempt.group(1))
        ):
            raise LedgerError(
                f"the transaction {transaction} is not of this ledger, plan and host",
                row["name"],
                "nothing was recorded; inspect the host's journal",
            )
        self._add(connection, transaction, plan_id, row, int(attempt.group(1)), token, now_ms)
        return {"plan_id": plan_id, "host_id": row["host_id"], "finished_ms": None, "result": None}

    def _add(
        self,
        connection: sa.Connection,
        made: str,
        plan_id: str,
        row: Mapping[str, Any],
        attempt: int,
        token: int,
        now_ms: int,
    ) -> None:
        values = {
            "id": made,
            "plan_id": plan_id,
            "host_id": row["host_id"],
            "incarnation": row["incarnation"],
            "attempt": attempt,
        }
        connection.execute(sa.insert(transactions).values(**values, token=token, started_ms=now_ms))


def transaction_id(ledger_id: str, plan_id: str, fleet: str, host: str, attempt: int) -> str:
    """The ledger's id is part of it: a host's journal also remembers what a ledger that was lost had done."""
    whose = hashlib.sha256("\n".join((ledger_id, plan_id, fleet, host)).encode("utf-8")).hexdigest()
    return f"{plan_id[:12]}-{whose[:12]}-{attempt}"
