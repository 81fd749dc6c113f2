# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import ControllerAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import Run
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger


class ActionModule(ControllerAction):
    """Take a host out of the open plan's gates, with the name of who says so and why."""

    def decide(self) -> dict[str, Any]:
        run = self.current
        if run is None or run.stopped:
            return {}
        host, reason = str(self.argument("host", "")), str(self.argument("reason", ""))
        if not host or not reason.strip():
            raise LockstepError(
                "a host is retired by name and with a reason",
                "retire",
                "give -e host=NAME -e \"lockstep_reason='why it is gone'\"",
            )
        ledger = Ledger.open(run.ledger, create=False)
        if not self._task.check_mode:
            self._retire(run, ledger, host, reason)
        run.notes.append(f"{host} is retired from the plan: {reason}")
        self.files.save(run)
        return {"changed": True, "host": host}

    def _retire(self, run: Run, ledger: Ledger, host: str, reason: str) -> None:
        """Out of the plan's gates, and out of every budget; a host that only holds leases of an earlier plan too."""
        actor = self.common().actor
        released = ledger.release_leases(run.fleet, host, f"retired: {reason}", run.token, now_ms(), actor=actor)
        if not released or host in ledger.host_statuses(run.plan_id or "", [host]):
            ledger.retire_host(run.plan_id or "", host, actor, reason, run.token, now_ms())
