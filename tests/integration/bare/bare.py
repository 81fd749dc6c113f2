# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a module of the collection without the action of the same name, and keep its result in a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Arguments: module (name in the collection), given (its arguments), result (path of the JSON to write)."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        arguments = self._task.args
        answer = self._execute_module(
            module_name="lockstep.patching." + arguments["module"],
            module_args=json.loads(arguments["given"]),
            task_vars=task_vars,
        )
        Path(arguments["result"]).write_text(json.dumps(answer, default=str))
        result.update(changed=False)
        return result
