# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A ledger in a file, an inventory as plays see it, and run files of their own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.patterns import whole_inventory
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import RunFiles
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger

GROUPS = {
    "all": ["web1", "web2", "db1", "db2", "idle"],
    "ungrouped": ["idle"],
    "web": ["web1", "web2"],
    "db": ["db1", "db2"],
    "ring_test": ["web1", "db1"],
    "ring_production": ["web2", "db2"],
    "empty": [],
}


@pytest.fixture
def manager() -> InventoryManager:
    return whole_inventory(GROUPS, DataLoader())


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{tmp_path}/ledger.db") as opened:
        yield opened


@pytest.fixture
def files(tmp_path: Path) -> RunFiles:
    return RunFiles(str(tmp_path / "tmp"))
