# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How far a plan is on each host and in each ring. What may follow what is policy's to say; here is what was decided,
and by whom."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import canonical
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import content
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.errors import PlanError, StaleToken
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.libs import sa
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.part import Part
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import hosts as hosts_table
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import (
    plan_hosts,
    plan_rings,
    plans,
    transitions,
)

STATUSES = (
    "pending",
    "staged",
    "installed",
    "active",
    "verified",
    "regressed",
    "failed",
    "rolled_back",
    "unreachable",
    "skipped",
)
RING_STATES = ("waiting", "open", "soaking", "passed", "failed")


class Rollout(Part):
    def set_host(
        self,
        plan_id: str,
        host: str,
        status: str,
        phase: str,
        reason: str,
        detail: Mapping[str, Any],
        token: int,
        now_ms: int,
    ) -> bool:
        """Record a host's status in a plan; False when it is that already, in every detail.

        phase: of `unreachable` `absent` or `lost`, else empty. StaleToken when a run with a higher token has written
        since: the worker that asks is superseded and must stop (what its transaction did is still recorded by
        `record_transaction`).
        """
        if status not in STATUSES:
            raise PlanError(f"{status!r} is not a status of a host", host, f"use one of {', '.join(STATUSES)}")
        values = {"status": status, "phase": phase, "reason": content.clean(reason), "detail": canonical(dict(detail))}
        with self.database.write() as connection:
            run = self._run(connection, token)
            row = self._plan_host(connection, plan_id, host)
            self._refuse_stale(row, host, token)
            if all(row[name] == value for name, value in values.items()):
                return False
            connection.execute(_update_host(plan_id, row).values(**values, token=token, ms=now_ms))
            moved = {
                "before": row["status"],
                "after": status,
                "phase": phase,
                "reason": values["reason"],
                "detail": values["detail"],
            }
            connection.execute(
                sa.insert(transitions).values(
                    plan_id=plan_id, host_id=row["host_id"], ring=row["ring"], token=token, ms=now_ms, **moved
                )
            )
            body = {"plan": plan_id, "ring": row["ring"], **moved, "detail": dict(detail)}
            self._record(connection, run, "host_status", host, body, now_ms, fleet=row["fleet"])
        return True

    def host_statuses(self, plan_id: str, hosts: Collection[str] | None = None) -> dict[str, dict[str, Any]]:
        """Every host of the plan's scope, or those named: {ring, status, phase, reason, detail, token, ms,
        rollbackable, rollback_reason, retired_ms, retired_by, retired_reason}. A host of which nothing was reported is
        `pending`; rollbackable is None where nobody has looked."""
        query = _hosts_of(plan_id).order_by(hosts_table.c.name)
        wanted = None if hosts is None else set(hosts)
        if wanted is not None and len(wanted) <= 200:  # of more, reading all is as quick and has no limit
            query = query.where(hosts_table.c.name.in_(sorted(wanted)))
        with self.database.read() as connection:
            return {
                row["name"]: {
                    **{
                        key: value
                        for key, value in row.items()
                        if key not in ("plan_id", "host_id", "name", "fleet", "incarnation")
                    },
                    "detail": json.loads(row["detail"]),
                }
                for row in connection.execute(query).mappings()
                if wanted is None or row["name"] in wanted
            }

    def host_transitions(self, plan_id: str, host: str | None = None) -> list[dict[str, Any]]:
        """Every change of status, oldest first: {host, ring, before, after, phase, reason, detail, token, ms}; host is
        None for a ring's."""
        query = sa.select(transitions, hosts_table.c.name.label("host")).outerjoin(
            hosts_table, hosts_table.c.id == transitions.c.host_id
        )
        query = query.where(transitions.c.plan_id == plan_id).order_by(transitions.c.id)
        if host is not None:
            query = query.where(hosts_table.c.name == host)
        with self.database.read() as connection:
            rows = connection.execute(query).mappings().all()
        left = ("id", "plan_id", "host_id", "detail")
        return [
            {**{k: v for k, v in row.items() if k not in left}, "detail": json.loads(row["detail"])} for row in rows
        ]

    def set_ring(
        self,
        plan_id: str,
        ring: str,
        state: str,
        reason: str,
        token: int,
        now_ms: int,
        detail: Mapping[str, Any] | None = None,
    ) -> bool:
        """Record a ring's state and the gate's reason; False when nothing changed. `since_ms` stays while the state
        does. StaleToken as above."""
        if state not in RING_STATES:
            raise PlanError(f"{state!r} is not a state of a ring", ring, f"use one of {', '.join(RING_STATES)}")
        values = {"state": state, "reason": content.clean(reason), "detail": canonical(dict(detail or {}))}
        key = (plan_rings.c.plan_id == plan_id) & (plan_rings.c.ring == ring)
        with self.database.write() as connection:
            run = self._run(connection, token)
            query = sa.select(plan_rings, plans.c.fleet).join(plans, plans.c.plan_id == plan_rings.c.plan_id)
            row = connection.execute(query.where(key)).mappings().first()
            if row is None:
                raise PlanError(
                    f"the plan {plan_id[:12]} has no ring {ring!r}",
                    self.where,
                    "the rings of a plan are frozen; make a new plan",
                )
            self._refuse_stale(dict(row), ring, token)
            if all(row[name] == value for name, value in values.items()):
                return False
            since = row["since_ms"] if row["state"] == state else now_ms
            connection.execute(
                sa.update(plan_rings).where(key).values(**values, token=token, ms=now_ms, since_ms=since)
            )
            moved = {"before": row["state"], "after": state, "reason": values["reason"]}
            connection.execute(
                sa.insert(transitions).values(
                    plan_id=plan_id, ring=ring, phase="", detail=values["detail"], token=token, ms=now_ms, **moved
                )
            )
            body = {"plan": plan_id, **moved, "detail": dict(detail or {})}
            self._record(connection, run, "ring_state", ring, body, now_ms, fleet=row["fleet"])
        return True

    def record_gate(
        self, plan_id: str, ring: str, decision: str, why: str, hosts: Sequence[str], token: int, now_ms: int
    ) -> None:
        """Record what a gate decided before a batch: go (with the hosts that may), wait or stop, and why."""
        with self.database.write() as connection:
            run = self._run(connection, token)
            body = {"plan": plan_id, "decision": decision, "why": why, "hosts": list(hosts)}
            self._record(connection, run, "gate", ring, body, now_ms)

    def rings(self, plan_id: str) -> list[dict[str, Any]]:
        """The rings of a plan in order: {ring, state, reason, detail, token, since_ms, ms}."""
        query = sa.select(plan_rings).where(plan_rings.c.plan_id == plan_id).order_by(plan_rings.c.position)
        with self.database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [
            {**{k: v for k, v in row.items() if k not in ("plan_id", "position")}, "detail": json.loads(row["detail"])}
            for row in rows
        ]

    def retire_host(self, plan_id: str, host: str, actor: str, reason: str, token: int, now_ms: int) -> None:
        """Take a host that has left the fleet out of a plan's gates, with the name of who says so and why."""
        if not actor.strip() or not reason.strip():
            raise PlanError("a host is retired with the name of who does it and a reason", host, "give both")
        with self.database.write() as connection:
            run = self._run(connection, token)
            row = self._plan_host(connection, plan_id, host)
            values = {"retired_ms": now_ms, "retired_by": content.clean(actor), "retired_reason": content.clean(reason)}
            connection.execute(_update_host(plan_id, row).values(**values))
            body = {"plan": plan_id, "ring": row["ring"], "reason": values["retired_reason"]}
            self._record(connection, run, "host_retired", host, body, now_ms, fleet=row["fleet"], actor=actor)

    def set_rollbackable(
        self, plan_id: str, host: str, rollbackable: bool, reason: str, token: int, now_ms: int
    ) -> None:
        """Record whether the versions that a host has now could be installed again, and why not."""
        with self.database.write() as connection:
            run = self._run(connection, token)
            row = self._plan_host(connection, plan_id, host)
            reason = content.clean(reason)
            if (row["rollbackable"], row["rollback_reason"]) == (rollbackable, reason):
                return
            connection.execute(_update_host(plan_id, row).values(rollbackable=rollbackable, rollback_reason=reason))
            body = {"plan": plan_id, "rollbackable": rollbackable, "reason": reason}
            self._record(connection, run, "host_rollbackable", host, body, now_ms, fleet=row["fleet"])

    def _plan_host(self, connection: sa.Connection, plan_id: str, host: str) -> Mapping[str, Any]:
        row = connection.execute(_hosts_of(plan_id).where(hosts_table.c.name == content.clean(host))).mappings().first()
        if row is None:
            raise PlanError(
                f"the plan {plan_id[:12]} does not have this host in its scope",
                host,
                "a joiner waits for the next plan",
            )
        return dict(row)

    def _refuse_stale(self, row: Mapping[str, Any], where: str, token: int) -> None:
        if token < row["token"]:
            raise StaleToken(
                f"run {token} is superseded: run {row['token']} has written since",
                where,
                "nothing was changed; the newer run goes on from here",
            )


def _hosts_of(plan_id: str) -> sa.Select[Any]:
    query = sa.select(plan_hosts, hosts_table.c.name, hosts_table.c.fleet, hosts_table.c.incarnation)
    return query.join(hosts_table, hosts_table.c.id == plan_hosts.c.host_id).where(plan_hosts.c.plan_id == plan_id)


def _update_host(plan_id: str, row: Mapping[str, Any]) -> sa.Update:
    return sa.update(plan_hosts).where(plan_hosts.c.plan_id == plan_id, plan_hosts.c.host_id == row["host_id"])
