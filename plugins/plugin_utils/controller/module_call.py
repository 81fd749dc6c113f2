# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a module on a host so that a lost connection is an answer and not an exception."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import clocks
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms

MODULES = "lockstep.patching."
KEEP_ALIVE = "-o ServerAliveInterval=5 -o ServerAliveCountMax=6"
LOSSES = 10
"""Connections that one call may lose: a big upgrade restarts sshd, the network and systemd."""


class Answer(NamedTuple):
    """What came of calling a module."""

    kind: str
    """`ok`, `unreachable` (no connection, or lost while it ran) or `broken` (the module could not run or failed)."""
    result: dict[str, Any]
    message: str


def call(action: ActionBase, module: str, arguments: dict[str, Any], task_vars: dict[str, Any]) -> Answer:
    """Run `lockstep.patching.MODULE` on the action's host."""
    before = now_ms()
    try:
        result = action._execute_module(module_name=MODULES + module, module_args=arguments, task_vars=task_vars)
    except AnsibleConnectionFailure as error:
        return Answer("unreachable", {}, str(error).strip())
    except AnsibleError as error:
        return Answer("broken", {}, str(error).strip())
    if result.get("unreachable"):
        return Answer("unreachable", result, str(result.get("msg", "unreachable")))
    if result.get("failed"):
        return Answer("broken", result, _why(result))
    if getattr(action, "current", None) is not None:
        clocks.compare(action.files, action.host, result, before, now_ms())
    return Answer("ok", result, "")


def reconnect(action: ActionBase) -> None:
    """Drop a connection that may be dead, a multiplexed one too, so that the next call makes a new one."""
    try:
        action._connection.reset()
    except (AnsibleError, AttributeError, NotImplementedError, OSError):
        action._connection.close()


def call_until(
    action: ActionBase, module: str, arguments: dict[str, Any], task_vars: dict[str, Any], patience: float
) -> Answer:
    """Call a module that may be called again, over new connections. Each time that one is lost the host has `patience`
    seconds to answer again; how long the module itself takes does not count."""
    for _loss in range(LOSSES):
        answer = call(action, module, arguments, task_vars)
        if answer.kind != "unreachable" or not _answers(action, patience):
            return answer
    return answer


def _answers(action: ActionBase, patience: float) -> bool:
    """Wait for the host to take a new connection."""
    deadline = time.monotonic() + patience
    pause = 1.0
    while time.monotonic() < deadline:
        time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
        pause = min(pause * 1.5, 10.0)
        reconnect(action)
        try:
            if action._low_level_execute_command("true", sudoable=False).get("rc") == 0:
                return True
        except AnsibleError:
            continue
    return False


def keep_alive(action: ActionBase) -> None:
    """Let ssh notice a host that has gone silent; without it a command would wait for it for hours.

    What the user says about it in ssh_args comes first on ssh's command line, and ssh takes the first that it is told.
    """
    connection = action._connection
    if getattr(connection, "transport", "") != "ssh":
        return
    given = connection.get_option("ssh_extra_args") or ""
    if KEEP_ALIVE not in given:
        connection.set_option("ssh_extra_args", f"{given} {KEEP_ALIVE}".strip())


def _why(result: dict[str, Any]) -> str:
    """The shortest true sentence about a failed module."""
    message = str(result.get("msg") or "the module failed without a message").strip()
    detail = str(result.get("module_stderr") or result.get("exception") or "").strip().splitlines()
    return f"{message} ({detail[-1][:200]})" if detail and detail[-1] not in message else message
