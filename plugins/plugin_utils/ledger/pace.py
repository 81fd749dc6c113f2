# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long hosts took to be patched."""

from __future__ import annotations

from typing import NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.libs import sa
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.part import Part
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import (
    hosts,
    plans,
    runs,
    transactions,
    transitions,
)

PLANS = 6
"""How many plans back; older ones say little, and a ledger keeps many."""


class Took(NamedTuple):
    """One measurement: from the start of the host's transaction to its verdict, in one run."""

    host: str
    platform: str | None
    ms: int


class Pace(Part):
    def times_to_patch(self, fleet: str) -> list[Took]:
        """What the fleet's last plans took on each host, newest first.

        Only what one run began and verified counts: what a later run took up again has waited in between. A host that
        was replaced since has no history.
        """
        recent = sa.select(plans.c.plan_id).where(plans.c.fleet == fleet).order_by(plans.c.created_ms.desc())
        query = (
            sa.select(hosts.c.name, hosts.c.platform, (transitions.c.ms - transactions.c.started_ms).label("took"))
            .join(hosts, hosts.c.id == transitions.c.host_id)
            .join(
                transactions,
                (transactions.c.plan_id == transitions.c.plan_id) & (transactions.c.host_id == transitions.c.host_id),
            )
            .join(runs, runs.c.token == transitions.c.token)
            .where(transitions.c.plan_id.in_(recent.limit(PLANS).scalar_subquery()))
            .where(transitions.c.after == "verified", transitions.c.token == transactions.c.token)
            .where(transactions.c.started_ms >= runs.c.began_ms, transactions.c.incarnation == hosts.c.incarnation)
            .where(transitions.c.ms >= transactions.c.started_ms)
            .order_by(transitions.c.id.desc())
        )
        with self.database.read() as connection:
            return [Took(row.name, row.platform, int(row.took)) for row in connection.execute(query)]
