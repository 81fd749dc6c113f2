# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import re
from typing import Any

from ansible.errors import AnsibleError

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import HostAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.facts import statuses_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import Run, for_host
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.machine import finished

BOOT_ID = "/proc/sys/kernel/random/boot_id"
BOOT_ID_SHAPE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class ActionModule(HostAction):
    """Ask a host that shares a budget for a sign of life."""

    def act(self) -> dict[str, Any]:
        if self.current is None or self.current.stopped:
            return {}
        try:
            answer = self._low_level_execute_command("cat " + BOOT_ID, sudoable=False)
            boot, why = str(answer.get("stdout", "")).strip(), str(answer.get("stderr", "")).strip()[:300]
        except AnsibleError as error:
            boot, why = "", str(error).strip()
        if not BOOT_ID_SHAPE.fullmatch(boot):
            self.files.write(for_host("down", self.host), why or "it gave no boot id")
            return {"note": why}
        self.files.write(for_host("answered", self.host), True)
        if not self._task.check_mode:
            self._release(self.current, boot)
        return {"boot_id": boot}

    def _release(self, run: Run, boot: str) -> None:
        """End what the host still holds of a plan that is done with it: whoever should have ended it has died."""
        ledger = Ledger.open(run.ledger, create=False)
        for lease in ledger.leases(run.fleet):
            if lease["host"] != self.host:
                continue
            done = ledger.plan(lease["plan_id"])["state"] != "open"
            record = statuses_of(ledger, lease["plan_id"], [self.host]).get(self.host)
            if done or finished(record):
                why = "it answers, and its plan is closed" if done else f"it answers, and is {(record or {})['status']}"
                ledger.release_leases(run.fleet, self.host, why, run.token, now_ms(), boot_id=boot)
