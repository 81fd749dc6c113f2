# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which record is the point at which a test kills the controller."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger, points

STATUS: tuple[str, str, dict[str, Any]] = ("host_status", "web1", {"before": "staged", "after": "installed"})
BEGUN: tuple[str, str, dict[str, Any]] = ("transaction_begun", "web1", {"plan": "p"})


@pytest.mark.parametrize(
    ("record", "text", "found"),
    [
        (STATUS, "after host_status=installed web1", True),
        (STATUS, "after host_status=installed", True),
        (STATUS, "before host_status=installed web1", False),
        (STATUS, "after host_status=installed web2", False),
        (STATUS, "after host_status=staged web1", False),
        (STATUS, "after host_status web1", False),
        (STATUS, "", False),
        (BEGUN, "after transaction_begun web1", True),
        (BEGUN, "after transaction_begun web1 more", False),
        (("gate", "test", {"decision": "go"}), "after gate=go test", True),
    ],
)
def test_a_point_is_found_by_its_name(record: tuple[str, str, dict[str, Any]], text: str, found: bool) -> None:
    assert points.wanted("after", *record, text) == found


WORKER = """\
import multiprocessing, sys, time
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger

def work():
    ledger = Ledger.open(sys.argv[1])
    ledger.begin_run("default", "rollout", "ann", "", "control", "", 1_795_000_000_000)
    ledger.begin_run("default", "plan", "ann", "", "control", "", 1_795_000_000_001)

process = multiprocessing.get_context("fork").Process(target=work)
process.start()
process.join()
time.sleep(5)
"""


@pytest.mark.parametrize(("when", "kept"), [("before", ["plan"]), ("after", ["plan", "rollout"])])
def test_controller_and_worker_die_there_and_the_ledger_has_what_was_on_disk(
    tmp_path: Path, when: str, kept: list[str]
) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    done = subprocess.run(
        [sys.executable, "-c", WORKER, url],
        env={**os.environ, points.VARIABLE: f"{when} run_begun rollout"},
        check=False,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL
    with Ledger.open(url, create=when == "before") as ledger:
        ledger.begin_run("default", "plan", "ann", "", "control", "", 1_795_000_000_002)
        assert [row["stage"] for row in ledger.runs("default")] == kept
        assert ledger.verify_chain().ok
