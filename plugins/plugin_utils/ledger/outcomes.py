# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How plans went on hosts: who failed or regressed at some time, though it may have been repaired since."""

from __future__ import annotations

from typing import NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.libs import sa
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.part import Part
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import plans, transitions

ENDS = ("verified", "regressed", "failed", "rolled_back")


class Outcome(NamedTuple):
    """Hosts of a plan's ring that it was tried on."""

    plan_id: str
    ring: str
    hosts: int
    failed: int
    """Whose transaction or reboot failed, or that were lost."""
    regressed: int
    bad: int
    """Either of the two."""


class Outcomes(Part):
    def outcomes(self, fleet: str, since_ms: int, plan_id: str | None = None) -> list[Outcome]:
        """By plan and ring, of plans made since then; or of one plan."""
        after, lost = transitions.c.after, (transitions.c.after == "unreachable") & (transitions.c.phase == "lost")
        failed = sa.func.max(sa.case(((after == "failed") | lost, 1), else_=0))
        regressed = sa.func.max(sa.case((after == "regressed", 1), else_=0))
        each = (
            sa.select(
                transitions.c.plan_id,
                transitions.c.ring,
                failed.label("failed"),
                regressed.label("regressed"),
                sa.func.max(sa.case(((after == "failed") | lost | (after == "regressed"), 1), else_=0)).label("bad"),
            )
            .join(plans, plans.c.plan_id == transitions.c.plan_id)
            .where(plans.c.fleet == fleet, transitions.c.host_id.is_not(None), after.in_(ENDS) | lost)
            .group_by(transitions.c.plan_id, transitions.c.ring, transitions.c.host_id)
        )
        each = each.where(plans.c.created_ms >= since_ms if plan_id is None else plans.c.plan_id == plan_id)
        rows = each.subquery()
        total = [sa.func.sum(rows.c[name]).label(name) for name in ("failed", "regressed", "bad")]
        query = sa.select(rows.c.plan_id, rows.c.ring, sa.func.count().label("hosts"), *total)
        query = query.group_by(rows.c.plan_id, rows.c.ring).order_by(rows.c.plan_id, rows.c.ring)
        with self.database.read() as connection:
            return [
                Outcome(row.plan_id, row.ring, int(row.hosts), int(row.failed), int(row.regressed), int(row.bad))
                for row in connection.execute(query)
            ]
