# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import patterns
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import ControllerAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import Run
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.texts import write_text
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.init import EDIT, suggest_policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import one_line


class ActionModule(ControllerAction):
    """Write a commented policy for the inventory at hand."""

    def decide(self) -> dict[str, Any]:
        try:
            path, line = self._write()
        except LockstepError as error:
            self._close("stopped: " + one_line(str(error)))
            raise
        self._close("done: " + line)
        return {"changed": True, "path": path}

    def _close(self, line: str) -> None:
        """Keep a run of its own, so that the closing line is there for this playbook too."""
        self.files.save(Run(0, "init", "", "", "", "", now_ms(), closing=line))

    def _write(self) -> tuple[str, str]:
        path = os.path.abspath(os.path.expanduser(str(self.argument("path"))))
        if os.path.exists(path):
            raise LockstepError(
                "there is a file already, and it is left as it is",
                path,
                "give another place with -e lockstep_policy=PATH",
            )
        manager = patterns.whole_inventory(self._vars.get("groups", {}), self._loader)
        groups = {str(name): [str(host.name) for host in group.get_hosts()] for name, group in manager.groups.items()}
        if not groups.get("all"):
            raise LockstepError("the inventory has no hosts", "inventory", "check -i INVENTORY")
        text = suggest_policy(groups, str(self._vars.get("inventory_file") or "the inventory"))
        if not self._task.check_mode:
            write_text(path, text)
        step = f"replace each {EDIT} in it" if EDIT in text else "read it, change what does not fit"
        return path, f"wrote {path}; {step}, then run lockstep.patching.plan -e lockstep_policy={path}"
