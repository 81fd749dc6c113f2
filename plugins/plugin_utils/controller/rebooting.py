# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have a host reboot once, and wait until its boot id proves it."""

from __future__ import annotations

import re
import time
from typing import NamedTuple

from ansible.errors import AnsibleError

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import HostAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.module_call import call, reconnect
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.recording import sentence
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.takeover import stop_when_refused
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.work import Base

POLL_SECONDS = 0.5
BOOT_ID = "/proc/sys/kernel/random/boot_id"
BOOT_ID_SHAPE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Rebooted(NamedTuple):
    """after: the new boot id, None without one; problem: why the reboot was not started, or an empty text."""

    after: str | None
    problem: str


def reboot_once(action: HostAction, base: Base, plan_id: str, boot: str, timeout: float) -> Rebooted:
    """Reboot a host that is in the boot `boot`, at most once for this plan id. timeout: seconds to come back in."""
    asked = call(
        action,
        "reboot",
        {
            "plan_id": plan_id,
            "ledger_id": base.ledger.ledger_id,
            "token": base.token,
            "mode": "reboot",
            "boot_id": boot,
            "delay": 0,
        },
        action._vars,
    )
    if asked.kind == "broken":
        return Rebooted(None, f"the reboot could not be started: {asked.message}")
    if asked.result.get("outcome") == "refused":
        stop_when_refused(base.ledger, base.fleet, base.token, action.host)
    if asked.result.get("outcome") in ("refused", "failed"):
        return Rebooted(None, f"no reboot: {sentence(asked.result)}")
    return Rebooted(_wait(action, boot, timeout), "")


def _wait(action: HostAction, before: str, timeout: float) -> str | None:
    """The new boot id, or None when the host does not show one in time."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        reconnect(action)
        try:
            # not a module: that would take several connections to a host that is going down
            answer = action._low_level_execute_command("cat " + BOOT_ID, sudoable=False)
        except AnsibleError:
            continue
        now = str(answer.get("stdout", "")).strip()
        if answer.get("rc") == 0 and BOOT_ID_SHAPE.fullmatch(now) and now != before:
            return now
    return None
