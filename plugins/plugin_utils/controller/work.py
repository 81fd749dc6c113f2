# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host action works with: the plan, this host's part of it, and the ledger.

Inside a run, or alone in somebody else's play.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import patterns, turns
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import HostAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.facts import rings_of, statuses_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.orders import recalled
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.plan_choice import chosen_plan
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.policy_file import matches_of, read_policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.proving import proofs_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import Run, for_host
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.gate import judge_ring
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.settings import VARIABLES, Settings, effective
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.windows.timetable import say_closed

NO_BUDGETS = "the policy has budgets, and only the playbooks keep them: run rollout, or use a policy without budgets"


class Base(NamedTuple):
    """The ledger and who is asking."""

    ledger: Ledger
    fleet: str
    token: int
    policy: Policy
    alone: bool
    """True in somebody else's play: no run is open in this process."""


class Work(NamedTuple):
    """One host's part of a plan."""

    base: Base
    plan: dict[str, Any]
    ring: str
    record: dict[str, Any] | None
    """The host's record in the plan, None before it has one."""
    left_out: list[dict[str, Any]]
    settings: Settings
    matches: Mapping[str, Sequence[str]]
    """Hosts of each pattern of the policy."""

    @property
    def plan_id(self) -> str:
        return str(self.plan["plan_id"])


def base_of(action: HostAction, stage: str) -> Base:
    """The run that is open in this process, or a run of this one task."""
    run = action.current
    if run is not None and not run.stopped:
        return Base(Ledger.open(run.ledger, create=False), run.fleet, run.token, action.files.read_policy(), False)
    common = action.common()
    policy = read_policy(common.policy)
    ledger = Ledger.open(common.ledger)
    token = ledger.begin_run(
        policy.fleet, f"role {stage}", common.actor, common.job, common.controller, policy.digest or None, now_ms()
    )
    action.end_alone = lambda outcome, message: ledger.end_run(token, outcome, message, now_ms())
    return Base(ledger, policy.fleet, token, policy, True)


def work_of(action: HostAction, stage: str) -> Work:
    """The plan and this host's part of it; raises LockstepError without a plan or for a host outside its scope."""
    base = base_of(action, stage)
    plan = _plan_alone(action, base, stage) if base.alone else base.ledger.plan(_run(action).plan_id or "")
    ring = next((entry["ring"] for entry in plan["body"]["scope"] if action.host in entry["hosts"]), None)
    if ring is None:
        raise LockstepError(
            f"the host is not in the scope of plan {plan['plan_id'][:12]}",
            action.host,
            "it waits for the next plan; add it to a ring and plan again",
        )
    statuses = statuses_of(base.ledger, plan["plan_id"], [action.host])
    if base.alone:
        left_out = [entry for entry in plan["left_out"] if entry["host"] == action.host]
        matches = matches_of(base.policy, patterns.whole_inventory(action._vars.get("groups", {}), action._loader))
    else:
        left_out = action.files.read(for_host("left", action.host)) or []
        matches = action.files.read("matches")
    left_out = [*left_out, *recalled(base.ledger, base.fleet, plan)]
    settings = effective(base.policy, ring, action.host, overrides(action), matches)
    return Work(base, plan, ring, statuses.get(action.host), left_out, settings, matches)


def overrides(action: HostAction) -> dict[str, Any]:
    """The host and group variables that override the policy for this host."""
    return {name: value for name in VARIABLES if (value := action.variable(name)) is not None}


def may_go(action: HostAction, work: Work) -> str:
    """Why this host may not be changed now, or an empty text.

    Inside a run only the gate's permit counts. Alone, the rings before this host's must have passed where this ledger
    has seen them going; a plan that came as a file brings no record of rings, and whoever wrote the play decides the
    order.
    """
    if not work.base.alone:
        permit = action.files.read(for_host("go", action.host)) or {}
        return "" if permit.get("ring") == work.ring else "the gate has not let it go"
    rings = rings_of(work.base.ledger, work.plan_id)
    if not any(record.get("state", "waiting") != "waiting" for record in rings.values()):
        return ""
    scope = work.plan["body"]["scope"]
    statuses = statuses_of(work.base.ledger, work.plan_id)
    proofs = proofs_of(work.base.ledger, work.base.policy, work.plan, work.base.token, now_ms(), ask=False)
    for entry in scope:
        if entry["ring"] == work.ring:
            return ""
        if work.base.policy.ring(entry["ring"]) is None and rings.get(entry["ring"], {}).get("state") == "passed":
            continue
        verdict = judge_ring(work.base.policy, scope, entry["ring"], statuses, rings, now_ms(), proofs=proofs)
        if verdict.state != "passed":
            return f"{verdict.why}; {verdict.next}"
    return ""


def out_of_time(action: HostAction, work: Work, starting: bool = True) -> str:
    """Why this host may not be changed any more, or not yet, by its windows and freezes; an empty text if it may.

    Asked right before something begins, since a batch can drag on. `starting` is false for the rest of what has begun.
    """
    if work.base.alone:
        return NO_BUDGETS if work.base.policy.budgets else _closed_alone(action, work, starting)
    permit = action.files.read(for_host("go", action.host)) or {}
    reason = turns.too_late(permit, now_ms(), starting)
    if reason is None:
        return ""
    turns.note_later(action.files, {action.host: reason})
    if starting and work.base.policy.budgets:
        base, why = work.base, f"it answered, and nothing was begun on it: {reason['why']}"
        base.ledger.release_leases(base.fleet, action.host, why, base.token, now_ms())
    return str(reason["why"])


def _closed_alone(action: HostAction, work: Work, starting: bool) -> str:
    policy, own = work.base.policy, overrides(action)
    own = {name: own[name] for name in turns.VARIABLES if name in own}
    if not (own or policy.windows or policy.freezes):
        return ""
    matches = matches_of(policy, patterns.whole_inventory(action._vars.get("groups", {}), action._loader))
    when = turns.Turns(policy, matches, {action.host: own}, {}, turns.folder_of(policy))
    opening = when.opening(action.host, work.ring, now_ms(), None if starting else 0)
    return "" if opening.open else f"{say_closed(opening)}; {opening.next}"


def _run(action: HostAction) -> Run:
    if action.current is None:
        raise LockstepError("no run is open", action.host, "use the playbooks, or give a plan file as plan")
    return action.current


def _plan_alone(action: HostAction, base: Base, stage: str) -> dict[str, Any]:
    if stage == "rollback":  # also a plan that is closed can be taken back
        newest = action.variable("plan") or next((row["plan_id"] for row in base.ledger.plans(base.fleet, 1)), None)
        if newest:
            return base.ledger.plan(str(newest))
    run = Run(base.token, "role", base.fleet, "", "", "", now_ms(), check=bool(action._task.check_mode))
    plan = chosen_plan(base.ledger, base.fleet, action.variable("plan"), None, run, now_ms())
    if plan is None:
        raise LockstepError(
            "there is no open plan",
            f"ledger of fleet {base.fleet}",
            "give a plan file with -e plan=FILE, or make a plan first",
        )
    return plan


def store_path(action: HostAction) -> str:
    """The content store of this run."""
    return action.current.store if action.current else action.common().store


def report_path(action: HostAction, name: str) -> str:
    """A file in the report folder."""
    folder = action.current.report_dir if action.current else action.common().report_dir
    return os.path.join(folder, name)
