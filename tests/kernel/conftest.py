# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A virtual machine with a kernel of its own for the tests of this folder (`make kernel`)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

from fleet import Fleet, Lab  # noqa: E402

POLICY = """\
rings:
  - {name: test, hosts: ring_test, soak: 0h}
reboot: {timeout: 15m}
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """One virtual machine, `vm1`, with nothing pending; it is gone after the test."""
    with Lab(f"kernel-{os.getpid()}", print) as lab:
        lab.up({"vm1": {"base": "vm", "groups": ["ring_test"]}}, publish=("1.0",))
        made = Fleet(tmp_path, lab)
        made.policy.write_text(POLICY)
        yield made
