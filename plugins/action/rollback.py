# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import HostAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.going_back import go_back
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import for_host
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.work import work_of


class ActionModule(HostAction):
    """Take a host back to the versions that it had before a plan."""

    def act(self) -> dict[str, Any]:
        work = work_of(self, "rollback")
        result = go_back(self, work, str(self.argument("reason", "rolled back")), str(self.argument("package", "")))
        if result.get("problem") and not work.base.alone:
            self.files.write(for_host("back", self.host), result["problem"])
        return result
