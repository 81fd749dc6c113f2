# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ansible_collections.lockstep.patching.plugins.module_utils._transaction import launch
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.detach import bundle


def test_bundle_runs_without_the_collection_and_without_ansible(tmp_path: Path) -> None:
    """All that the runner imports is in the zip: isolated and without site packages it gets to the absent request."""
    code = str(tmp_path / "runner.zip")
    bundle(code, launch.runner.__name__)
    run = subprocess.run(
        [sys.executable, "-I", "-S", code, str(tmp_path / "absent.json")],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    assert run.stderr.splitlines()[-1].startswith("FileNotFoundError") and "absent.json" in run.stderr
