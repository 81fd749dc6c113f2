# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plans: the frozen document, and beside it its state. At most one plan of a fleet is open."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import content, hosts
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.errors import PlanError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.libs import sa
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.part import Part
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import plan_hosts, plan_rings, plans

_PREFIX = 4  # fewer digits of an id are a slip, not a choice


class Plans(Part):
    def save_plan(
        self,
        plan_id: str,
        body: Mapping[str, Any],
        left_out: Sequence[Mapping[str, Any]],
        fleet: str,
        actor: str,
        token: int,
        now_ms: int,
    ) -> str:
        """Store a plan and open it; return `created`, `reopened` (it was closed before; host results stay) or `open`
        (it is open already).

        PlanError when plan_id is not the SHA-256 of the body's canonical JSON, the body is of another fleet, a host or
        ring is named twice, or another plan of the fleet is open.
        """
        packed, rest = content.pack(dict(body)), content.pack(list(left_out))
        rings = self._scope(plan_id, packed.digest, body, fleet)
        with self.database.write() as connection:
            run = self._run(connection, token)
            other = connection.execute(
                sa.select(plans.c.plan_id).where(plans.c.fleet == fleet, plans.c.state == "open")
            ).scalar()
            if other == plan_id:
                return "open"
            if other is not None:
                raise PlanError(
                    f"the plan {other[:12]} of the fleet {fleet!r} is open",
                    self.where,
                    "complete it with rollout, or close it with -e lockstep_supersede=REASON",
                )
            earlier = connection.execute(sa.select(plans.c.state).where(plans.c.plan_id == plan_id)).scalar()
            content.store(connection, {packed.digest: packed, rest.digest: rest})
            values = {"left_out": rest.digest, "state": "open", "reason": "", "state_ms": now_ms}
            if earlier is None:
                own = {
                    "plan_id": plan_id,
                    "fleet": fleet,
                    "actor": content.clean(actor),
                    "token": token,
                    "created_ms": now_ms,
                }
                connection.execute(sa.insert(plans).values(**own, **values))
                self._add_scope(connection, plan_id, rings, fleet, token, now_ms)
            else:
                connection.execute(sa.update(plans).where(plans.c.plan_id == plan_id).values(**values))
            kind = "plan_created" if earlier is None else "plan_reopened"
            record = {
                "lines": len(body.get("lines", [])),
                "left_out": len(left_out),
                "hosts": sum(len(names) for _ring, names in rings),
            }
            self._record(connection, run, kind, plan_id, record, now_ms, fleet=fleet, actor=actor)
        return kind.removeprefix("plan_")

    def open_plan(self, fleet: str) -> dict[str, Any] | None:
        """The open plan of a fleet like `plan` gives it, or None."""
        with self.database.read() as connection:
            row = (
                connection.execute(sa.select(plans).where(plans.c.fleet == fleet, plans.c.state == "open"))
                .mappings()
                .first()
            )
            return None if row is None else _whole(connection, dict(row))

    def plan(self, plan_id: str) -> dict[str, Any]:
        """A plan by its id or the beginning of it (four digits or more): {plan_id, fleet, body, left_out, actor, token,
        created_ms, state, reason, state_ms}. PlanError when none or several match."""
        if not re.fullmatch(f"[0-9a-f]{{{_PREFIX},64}}", plan_id):
            raise PlanError(
                f"{plan_id!r} is not the id of a plan", self.where, f"give at least {_PREFIX} of its hexadecimal digits"
            )
        with self.database.read() as connection:
            rows = (
                connection.execute(sa.select(plans).where(plans.c.plan_id.startswith(plan_id)).limit(5))
                .mappings()
                .all()
            )
            if len(rows) != 1:
                names = ", ".join(sorted(row["plan_id"][:16] for row in rows))
                what = f"several plans begin with {plan_id}: {names}" if rows else f"there is no plan {plan_id}"
                raise PlanError(
                    what,
                    self.where,
                    "give more digits" if rows else "list the plans of the ledger, or make one with the playbook plan",
                )
            return _whole(connection, dict(rows[0]))

    def plans(self, fleet: str, limit: int | None = None) -> list[dict[str, Any]]:
        """The plans of a fleet, newest first, without body and left_out."""
        columns = [column for column in plans.c if column.name != "left_out"]
        query = (
            sa.select(*columns)
            .where(plans.c.fleet == fleet)
            .order_by(plans.c.created_ms.desc(), plans.c.plan_id)
            .limit(limit)
        )
        with self.database.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def close_plan(self, plan_id: str, state: str, reason: str, token: int, now_ms: int, actor: str = "") -> bool:
        """Close an open plan as `completed` or `superseded`; False when it is in that state already."""
        if state not in ("completed", "superseded"):
            raise PlanError(f"a plan cannot be closed as {state!r}", self.where, "use completed or superseded")
        with self.database.write() as connection:
            run = self._run(connection, token)
            row = connection.execute(sa.select(plans.c.state, plans.c.fleet).where(plans.c.plan_id == plan_id)).first()
            if row is None:
                raise PlanError(f"there is no plan {plan_id}", self.where, "list the plans of the ledger")
            if row.state == state:
                return False
            if row.state != "open":
                raise PlanError(f"the plan {plan_id[:12]} is {row.state}, not open", self.where, "nothing was changed")
            reason = content.clean(reason)
            connection.execute(
                sa.update(plans).where(plans.c.plan_id == plan_id).values(state=state, reason=reason, state_ms=now_ms)
            )
            self._record(
                connection, run, "plan_" + state, plan_id, {"reason": reason}, now_ms, fleet=row.fleet, actor=actor
            )
        return True

    def _scope(self, plan_id: str, digest: str, body: Mapping[str, Any], fleet: str) -> list[tuple[str, list[str]]]:
        if digest != plan_id:
            raise PlanError(
                f"this is not the plan {plan_id[:12]}: its content has the id {digest[:12]}",
                self.where,
                "it was changed; make a new plan",
            )
        if body.get("fleet") != fleet:
            raise PlanError(
                f"the plan {plan_id[:12]} is of the fleet {body.get('fleet')!r}, not {fleet!r}",
                self.where,
                "correct the policy's fleet",
            )
        rings = [(ring["ring"], list(ring["hosts"])) for ring in body["scope"]]
        names = [ring for ring, _hosts in rings]
        members = [host for _ring, listed in rings for host in listed]
        for what, listed in (("ring", names), ("host", members)):
            twice = (
                sorted({name for name in listed if listed.count(name) > 1}) if len(set(listed)) < len(listed) else []
            )
            if twice:
                raise PlanError(
                    f"the plan names the {what} {twice[0]!r} twice",
                    self.where,
                    "a host is in one ring only; correct the rings",
                )
        return rings

    def _add_scope(
        self,
        connection: sa.Connection,
        plan_id: str,
        rings: list[tuple[str, list[str]]],
        fleet: str,
        token: int,
        now_ms: int,
    ) -> None:
        known = hosts.ids(connection, fleet, [host for _ring, names in rings for host in names])
        common = {"plan_id": plan_id, "reason": "", "detail": "{}", "token": token, "ms": now_ms}
        ring_rows = [
            {**common, "ring": ring, "position": at, "state": "waiting", "since_ms": now_ms}
            for at, (ring, _names) in enumerate(rings)
        ]
        own = {**common, "status": "pending", "phase": "", "rollback_reason": ""}
        host_rows = [{**own, "host_id": known[host], "ring": ring} for ring, names in rings for host in names]
        for table, rows in ((plan_rings, ring_rows), (plan_hosts, host_rows)):
            if rows:
                connection.execute(sa.insert(table), rows)


def _whole(connection: sa.Connection, row: Mapping[str, Any]) -> dict[str, Any]:
    values = content.load(connection, [row["plan_id"], row["left_out"]])
    return {**row, "body": values[row["plan_id"]], "left_out": values[row["left_out"]]}
