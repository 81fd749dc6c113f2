# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Looking at a Windows host through the collection ansible.windows, which is asked for only where there is one."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import action_loader

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.module_call import Answer

SEARCH = "ansible.windows.win_updates"
NEEDS = (
    "this is a Windows host, and the collection ansible.windows is not installed on the controller: "
    "ansible-galaxy collection install ansible.windows, and pip install pywinrm or pypsrp for its connection"
)


def is_windows(action: ActionBase) -> bool:
    """Does the host's connection speak PowerShell? It is what Ansible itself goes by."""
    return bool(getattr(getattr(action._connection, "_shell", None), "_IS_WINDOWS", False))


def can_ask() -> bool:
    """Is the collection there?"""
    return bool(action_loader.find_plugin_with_context(SEARCH).resolved)


def ask(action: ActionBase, task_vars: dict[str, Any]) -> Answer:
    """`facts` (without the prefix) and `search` (the result of win_updates) of a Windows host; nothing is installed."""
    try:
        facts = action._execute_module("ansible.windows.setup", {"gather_subset": ["all"]}, task_vars=task_vars)
        if not facts.get("failed") and not facts.get("unreachable"):
            task = action._task.copy()
            task.action, task.args = SEARCH, {"state": "searched", "category_names": ["*"], "reboot": False}
            search = action_loader.get(
                SEARCH, task=task, connection=action._connection, play_context=action._play_context,
                loader=action._loader, templar=action._templar, shared_loader_obj=action._shared_loader_obj,
            ).run(task_vars=task_vars)  # fmt: skip
        else:
            search = facts
    except AnsibleConnectionFailure as error:
        return Answer("unreachable", {}, str(error).strip())
    except AnsibleError as error:
        return Answer("broken", {}, str(error).strip())
    if search.get("unreachable") or search.get("failed"):
        kind = "unreachable" if search.get("unreachable") else "broken"
        return Answer(kind, search, str(search.get("msg") or "ansible.windows failed without a message").strip())
    found = {key.removeprefix("ansible_"): value for key, value in (facts.get("ansible_facts") or {}).items()}
    return Answer("ok", {"facts": found, "search": search}, "")
