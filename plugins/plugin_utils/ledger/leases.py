# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Leases: a host that may be out holds a share of each of its budgets until it has proved that it is back.

All writers of a ledger go one after the other, so counting and taking in one transaction is enough for two controllers
never to exceed a budget together. Nothing is released because time has passed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.content import clean
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.errors import StaleToken
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.hosts import ids
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.libs import sa
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.part import Part
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import hosts, leases


class Want(NamedTuple):
    """A host that is about to go, with the boot that it is in (empty where nobody knows) and its buckets."""

    host: str
    boot_id: str
    buckets: Sequence[str]


class Refusal(NamedTuple):
    """Why a host got no share."""

    bucket: str
    limit: int
    out: list[str]
    """Who is out: holders of a lease, and hosts that are down."""


class Taken(NamedTuple):
    """Who may go, and why the others may not."""

    granted: list[str]
    refused: dict[str, Refusal]


class Leases(Part):
    def take_leases(
        self,
        fleet: str,
        plan_id: str,
        wants: Sequence[Want],
        limits: Mapping[str, int],
        down: Mapping[str, Collection[str]],
        token: int,
        now_ms: int,
    ) -> Taken:
        """Give hosts, in their order, a share of all of their budgets or of none.

        limits: how many hosts of each bucket may be out; down: hosts of a bucket that are down for whatever reason, who
        count besides the holders of leases. A host that holds a lease keeps it under the new token and plan. StaleToken
        when a newer run has taken leases of these buckets: this one is superseded.
        """
        buckets = sorted({bucket for want in wants for bucket in want.buckets})
        if not buckets:
            return Taken([want.host for want in wants], {})
        with self.database.write() as connection:
            run = self._run(connection, token)
            self._refuse_superseded(connection, fleet, buckets, token)
            out = {bucket: set(down.get(bucket, ())) for bucket in buckets}
            for row in self._open(connection, fleet):
                if row.bucket in out:
                    out[row.bucket].add(row.name)
            known = ids(connection, fleet, [want.host for want in wants])
            granted: list[str] = []
            refused: dict[str, Refusal] = {}
            for want in wants:
                over = next(
                    (bucket for bucket in want.buckets if len(out[bucket] - {want.host}) >= limits[bucket]), None
                )
                if over is not None:
                    refused[want.host] = Refusal(over, limits[over], sorted(out[over] - {want.host}))
                    continue
                granted.append(want.host)
                for bucket in want.buckets:
                    out[bucket].add(want.host)
                    self._hold(connection, fleet, bucket, known[want.host], plan_id, want.boot_id, token, now_ms)
            if granted:
                body = {
                    "plan": plan_id,
                    "hosts": {want.host: list(want.buckets) for want in wants if want.host in set(granted)},
                }
                self._record(connection, run, "leases_taken", plan_id[:12], body, now_ms, fleet=fleet)
        return Taken(granted, refused)

    def release_leases(
        self, fleet: str, host: str, why: str, token: int, now_ms: int, *, boot_id: str = "", actor: str = ""
    ) -> list[str]:
        """End every lease of a host, for a reason: it proved that it is back, it was never begun, or it is retired.

        Returns the buckets. A lease that a newer run holds stays: only that run knows what the host is doing.
        """
        with self.database.write() as connection:
            run = self._run(connection, token)
            rows = [row for row in self._open(connection, fleet) if row.name == host and row.token <= token]
            if not rows:
                return []
            ended = {"released_ms": now_ms, "released_token": token, "released_why": clean(why)}
            connection.execute(sa.update(leases).where(leases.c.id.in_([row.id for row in rows])).values(**ended))
            body = {
                "buckets": sorted(row.bucket for row in rows),
                "why": clean(why),
                "boot_before": rows[0].boot_id,
                "boot_after": clean(boot_id),
            }
            self._record(connection, run, "leases_released", host, body, now_ms, fleet=fleet, actor=actor)
        return sorted(row.bucket for row in rows)

    def leases(self, fleet: str) -> list[dict[str, Any]]:
        """Leases that are held, oldest first: {host, bucket, plan_id, token, boot_id, taken_ms}."""
        with self.database.read() as connection:
            return [
                {
                    "host": row.name,
                    "bucket": row.bucket,
                    "plan_id": row.plan_id,
                    "token": row.token,
                    "boot_id": row.boot_id,
                    "taken_ms": row.taken_ms,
                }
                for row in self._open(connection, fleet)
            ]

    def _open(self, connection: sa.Connection, fleet: str) -> Sequence[sa.Row[Any]]:
        query = sa.select(leases, hosts.c.name).join(hosts, hosts.c.id == leases.c.host_id)
        query = query.where(leases.c.fleet == fleet, leases.c.released_ms.is_(None)).order_by(leases.c.id)
        return connection.execute(query).all()

    def _refuse_superseded(self, connection: sa.Connection, fleet: str, buckets: Iterable[str], token: int) -> None:
        wanted = set(buckets)
        query = sa.select(leases.c.bucket, sa.func.max(leases.c.token).label("token"))
        for row in connection.execute(query.where(leases.c.fleet == fleet).group_by(leases.c.bucket)):
            if row.bucket in wanted and row.token > token:
                raise StaleToken(
                    f"run {token} is superseded: run {row.token} has taken leases since",
                    row.bucket,
                    "nothing was changed; the newer run goes on from here",
                )

    def _hold(
        self,
        connection: sa.Connection,
        fleet: str,
        bucket: str,
        host_id: int,
        plan_id: str,
        boot_id: str,
        token: int,
        now_ms: int,
    ) -> None:
        mine = (leases.c.fleet == fleet) & (leases.c.bucket == bucket) & (leases.c.host_id == host_id)
        held = sa.update(leases).where(mine, leases.c.released_ms.is_(None)).values(token=token, plan_id=plan_id)
        if connection.execute(held).rowcount == 0:
            row = {"fleet": fleet, "bucket": bucket, "host_id": host_id, "plan_id": plan_id, "token": token}
            connection.execute(sa.insert(leases).values(**row, boot_id=clean(boot_id), taken_ms=now_ms))
