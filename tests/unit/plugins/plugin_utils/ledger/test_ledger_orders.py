# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Orders of people, on every database."""

from __future__ import annotations

import pytest
from ledger_samples import NOW, begin

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import LedgerError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.orders import EVERY_FLEET


def test_an_order_holds_until_it_is_ended_and_both_are_evidence(ledger):
    token = begin(ledger, NOW)
    number = ledger.give_order("halt", "", "smoke", {"a": 1}, token, NOW)
    (kept,) = ledger.orders("default", "halt")
    assert (kept["id"], kept["actor"], kept["reason"], kept["detail"]) == (number, "ann@control", "smoke", {"a": 1})
    assert ledger.orders("default", "recall") == [] and ledger.orders("other", "halt") == []
    ledger.end_orders([number], "no fire", token, NOW + 1)
    ledger.end_orders([number], "again", token, NOW + 2)
    assert ledger.orders("default", "halt") == []
    rows = [(row["kind"], row["body"]["reason"]) for row in ledger.evidence("default") if row["kind"] != "run_begun"]
    assert rows == [("halt", "smoke"), ("halt_ended", "no fire")]
    assert ledger.verify_chain().ok


def test_an_order_for_every_fleet_holds_each_of_them(ledger):
    token = begin(ledger, NOW)
    ledger.give_order("halt", "", "smoke", {}, token, NOW, fleet=EVERY_FLEET)
    ledger.give_order("halt", "", "more smoke", {}, token, NOW, fleet="north")
    assert [len(ledger.orders(fleet, "halt")) for fleet in ("default", "north", "south")] == [1, 2, 1]
    assert [row["reason"] for row in ledger.every_order("halt")] == ["smoke", "more smoke"]


@pytest.mark.parametrize(("kind", "reason"), [("wish", "why not"), ("halt", " ")])
def test_what_is_no_order(ledger, kind, reason):
    token = begin(ledger, NOW)
    with pytest.raises(LedgerError):
        ledger.give_order(kind, "", reason, {}, token, NOW)
    assert ledger.every_order("halt") == []
