# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import time
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import hooks
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import HostAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.facts import statuses_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.going_back import go_back
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.looking import Look, look
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.recording import record
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.work import Work, work_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.host_lines import host_lines
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.verify import Judgement, judge_host

JUST_NOW_MS = 15_000
JUDGED = ("installed", "active", "verified", "regressed")


class ActionModule(HostAction):
    """Look afresh, compare with the plan and with how the host was, and give the host its result."""

    def act(self) -> dict[str, Any]:
        work = work_of(self, "verify")
        if (work.record or {}).get("status") not in JUDGED or self._task.check_mode:
            status = (work.record or {}).get("status")
            if status == "failed" and work.base.policy.rollback.wanted(status) and not self._task.check_mode:
                return self._roll_back(work, str((work.record or {}).get("reason")))
            return (
                {"status": status, "problem": (work.record or {}).get("reason")}
                if status in ("failed", "unreachable")
                else {"status": status}
            )
        checks = [check.arguments() for check in work.settings.health]
        deadline = time.monotonic() + float(self.argument("settle", 60))
        found = self._just_seen(work)
        while True:
            found = found or look(
                self, work.base.ledger, work.base.fleet, work.base.token, {"refresh": "never", "checks": checks}
            )
            if not found.answer:
                return record(self, work, "unreachable", found.problem, phase="lost")
            judgement, skip = self._judge(work, found.sections)
            # units start and ports open for a while after a reboot; versions do not change by waiting
            if judgement.status != "regressed" or time.monotonic() >= deadline:
                break
            found = None
            time.sleep(2)
        detail = {
            "findings": judgement.reasons,
            "drift": judgement.drift,
            "notes": judgement.notes,
            "skip": skip,
            "verified_ms": now_ms(),
        }
        reasons = "; ".join(judgement.reasons)
        result = record(self, work, judgement.status, reasons, detail=detail)
        if judgement.status == "verified" and (problem := hooks.after(hooks.place_of(self, work))):
            # the plan is in effect, and yet the host does not serve: more hosts must not be taken out
            return record(self, work, "failed", f"verified, but {problem}", detail=detail)
        return self._roll_back(work, reasons) if work.base.policy.rollback.wanted(judgement.status) else result

    def _roll_back(self, work: Work, why: str) -> dict[str, Any]:
        """The policy wants the host back as it was. With scope ring the whole ring goes, after its last batch."""
        if work.base.policy.rollback.scope != "host" or ((work.record or {}).get("detail") or {}).get("rolled_back"):
            return {"problem": f"{self.host}: {why}"}
        fresh = statuses_of(work.base.ledger, work.plan_id, [self.host]).get(self.host)
        gone = go_back(self, work._replace(record=fresh), f"rolled back, since {why}")
        return {**gone, "problem": gone.get("problem") or f"{self.host}: {why}; it is rolled back"}

    def _just_seen(self, work: Work) -> Look | None:
        """The look that the task before has made of a host that owed no reboot, if it is a moment old."""
        seen_ms = ((work.record or {}).get("detail") or {}).get("looked_ms")
        if not seen_ms or now_ms() - seen_ms > JUST_NOW_MS:
            return None
        kept = work.base.ledger.state(work.base.fleet, self.host)
        if kept is None or kept["meta"]["look_ms"] > seen_ms or kept["meta"]["error"]:
            return None
        return Look(True, "", kept["meta"]["answer"], kept["sections"])

    def _judge(self, work: Work, sections: dict[str, Any]) -> tuple[Judgement, list[dict[str, Any]]]:
        noted = (work.record or {}).get("detail") or {}
        before = (
            {"sections": work.base.ledger.contents(noted["before"])} if noted.get("before") else {"sections": sections}
        )
        lines, skip = host_lines(work.plan["body"], before, work.left_out, work.settings.exclude)
        done = work.base.ledger.transactions(plan_id=work.plan_id, host=self.host)
        # the host's answer may have been that of an earlier attempt that had finished; what was begun since did nothing
        last = next((row for row in done if row["id"] == noted.get("transaction")), done[-1] if done else None)
        transaction = None
        if last is not None:
            transaction = {
                "outcome": last["outcome"] or "unknown",
                "detail": str(((last["result"] or {}).get("error") or {}).get("what") or ""),
                "boot_id": noted.get("boot_before"),
                "reboot_owed": noted.get("reboot") in ("yes", "done"),
            }
        return judge_host(before, {"sections": sections}, lines, skip, transaction, work.settings.health), skip
