# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report's question about production, asked with patterns and host states as the ledger keeps them."""

from __future__ import annotations

import pytest
from ansible.inventory.manager import InventoryManager
from controller_facts import HOUR, NOW, begin, looked

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.drift import SPAN_MS, compare
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.facts import states_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger

GIVEN = {"test": "ring_test", "production": "ring_production"}
DAY = 24 * HOUR


def history(*events: tuple[int, str], complete_days: int = 400):
    rows = [
        {"ms": NOW - days * DAY, "name": "vim", "arch": "amd64", "action": "upgrade", "from": "1", "to": to}
        for days, to in events
    ]
    return {
        "sources": [],
        "complete_from_ms": NOW - complete_days * DAY,
        "last_patched_ms": None,
        "events": rows,
        "missing": None,
    }


def look(ledger: Ledger, token: int, **histories) -> list[dict]:
    os = {"id": "debian", "version": "12", "arch": "amd64"}
    for host, content in histories.items():
        looked(ledger, host, token, history=content, os=os, packages=[])
    return list(states_of(ledger, "default").values())


def test_rows_name_every_production_host_that_had_it_first(ledger: Ledger, manager: InventoryManager) -> None:
    event = history((20, "2"))
    states = look(ledger, begin(ledger), web1=history(), db1=history((10, "2")), web2=event, db2=event)
    found = compare(manager, GIVEN, states, NOW)
    assert [(row["host"], row["package"], row["version"], row["ms"]) for row in found["rows"]] == [
        ("db2", "vim", "2", NOW - 20 * DAY),
        ("web2", "vim", "2", NOW - 20 * DAY),
    ]
    assert found["test_hosts"] == ["web1", "db1"]
    assert found["production_hosts"] == ["web2", "db2"]
    assert found["from_ms"] == NOW - SPAN_MS
    assert found["gaps"] == []


def test_tested_before_is_no_drift(ledger: Ledger, manager: InventoryManager) -> None:
    states = look(
        ledger,
        begin(ledger),
        web1=history((30, "2")),
        db1=history(),
        web2=history((20, "2")),
        db2=history(),
    )
    assert compare(manager, GIVEN, states, NOW)["rows"] == []


def test_a_host_without_a_look_or_with_short_logs_is_a_gap(ledger: Ledger, manager: InventoryManager) -> None:
    states = look(ledger, begin(ledger), web1=history(), db1=history(complete_days=10), web2=history())
    gaps = {gap["host"]: gap for gap in compare(manager, GIVEN, states, NOW)["gaps"]}
    assert sorted(gaps) == ["db1", "db2"]
    assert gaps["db1"]["to_ms"] == NOW - 10 * DAY
    assert gaps["db2"]["to_ms"] is None
    assert all(gap["why"] for gap in gaps.values())


@pytest.mark.parametrize("pattern", ["ring_tset", "empty", "web:!all", "web:dbb"])
def test_a_pattern_without_hosts_is_an_error(manager: InventoryManager, pattern: str) -> None:
    with pytest.raises(LockstepError, match="lockstep_test") as raised:
        compare(manager, {**GIVEN, "test": pattern}, [], NOW)
    assert pattern in str(raised.value)
