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
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names


def chosen_plan(
    ledger: Ledger, fleet: str, wanted: Any, supersede: Any, run: Run, now_ms: int
) -> dict[str, Any] | None:
    """The open plan, or the one that the variable `plan` names (a file, an id or the beginning of one), or None.

    A plan that is open stays the one to go on with until it is completed, or `lockstep_supersede` gives a reason to
    replace it: it is closed when the new one is there.
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
    if current is not None and supersede:
        _refuse_in_the_middle(ledger, current)
        reason = "superseded" if supersede in (True, "true", "yes", "1") else str(supersede)
        if not run.check:  # which shows the plan that would replace it
            run.supersede = {"plan_id": current["plan_id"], "reason": reason}
        return None
    return current


def _refuse_in_the_middle(ledger: Ledger, plan: dict[str, Any]) -> None:
    """A newer plan takes only hosts that this one has not begun or has an end for: a reboot that one of them owes would
    be nobody's."""
    statuses = ledger.host_statuses(plan["plan_id"]).items()
    middle = [
        host
        for host, row in statuses
        if row["retired_ms"] is None and (row["status"] in ("installed", "active") or row["phase"] == "lost")
    ]
    if middle:
        raise LockstepError(
            f"{names(middle)}: in the middle of plan {plan['plan_id'][:12]}, so it is not superseded",
            "lockstep_supersede",
            "run rollout without it so that they come to an end, or say what is to become of them (playbook resolve)",
        )


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
