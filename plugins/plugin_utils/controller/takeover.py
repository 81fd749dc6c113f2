# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Two runs beside each other: hosts follow the newer one, so the older one must know that it is out, and say so."""

from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.orders import ORDERS
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger

PASSIVE = ("detect", "plan", "report", "retire", *ORDERS, "role detect", "role plan", "role report")
"""Stages that hosts do not follow."""
CHECK = " --check"
"""What a stage's name ends with in a run that changes nothing."""
NEXT = "nothing if it is at work: it goes on from here; else run again"
RECENT = 20


def newer_run(ledger: Ledger, fleet: str, token: int) -> dict[str, Any] | None:
    """The newest run begun after this one that hosts follow, None without one. Shape of `Ledger.runs`."""
    rows = (row for row in ledger.runs(fleet, RECENT) if row["token"] > token)
    return next((row for row in rows if row["stage"] not in PASSIVE and not row["stage"].endswith(CHECK)), None)


def taken_over(row: dict[str, Any]) -> str:
    """Who has taken over, in words."""
    return f"a newer run (token {row['token']}, {row['stage']} by {row['actor']}) has taken over"


def stop_when_refused(ledger: Ledger, fleet: str, token: int, host: str) -> None:
    """For use when a host has refused: raises LockstepError where a newer run is why.

    Such a refusal says nothing of the host, and must not be recorded over what the newer run records.
    """
    row = newer_run(ledger, fleet, token)
    if row is not None:
        raise LockstepError(taken_over(row), host, NEXT)
