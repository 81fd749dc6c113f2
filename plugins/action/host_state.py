# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import HostAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.looking import look
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import for_host
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.work import base_of, overrides
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.looks import Looks, parts_of

MODULE_ARGUMENTS = ("refresh", "max_index_age", "history_days", "sections", "software", "agents")


class ActionModule(HostAction):
    """Look at the host, keep its full state in the ledger, give a digest to the play."""

    def act(self) -> dict[str, Any]:
        base = base_of(self, "detect")
        try:
            arguments = self._parts(base.policy.looks)
        except LockstepError as error:
            base.ledger.record_unreachable(base.fleet, self.host, base.token, now_ms(), str(error))
            raise
        arguments.update((name, self.argument(name)) for name in MODULE_ARGUMENTS if self.argument(name) is not None)
        run = self.current
        if run is not None and run.stage in ("plan", "rollout", "emergency"):
            arguments.update(max_index_age=base.policy.index_max_age_ms // 1000)
            if not run.check and self.variable("lockstep_refresh") is None:
                arguments["refresh"] = "always"
        if not base.alone and (given := overrides(self)):
            self.files.write(for_host("vars", self.host), given)
        found = look(self, base.ledger, base.fleet, base.token, arguments, state=False)
        if not found.answer:
            kind = "gave no answer" if not found.reachable else "could not be looked at"
            return {"problem": f"{self.host} {kind}: {found.problem}", "unreachable_host": found.reachable is False}
        return {"answer": found.answer}

    def _parts(self, policy: Looks) -> dict[str, Any]:
        """What is read besides the package manager's part: the task says it, else `lockstep_parts`, else the policy."""
        given = self.argument("parts")
        given = self.variable("lockstep_parts") if given is None else given
        if given is None:
            return policy.arguments()
        try:
            return replace(policy, parts=parts_of(given)).arguments()
        except ValueError as error:
            raise LockstepError(str(error), "lockstep_parts", "mend the variable; no host was looked at") from error
