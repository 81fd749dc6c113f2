# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How today's inventory differs from the scope that a plan froze."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.inventory.manager import InventoryManager

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import patterns
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.machine import finished
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names


def leavers(plan: Mapping[str, Any], statuses: Mapping[str, Mapping[str, Any]], everyone: Sequence[str]) -> list[str]:
    """Hosts of the scope that are not finished, not retired and not in the inventory.

    Raises LockstepError where no host of the plan is in the inventory: that is a wrong or broken inventory.
    """
    here = set(everyone)
    hosts = [host for entry in plan["body"]["scope"] for host in entry["hosts"]]
    if hosts and not here.intersection(hosts):
        raise LockstepError(
            f"all {len(hosts)} hosts of the open plan {plan['plan_id'][:12]} left the inventory ({names(hosts)})",
            "inventory",
            "check -i INVENTORY; no host was touched",
        )
    records = {host: statuses.get(host) or {} for host in hosts if host not in here}
    return [host for host, record in records.items() if not record.get("retired") and not finished(record)]


def joiners(policy: Policy, manager: InventoryManager, plan: Mapping[str, Any]) -> list[str]:
    """Hosts of the policy's rings that the plan was not made for."""
    scope = {host for entry in plan["body"]["scope"] for host in entry["hosts"]}
    today = [host for ring in policy.rings for host in patterns.resolve(manager, ring.hosts)[0]]
    return [host for host in dict.fromkeys(today) if host not in scope]
