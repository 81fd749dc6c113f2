# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which runs take hosts over from this one: real runs in a real ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.takeover import newer_run, stop_when_refused
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger


@pytest.mark.parametrize(
    ("stage", "fleet", "takes"),
    [
        ("rollout", "default", True),
        ("acquire", "default", True),
        ("role deploy", "default", True),
        ("rollout", "other", False),
        ("rollout --check", "default", False),
        ("detect", "default", False),
        ("report", "default", False),
    ],
)
def test_who_takes_over(tmp_path: Path, stage: str, fleet: str, takes: bool) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    mine = ledger.begin_run("default", "rollout", "anna@one", None, "one", None, 1_000)
    stop_when_refused(ledger, "default", mine, "web1")
    newer = ledger.begin_run(fleet, stage, "ben@two", None, "two", None, 1_001)
    ledger.begin_run("default", "detect", "cron@two", None, "two", None, 1_002)
    found = newer_run(ledger, "default", mine)
    assert (found and found["token"]) == (newer if takes else None)
    assert newer_run(ledger, "default", newer) is None
    if takes:
        with pytest.raises(LockstepError, match=rf"web1: a newer run \(token {newer}, {stage} by ben@two\) has taken"):
            stop_when_refused(ledger, "default", mine, "web1")
