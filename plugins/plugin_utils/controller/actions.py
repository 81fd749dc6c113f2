# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the collection's action plugins have in common.

Two kinds. A controller action decides, records or reports once per batch and contacts no host. A host action runs a
module on its host. Inside our playbooks neither ever fails its task: a failed task in a batch would end the playbook,
report included, and a rescued one would read as success. They record, and the run's last play alone sets the exit
status. In somebody else's play (no run is open in this process) they fail as any task does.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import closing
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import Common, gather
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.module_call import keep_alive
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import Run, RunFiles
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError


class LockstepAction(ActionBase):
    """Variables, the run's files and the shape of results."""

    _supports_check_mode = True
    _supports_async = False

    def variable(self, name: str) -> Any:
        """A templated variable of this host, or None. What hosts supplied stays untrusted, so it is not templated."""
        value = self._vars.get(name)
        try:
            return None if value is None else self._templar.template(value)
        except AnsibleError as error:
            raise LockstepError(
                f"its template cannot be filled in: {error.message}",
                f"variable {name}",
                "use what the controller knows too; an implicit localhost has no inventory_dir, so write"
                " {{ ansible_inventory_sources | first | dirname }}",
            ) from error

    def argument(self, name: str, default: Any = None) -> Any:
        """A task argument, or its default when the task leaves it out or gives null."""
        value = self._task.args.get(name)
        return default if value is None else value

    def prepare(self, task_vars: dict[str, Any] | None) -> None:
        self._vars: dict[str, Any] = task_vars or {}
        self.files: RunFiles = closing.run_files()
        self.current: Run | None = self.files.load()
        self.host: str = str(self._vars.get("inventory_hostname", ""))

    def common(self) -> Common:
        """The common variables; inside a run the run's own choice of ledger, store and report folder."""
        return gather(self.variable, os.environ)


class ControllerAction(LockstepAction):
    """Once per batch, on the controller."""

    BYPASS_HOST_LOOP = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        self.prepare(task_vars)
        try:
            result.update(self.decide())
        except LockstepError as error:
            if self.current is None:
                result.update(failed=True, msg=str(error))
            else:
                self.stop(error)
                result.update(changed=False, stopped=str(error))
        return result

    def stop(self, error: LockstepError) -> None:
        """Keep the first reason; later plays then have no hosts, and the last one fails with it."""
        if self.current is not None and self.current.stopped is None:
            self.current.stopped = {
                "why": f"{error.where}: {error.what}" if error.where else error.what,
                "next": error.next_step,
            }
            self.files.save(self.current)

    def decide(self) -> dict[str, Any]:
        raise NotImplementedError


class HostAction(LockstepAction):
    """On every host of the play. `on_problem: record` returns ok whatever happened, `fail` (default) fails the task."""

    end_alone: Callable[[str, str], None] | None = None
    """Records how the run of this one task ended, (outcome, message), in a play that has opened no run."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        self.prepare(task_vars)
        keep_alive(self)
        try:
            outcome = self.act()
        except LockstepError as error:
            outcome = {"problem": str(error)}
        except AnsibleError as error:
            self._end("stopped", error.message)
            raise
        problem = outcome.get("problem")
        self._end("stopped" if problem else "done", str(problem or ""))
        if problem and self.argument("on_problem", "fail") != "record":
            result.update(outcome, failed=True, msg=problem)
        else:
            result.update({"changed": False}, **outcome)
        return result

    def _end(self, outcome: str, message: str) -> None:
        if self.end_alone is not None:
            self.end_alone(outcome, message)

    def cleanup(self, force: bool = False) -> None:
        """Remove the temporary folder on the host, if it is still there: what was recorded of a lost host stands."""
        try:
            super().cleanup(force)
        except AnsibleConnectionFailure:
            self._display.vv(f"{self.host}: its temporary folder was not removed, the host does not answer")

    def act(self) -> dict[str, Any]:
        raise NotImplementedError
