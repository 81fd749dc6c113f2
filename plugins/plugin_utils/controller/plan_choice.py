# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which plan a run goes on with."""

from __future__ import annotations

import os
import string
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import Run
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.plan import plan_id
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.plan_file import check_plan


def chosen_plan(
    ledger: Ledger, fleet: str, wanted: Any, supersede: Any, run: Run, now_ms: int
) -> dict[str, Any] | None:
    """The open plan, or the one that the variable `plan` names (a file, an id or the beginning of one), or None.

    A plan that is open stays the one to go on with until it is completed, or `lockstep_supersede` closes it with that
    reason.
    """
    if wanted:
        given = _named(ledger, str(wanted), fleet, run, now_ms)
        current = ledger.open_plan(fleet)
        if current is not None and given["plan_id"] != current["plan_id"]:
            raise LockstepError(
                f"the open plan is {current['plan_id'][:12]} and not {given['plan_id'][:12]}",
                "plan",
                "finish it, or close it with lockstep_supersede=REASON",
            )
        if current is None:
            raise LockstepError(
                f"plan {given['plan_id'][:12]} is {given['state']}",
                "plan",
                "plan again; a closed plan is not opened anew",
            )
        return current
    current = ledger.open_plan(fleet)
    if current is not None and supersede and not run.check:
        reason = "superseded" if supersede in (True, "true", "yes", "1") else str(supersede)
        ledger.close_plan(current["plan_id"], "superseded", reason, run.token, now_ms)
        return None
    return current


def _named(ledger: Ledger, wanted: str, fleet: str, run: Run, now_ms: int) -> dict[str, Any]:
    if os.path.exists(wanted):
        return import_plan(ledger, wanted, fleet, run, now_ms)
    if os.sep in wanted or not set(wanted.lower()) <= set(string.hexdigits):
        raise LockstepError(
            "there is no such plan file", wanted, "give the path of a plan file, or a plan's id, as plan"
        )
    return ledger.plan(wanted)


def import_plan(ledger: Ledger, path: str, fleet: str, run: Run, now_ms: int) -> dict[str, Any]:
    """Keep a plan file in the ledger unless it is there; several hosts may do so at once."""
    try:
        with open(path, encoding="utf-8") as handle:
            body = check_plan(handle.read(), path)
    except (OSError, UnicodeDecodeError) as error:
        raise LockstepError(f"the plan file cannot be read: {error}", path, "check the path given as plan") from error
    if body["fleet"] != fleet:
        raise LockstepError(
            f"the plan is of fleet {body['fleet']} and the policy of fleet {fleet}",
            path,
            "use the policy of that fleet",
        )
    if not any(known["plan_id"] == plan_id(body) for known in ledger.plans(fleet)):
        ledger.save_plan(plan_id(body), body, [], fleet, "plan file", run.token, now_ms)
    return ledger.plan(plan_id(body))
