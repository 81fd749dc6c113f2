# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import hooks
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import HostAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.facts import state_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.going_back import UNDER_WAY
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.host_plan import spare
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.looking import look
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.module_call import call, call_until
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.orders import refuse_when_halted
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.recording import record, sentence, slim
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import for_host
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.staging import stage
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.takeover import stop_when_refused
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.work import (
    Work,
    may_go,
    out_of_time,
    work_of,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.facts import section, unsupported
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.host_lines import host_lines
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.machine import next_step
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.orders import halted
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.summary import HOST

FRESH_MS = 3_600_000
"""A look this young is a fair picture of how the host was before."""


class ActionModule(HostAction):
    """Bring the host to the plan's versions, or find out how an earlier attempt ended."""

    def act(self) -> dict[str, Any]:
        work = work_of(self, "deploy")
        refused = may_go(self, work)
        if refused:
            return {"problem": f"{self.host}: {refused}"} if work.base.alone else {"note": refused}
        step = next_step(work.record).step
        if step in ("nothing", "person", "verify", "reboot"):
            return {"status": (work.record or {}).get("status")}
        if ((work.record or {}).get("detail") or {}).get("going_back"):
            return {"problem": f"{self.host}: {UNDER_WAY}"}
        refuse_when_halted(work.base.ledger, work.base.fleet, self.host)
        late = out_of_time(self, work)
        if late:
            return {"problem": f"{self.host}: {late}"} if work.base.alone else {"note": late}
        state = self._before(work)
        why = unsupported(state)
        if why:
            return record(self, work, "skipped", "unsupported", detail={"detail": why})
        lines, skip = host_lines(work.plan["body"], state, work.left_out, work.settings.exclude)
        if step == "stage" and not lines:
            return self._nothing(work, state, skip)
        lacking = None if work.base.alone else self.files.read(for_host("lacking", self.host))
        if lacking and not ((work.record or {}).get("detail") or {}).get("before"):
            # nothing of this plan was begun here, and it is taken as a whole or not at all
            return record(self, work, "failed", lacking)
        if work.base.alone and not self._task.check_mode:
            staged = stage(self, work, "stage", lines + spare(work, state, lines, skip), [])
            if staged.problem:
                return record(self, work, "failed", staged.problem)
        if not self._task.check_mode:
            place = hooks.place_of(self, work)
            problem = hooks.before(place, work.base.policy.hooks, work.matches)
            if problem:
                return record(self, work, "failed", f"{problem}; nothing was begun on the host")
            late = self._too_late_now(work) if work.base.policy.hooks else ""  # to drain a host takes its time
            if late:
                stuck = hooks.put_back(self, work)
                note = late + (f"; {stuck}" if stuck else "")
                return {"problem": f"{self.host}: {note}"} if work.base.alone else {"note": note}
        return self._apply(work, state, lines, skip)

    def _too_late_now(self, work: Work) -> str:
        """Why the host may not be begun on after its hooks have run, an empty text if it may."""
        halts = work.base.ledger.orders(work.base.fleet, "halt")
        return halted(halts) if halts else out_of_time(self, work)

    def _before(self, work: Work) -> dict[str, Any]:
        """How the host was before this plan touched it: the look that its first attempt noted, else a fresh one."""
        noted = ((work.record or {}).get("detail") or {}).get("before")
        if noted:
            return {"sections": work.base.ledger.contents(noted)}
        state = state_of(work.base.ledger.state(work.base.fleet, self.host))
        if state is None or not state["sections"] or not state["reachable"] or now_ms() - state["seen_ms"] > FRESH_MS:
            found = look(self, work.base.ledger, work.base.fleet, work.base.token, {"refresh": "never"})
            if not found.answer:
                kind = "absent" if not found.reachable else "lost"
                record(
                    self,
                    work,
                    "unreachable" if not found.reachable else "failed",
                    found.problem,
                    phase=kind if not found.reachable else "",
                )
                raise LockstepError(found.problem, self.host, HOST["unreachable"].next)
            state = {"sections": found.sections}
        return state

    def _nothing(self, work: Work, state: dict[str, Any], skip: list[dict[str, Any]]) -> dict[str, Any]:
        """Nothing of the plan is for this host; a host of which too little is known to say so has failed."""
        for name in ("packages", "platform", "holds"):
            _content, why = section(state, name)
            if why:
                return record(self, work, "failed", f"its {name} are unknown: {why}", detail={})
        platform = section(state, "platform")[0]["id"]
        if platform not in work.plan["body"]["platforms"]:
            why = f"its platform {platform} (release and package sources) is not one that the plan was made for"
            return record(self, work, "failed", f"{why}; compare its package sources with the others', then plan again")
        return record(self, work, "skipped", "nothing_to_do", detail={"skip": skip})

    def _apply(
        self, work: Work, state: dict[str, Any], lines: list[dict[str, Any]], skip: list[dict[str, Any]]
    ) -> dict[str, Any]:
        ledger, token = work.base.ledger, work.base.token
        arguments = {
            "plan_id": work.plan_id,
            "ledger_id": ledger.ledger_id,
            "token": token,
            "lines": lines + spare(work, state, lines, skip),
            "skip": [{"name": item["package"], "arch": item["arch"], "why": item["detail"]} for item in skip],
            "lock_timeout": int(self.argument("lock_timeout", 300)),
            "timeout": int(self.argument("timeout", 3600)),
            "reboot_follows": work.settings.reboot_mode != "never",
        }
        if self._task.check_mode:
            answer = call(self, "transaction", {**arguments, "transaction": f"check-{work.plan_id[:12]}"}, self._vars)
            if answer.kind != "ok":
                return {"problem": f"{self.host}: {answer.message}"}
            result = answer.result
            bad = result["outcome"] in ("refused", "failed", "unknown")
            shown = {
                "changed": result["outcome"] == "would_install",
                "diff": result.get("diff"),
                "outcome": result["outcome"],
            }
            return {**shown, "problem": f"{self.host}: {sentence(result)}"} if bad else shown
        transaction = ledger.next_attempt(work.plan_id, self.host, token, now_ms())
        before = ((work.record or {}).get("detail") or {}).get("before") or ledger.known_digests(
            work.base.fleet, self.host
        )
        arguments.update(transaction=transaction, attempt=int(transaction.rpartition("-")[2]))
        answer = call_until(self, "transaction", arguments, self._vars, float(self.argument("reconnect", 120)))
        if answer.kind == "unreachable":
            why = f"the connection was lost: {answer.message}"
            return record(self, work, "unreachable", why, phase="lost", detail={"before": before})
        if answer.kind == "broken":
            return record(
                self, work, "failed", f"the transaction could not be run: {answer.message}", detail={"before": before}
            )
        result = answer.result
        if result["outcome"] == "refused":
            stop_when_refused(ledger, work.base.fleet, token, self.host)
        # the host may have finished an earlier transaction of this plan; its result goes under its own id
        ledger.record_transaction(str(result["transaction"]), work.plan_id, self.host, slim(result), token, now_ms())
        kept = ((work.record or {}).get("detail") or {}).get("conffiles") or {}
        detail = {
            "before": before,
            "transaction": str(result["transaction"]),
            "boot_before": result["boot_id"],
            "reboot_reasons": result["reboot_reasons"],
            "conffiles": {**kept, **{item["path"]: item["new"] for item in result["conffiles"]}},
        }
        if result["outcome"] in ("installed", "nothing"):
            return record(self, work, "installed", "", detail=detail, changed=result["outcome"] == "installed")
        why = sentence(result)
        stuck = hooks.put_back(self, work)
        why += f"; {stuck}" if stuck else ""
        return record(self, work, "failed", why, detail=detail, changed=bool(result["changed"]))
