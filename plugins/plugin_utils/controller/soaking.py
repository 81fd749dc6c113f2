# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run does for rings that have soaked before their successors begin."""

from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import verdicts
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.facts import rings_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import RunFiles
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.gate import judge_ring
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy


def to_recheck(
    ledger: Ledger, policy: Policy, plan: dict[str, Any], statuses: dict[str, Any], token: int, now_ms: int
) -> list[str]:
    """Hosts of rings whose soak is over that are to be verified once more."""
    if not any(ring.soak_ms and ring.gate.recheck for ring in policy.rings):
        return []
    scope, rings, gone = plan["body"]["scope"], rings_of(ledger, plan["plan_id"]), verdicts.retired(statuses)
    for entry in scope:
        kept = rings.get(entry["ring"], {}).get("state")
        if kept == "passed":
            continue
        verdict = judge_ring(policy, scope, entry["ring"], statuses, rings, now_ms, gone, False, {})
        if verdict.recheck and kept != "soaking":  # or the new verdicts would begin its soak anew
            verdicts.settle(ledger, policy, plan, token, now_ms, {})
        return list(verdict.recheck)
    return []


def write_roles(
    files: RunFiles,
    ledger: Ledger,
    policy: Policy,
    plan: dict[str, Any],
    statuses: dict[str, Any],
    now_ms: int,
    controller: str,
) -> None:
    """Which of the users' roles this run asks, on the controller, whether a ring may pass."""
    wanted = []
    rings = rings_of(ledger, plan["plan_id"]) if any(ring.gate.roles for ring in policy.rings) else {}
    for entry in plan["body"]["scope"]:
        ring = policy.ring(entry["ring"])
        if ring is None or not ring.gate.roles or rings.get(ring.name, {}).get("state") == "passed":
            continue
        gone = verdicts.retired(statuses)
        verdict = judge_ring(policy, plan["body"]["scope"], ring.name, statuses, rings, now_ms, gone, False)
        if verdict.state == "passed":
            about = {"ring": ring.name, "plan": plan["plan_id"], "hosts": entry["hosts"]}
            wanted += [{**about, "role": check.target, "check": check.name} for check in ring.gate.roles]
    files.write("hosts-asked-roles", wanted)
    files.write("hosts-roles", [controller] if wanted else [])
