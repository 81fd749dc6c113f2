# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run the policy's hooks around hosts, batches and rings, and take back what was done where the work does not go on.

The ledger knows what is owed before anything is done, so that a run after a killed one takes it back.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import LockstepAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.hook_steps import carry_out
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import Run
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.work import Work
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.hooks import Hook, step_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import plural


class Place(NamedTuple):
    """What the hooks of a moment are about."""

    action: LockstepAction
    ledger: Ledger
    token: int
    fleet: str
    plan_id: str
    scope: str
    subject: str
    """A host, a ring, or the first host of a batch."""
    ring: str
    hosts: Sequence[str]

    def words(self) -> dict[str, str]:
        """What stands for each place of a step."""
        address = self.action.variable("ansible_host") if self.scope == "host" else None
        return {
            "host": self.subject if self.scope == "host" else "",
            "address": str(address or self.subject) if self.scope == "host" else "",
            "hosts": ",".join(self.hosts),
            "ring": self.ring,
            "fleet": self.fleet,
            "plan": self.plan_id,
        }


def place_of(action: LockstepAction, work: Work) -> Place:
    """A host's own hooks."""
    base, host = work.base, action.host
    return Place(action, base.ledger, base.token, base.fleet, work.plan_id, "host", host, work.ring, [host])


def before(place: Place, hooks: Sequence[Hook], matches: Mapping[str, Sequence[str]]) -> str:
    """Run every `pre` in the policy's order; why one failed, and then all that was done is taken back, unless the host
    was touched by an earlier attempt: half done it is not put back to work.

    What an earlier attempt has done and nobody has taken back is not done again.
    """
    wanted = [hook for hook in hooks if hook.holds(place.scope, place.ring, place.hosts, matches)]
    if not wanted:
        return ""
    owed = {row["hook"]: row for row in place.ledger.open_hooks(place.fleet, place.scope, place.subject)}
    for hook in wanted:
        if hook.name in owed and owed[hook.name]["state"] == "done":
            continue
        kept = {"post": hook.post, "undo": hook.undo}
        steps: dict[str, Any] = {name: step.document() if step else None for name, step in kept.items()}
        steps.update(ring=place.ring, hosts=list(place.hosts))
        place.ledger.begin_hook(
            place.fleet, place.scope, place.subject, hook.name, place.plan_id, steps, place.token, now_ms()
        )
        problem = _step(place, hook.name, "pre", hook.pre.document() if hook.pre else None)
        if problem:
            stuck = "" if touched(place) else take_back(place)
            return f"hook {hook.name}: {problem}" + (f"; and taking it back failed: {stuck}" if stuck else "")
    return ""


def after(place: Place) -> str:
    """Run every `post` that is owed, the last first; what failed, or an empty text."""
    return _settle(place, "post")


def take_back(place: Place) -> str:
    """Undo what was done, the last first; what failed, or an empty text."""
    return _settle(place, "undo")


def _settle(place: Place, which: str) -> str:
    owed = place.ledger.open_hooks(place.fleet, place.scope, place.subject)
    problems = []
    for row in reversed(owed):
        told = place._replace(ring=row["steps"]["ring"], hosts=row["steps"]["hosts"], plan_id=row["plan_id"])
        problem = _step(told, row["hook"], which, row["steps"][which])
        if problem:
            problems.append(f"hook {row['hook']}: {problem}")
    return "; ".join(problems)


def _step(place: Place, hook: str, which: str, document: Mapping[str, Any] | None) -> str:
    began = time.monotonic()
    problem = carry_out(place.action, step_of(document), place.words(), place.hosts) if document else ""
    key = (place.fleet, place.scope, place.subject, hook, place.plan_id)
    place.ledger.hook_done(*key, which, problem, time.monotonic() - began, place.token, now_ms())
    return problem


def put_back(action: LockstepAction, work: Work) -> str:
    """Take back what an earlier run has done around this host and then did not get to; what failed, or an empty text.

    A host that a plan has begun on stays out of service until it is verified or rolled back.
    """
    place = place_of(action, work)
    owed = place.ledger.open_hooks(place.fleet, "host", action.host)
    if not owed or any(touched(place._replace(plan_id=row["plan_id"])) for row in owed):
        return ""
    return take_back(place)


def touched(place: Place) -> bool:
    """Whether the plan has changed something on this host, or nobody knows: then it stays out of service."""
    rows = place.ledger.transactions(plan_id=place.plan_id, host=place.subject) if place.scope == "host" else []
    return any(row["outcome"] in (None, "unknown") or (row["result"] or {}).get("changed", True) for row in rows)


def around(action: LockstepAction, run: Run, ledger: Ledger, policy: Policy, ring: str, hosts: Sequence[str]) -> None:
    """Run the hooks of a ring and of its next batch, after what the batch before still owes.

    LockstepError where one fails: then nothing of this batch is begun, and its share of the budgets is given back.
    """
    settle(action, run, ledger, keep=ring)
    if not any(hook.scope != "host" for hook in policy.hooks):
        return
    matches = action.files.read("matches") or {}
    scope = [
        host
        for entry in ledger.plan(str(run.plan_id))["body"]["scope"]
        if entry["ring"] == ring
        for host in entry["hosts"]
    ]
    for kind, subject, whose in (("ring", ring, scope), ("batch", hosts[0], hosts)):
        place = Place(action, ledger, run.token, run.fleet, str(run.plan_id), kind, subject, ring, whose)
        problem = before(place, policy.hooks, matches)
        if problem:
            for host in hosts:
                ledger.release_leases(run.fleet, host, f"nothing was begun on it: {problem}", run.token, now_ms())
            raise LockstepError(
                f"{problem}; nothing was begun on {plural(len(hosts), 'host')}",
                f"ring {ring}",
                "mend it, then run rollout again",
            )


def settle(action: LockstepAction, run: Run, ledger: Ledger, keep: str = "") -> None:
    """Take back what was done around batches that are over, and around rings but the one to keep.

    LockstepError where something fails: it is still owed, and the next run tries again.
    """
    problems = []
    for row in reversed(ledger.open_hooks(run.fleet)):
        scope, ring, hosts = row["scope"], row["steps"]["ring"], row["steps"]["hosts"]
        if scope == "host" or scope == "ring" and ring == keep:
            continue
        place = Place(action, ledger, run.token, run.fleet, row["plan_id"], scope, row["subject"], ring, hosts)
        begun = {item["host"] for item in ledger.transactions(plan_id=row["plan_id"])} & set(hosts)
        problem = after(place) if begun else take_back(place)
        if problem and problem not in problems:
            problems.append(problem)
    if problems:
        raise LockstepError("; ".join(problems), "hooks", "mend it, then run rollout again")


def owed_text(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence for each subject around which something is still to be taken back."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        found.setdefault((row["scope"], row["subject"]), []).append(row["hook"])
    names = {"host": "{0}", "ring": "ring {0}", "batch": "the batch of {0}"}
    return [
        f"{names[scope].format(subject)}: not taken back yet: hook {', '.join(hooks)}"
        for (scope, subject), hooks in found.items()
    ]
