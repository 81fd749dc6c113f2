# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible's patterns against the whole inventory, and what in them matches nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import patterns

ALL = ["web1", "web2", "db1", "db2", "idle"]


@pytest.mark.parametrize(
    ("pattern", "hosts", "unmatched"),
    [
        ("all", ALL, []),
        ("web", ["web1", "web2"], []),
        ("web1", ["web1"], []),
        ("web*", ["web1", "web2"], []),
        ("w?b1,db2", ["web1", "db2"], []),
        ("web:db", ["web1", "web2", "db1", "db2"], []),
        ("web:!web1", ["web2"], []),
        ("all:!web:!db", ["idle"], []),
        ("web:&ring_test", ["web1"], []),
        ("web:db:&ring_production:!db2", ["web2"], []),
        ("~(web|db)1", ["web1", "db1"], []),
        (["web", "!web1"], ["web2"], []),
        ("web[0]", ["web1"], []),
        # a typing error is named, and its part of the pattern is what is missing
        ("wbe", [], ["wbe"]),
        ("web:dbb", ["web1", "web2"], ["dbb"]),
        ("web:!wbe1", ["web1", "web2"], ["!wbe1"]),
        ("web:&ring_tset", [], ["&ring_tset"]),
        ("nothing*", [], ["nothing*"]),
        ("empty", [], ["empty"]),
        # all parts match something, and nothing is left
        ("web:!all", [], []),
        ("web:&db", [], []),
    ],
)
def test_resolve(manager: InventoryManager, pattern, hosts: list[str], unmatched: list[str]) -> None:
    assert patterns.resolve(manager, pattern) == (hosts, unmatched)


@pytest.mark.parametrize(
    ("limit", "hosts"),
    [
        (None, ALL),
        ("db", ["db1", "db2"]),
        ("web1,idle", ["web1", "idle"]),
        ("all:!web", ["db1", "db2", "idle"]),
        ("ring_*:&web", ["web1", "web2"]),
    ],
)
def test_limit(manager: InventoryManager, limit: str | None, hosts: list[str]) -> None:
    assert patterns.limited(manager, limit) == hosts


def test_limit_from_a_retry_file(manager: InventoryManager, tmp_path: Path) -> None:
    file = tmp_path / "site.retry"
    file.write_text("db2\nweb1\n")
    assert patterns.limited(manager, f"@{file}") == ["web1", "db2"]
    assert patterns.limited(manager, f"@{file}:!web1") == ["db2"]


def test_limit_from_a_file_that_is_not_there(manager: InventoryManager, tmp_path: Path) -> None:
    with pytest.raises(AnsibleError, match="missing.retry"):
        patterns.limited(manager, f"@{tmp_path}/missing.retry")


def test_rings_are_resolved_whatever_the_limit_says(manager: InventoryManager) -> None:
    assert patterns.limited(manager, "web1") == ["web1"]
    assert patterns.resolve(manager, "ring_production") == (["web2", "db2"], [])
    assert patterns.resolve(manager, "wbe") == ([], ["wbe"])
