# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import HostAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.looking import look
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.rebooting import reboot_once
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.recording import record
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.work import (
    Work,
    may_go,
    out_of_time,
    work_of,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.reboot import Decision, decide_reboot


class ActionModule(HostAction):
    """Reboot a host that owes it after its transaction, at most once for a plan, and prove it by its boot id."""

    def act(self) -> dict[str, Any]:
        work = work_of(self, "deploy")
        if may_go(self, work) or (work.record or {}).get("status") != "installed":
            return {}
        if self._task.check_mode:
            return {}
        late = out_of_time(self, work, starting=False)
        if late:
            return {"problem": f"{self.host}: {late}"} if work.base.alone else {"note": late}
        noted = (work.record or {}).get("detail") or {}
        told = [str(item.get("text") or item.get("signal")) for item in noted.get("reboot_reasons", [])]
        if told and noted.get("boot_before") and work.settings.reboot_mode != "never":
            # the transaction has said so at its end; another look would only take time in the window
            return self._reboot(work, Decision("reboot", told, []), str(noted["boot_before"]), {})
        checks = [check.arguments() for check in work.settings.health]
        arguments = {"refresh": "never", "checks": checks}
        found = look(self, work.base.ledger, work.base.fleet, work.base.token, arguments)
        if not found.answer:
            return record(self, work, "unreachable", found.problem, phase="lost")
        decision = decide_reboot(work.settings.reboot_mode, {"sections": found.sections})
        detail: dict[str, Any] = {
            "reboot": {"reboot": "yes", "owed": "yes", "no": "no"}.get(decision.action, "unknown")
        }
        boot = (found.sections.get("boot") or {}).get("boot_id")
        if noted.get("boot_before") and boot and noted["boot_before"] != boot:
            # it has rebooted since its transaction began; one plan never does it twice
            detail.update(reboot="done", boot_after=boot)
            return record(self, work, "active", "", detail=detail)
        if decision.action == "no":
            # verify comes next and need not look again at what has just been looked at
            return record(self, work, "active", "", detail={**detail, "looked_ms": now_ms()})
        if decision.action != "reboot":
            return record(self, work, "installed", "; ".join(decision.reasons), detail=detail)
        return self._reboot(work, decision, str(boot), detail)

    def _reboot(self, work: Work, decision: Decision, boot: str, detail: dict[str, Any]) -> dict[str, Any]:
        timeout = work.settings.reboot_timeout_ms / 1000
        done = reboot_once(self, work.base, work.plan_id, boot, timeout)
        if done.problem:
            return record(self, work, "failed", done.problem, detail=detail)
        after = done.after
        if after is None:
            reasons = "; ".join(decision.reasons)
            why = f"it did not come back with a new boot id within {timeout:.0f} s of its reboot ({reasons})"
            return record(self, work, "unreachable", why, phase="lost", detail={**detail, "reboot": "unknown"})
        proved = {**detail, "reboot": "done", "boot_before": boot, "boot_after": after}
        return record(self, work, "active", "", detail=proved, changed=True)
