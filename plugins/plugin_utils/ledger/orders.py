# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What people ordered: halts, approvals, recalls. An order holds until somebody ends it; both are evidence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import canonical
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.content import clean
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.errors import LedgerError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.libs import sa
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.part import Part
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import orders

KINDS = ("halt", "approval", "recall", "resolution", "emergency")
EVERY_FLEET = "*"
"""The fleet of an order that holds all fleets of the ledger."""


class Orders(Part):
    def give_order(
        self,
        kind: str,
        subject: str,
        reason: str,
        detail: Mapping[str, Any],
        token: int,
        now_ms: int,
        *,
        fleet: str = "",
        plan_id: str | None = None,
    ) -> int:
        """Record what the person behind a run orders; return the order's number.

        subject: what it is about (a halt: empty, an approval: a ring or empty for all, a recall: a package, a
        resolution: a host). LedgerError without a reason: it is all that a colleague has at night.
        """
        if kind not in KINDS:
            raise LedgerError(f"{kind!r} is not an order", self.where, f"use one of {', '.join(KINDS)}")
        if not reason.strip():
            raise LedgerError(f"a {kind} is given with a reason", self.where, "give -e \"lockstep_reason='why'\"")
        with self.database.write() as connection:
            run = self._run(connection, token)
            row = {
                "fleet": clean(fleet) or run.fleet,
                "kind": kind,
                "plan_id": plan_id,
                "subject": clean(subject),
                "actor": run.actor,
                "reason": clean(reason),
                "detail": canonical(dict(detail)),
                "token": token,
                "ms": now_ms,
            }
            number = connection.execute(sa.insert(orders).values(**row).returning(orders.c.id)).scalar_one()
            body = {"order": number, "plan": plan_id, "reason": row["reason"], "detail": dict(detail)}
            self._record(connection, run, kind, row["subject"] or row["fleet"], body, now_ms, fleet=row["fleet"])
        return int(number)

    def end_orders(self, numbers: Sequence[int], reason: str, token: int, now_ms: int) -> None:
        """Record that orders hold no longer, and why."""
        with self.database.write() as connection:
            run = self._run(connection, token)
            for number in numbers:
                found = orders.c.id == number
                row = connection.execute(sa.select(orders).where(found, orders.c.ended_ms.is_(None))).mappings().first()
                if row is None:
                    continue
                ended = {"ended_ms": now_ms, "ended_by": run.actor, "ended_reason": clean(reason)}
                connection.execute(sa.update(orders).where(found).values(**ended))
                body = {"order": number, "plan": row["plan_id"], "reason": ended["ended_reason"]}
                subject = row["subject"] or row["fleet"]
                self._record(connection, run, row["kind"] + "_ended", subject, body, now_ms, fleet=row["fleet"])

    def orders(self, fleet: str, kind: str, *, plan_id: str | None = None) -> list[dict[str, Any]]:
        """The orders of a kind that hold a fleet (with `plan_id`: that plan), oldest first: {id, fleet, kind, plan_id,
        subject, actor, reason, detail, token, ms}."""
        query = sa.select(orders).where(orders.c.kind == kind, orders.c.ended_ms.is_(None)).order_by(orders.c.id)
        query = query.where(orders.c.fleet.in_((fleet, EVERY_FLEET)))
        if plan_id is not None:
            query = query.where(orders.c.plan_id == plan_id)
        with self.database.read() as connection:
            rows = connection.execute(query).mappings().all()
        left = ("ended_ms", "ended_by", "ended_reason", "detail")
        return [
            {**{k: v for k, v in row.items() if k not in left}, "detail": json.loads(row["detail"])} for row in rows
        ]

    def every_order(self, kind: str) -> list[dict[str, Any]]:
        """The orders of a kind that hold, of all fleets."""
        with self.database.read() as connection:
            fleets = connection.execute(
                sa.select(orders.c.fleet).where(orders.c.ended_ms.is_(None)).distinct()
            ).scalars()
            known = sorted(set(fleets) - {EVERY_FLEET})
        found = {row["id"]: row for fleet in [*known, EVERY_FLEET] for row in self.orders(fleet, kind)}
        return [found[number] for number in sorted(found)]
