# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compare the controller's clock with those of the hosts that a run has asked."""

from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import RunFiles, for_host
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy import clocks

TIMED, WRONG = "timed", "clock"
"""Documents of the run: one for each host that told its time, one more for each whose time is another."""


def compare(files: RunFiles, host: str, result: dict[str, Any], before_ms: int, after_ms: int) -> None:
    """Note what a module's answer says of its host's clock; answers without a time say nothing."""
    told = result.get("clock_ms")
    if not isinstance(told, int):
        return
    files.write(for_host(TIMED, host), True)
    off = clocks.offset(told, before_ms, after_ms)
    if off:
        files.write(for_host(WRONG, host), {"host": host, "off_ms": off})


def wrong(files: RunFiles) -> dict[str, int]:
    """Host to offset of those whose clock differs."""
    found = [files.read(name) for name in files.of_hosts(WRONG)]
    return {entry["host"]: entry["off_ms"] for entry in found}


def disagreement(files: RunFiles) -> str:
    """Why nothing may be decided by this controller's clock in this run, or ""."""
    return clocks.disagreement(wrong(files), len(files.of_hosts(TIMED)))


def refuse_when_wrong(files: RunFiles, ledger: Ledger, token: int) -> None:
    """LockstepError when the hosts of this run say that the controller's clock cannot be gone by."""
    why = disagreement(files)
    if why:
        ledger.doubt_clock(token, why, now_ms())
        raise LockstepError(why, "", clocks.NEXT)


def told(files: RunFiles, line: str) -> str:
    """The closing line with the hosts whose clock is wrong, unless it is about them."""
    more = clocks.note(wrong(files))
    return f"{line}; {more}" if more and clocks.DISAGREE not in line else line
