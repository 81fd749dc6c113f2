# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep a host's result in the ledger, and tell the play in the same words."""

from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import shares
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import HostAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.work import Work
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.summary import status_text

PROBLEMS = ("failed", "regressed", "unreachable")


def record(
    action: HostAction,
    work: Work,
    status: str,
    reason: str,
    phase: str = "",
    detail: dict[str, Any] | None = None,
    changed: bool = False,
) -> dict[str, Any]:
    """Set the host's status. `detail` is added to what is known of the host in this plan; check mode keeps nothing."""
    if not action._task.check_mode:
        known = (work.record or {}).get("detail") or {}
        merged = {**known, **(detail or {})}
        base = work.base
        base.ledger.set_host(work.plan_id, action.host, status, phase, reason, merged, base.token, now_ms())
        shares.give_back(base.ledger, base.policy, base.fleet, action.host, status, reason, merged, base.token)
    result: dict[str, Any] = {"changed": changed, "status": status, "reason": reason}
    if status in PROBLEMS:
        result["problem"] = status_text(action.host, status, reason)
    return result


def sentence(result: dict[str, Any]) -> str:
    """What went wrong, where, and what to do, in one line."""
    error = result.get("error") or {}
    return (
        "; ".join(str(error[key]) for key in ("what", "where", "next") if error.get(key))
        or f"the outcome is {result.get('outcome')}"
    )


def slim(result: dict[str, Any]) -> dict[str, Any]:
    """The result as the ledger keeps it: without what Ansible adds to every answer, and with the ledger's own words."""
    outcome = "done" if result["outcome"] in ("installed", "nothing") else result["outcome"]
    kept = {
        key: value
        for key, value in result.items()
        if not key.startswith("_") and key not in ("invocation", "failed", "diff", "warnings")
    }
    return {**kept, "outcome": outcome, "host_outcome": result["outcome"]}
