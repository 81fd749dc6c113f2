# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A refusal is an answer for the run that got it, and for nobody after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.lockstep.patching.plugins.module_utils._transaction.journal import Journal, read
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.launch import _refused_for


@pytest.mark.parametrize(
    ("outcome", "token", "again"),
    [("refused", 7, False), ("refused", 8, True), ("installed", 8, False), ("failed", 8, False)],
)
def test_refused_for(tmp_path: Path, outcome: str, token: int, again: bool) -> None:
    journal = Journal.create(str(tmp_path / "t1"), 1, {"plan_id": "p"})
    journal.append("attempt", {"pid": 1, "boot_id": "b", "start": 1, "attempt": 1, "token": 7}, 2)
    journal.append("result", {"outcome": outcome}, 3)
    journal.close()
    assert _refused_for({"token": token}, read(str(tmp_path / "t1"), lambda _process: False)) is again
