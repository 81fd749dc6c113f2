# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Attempts and their results: one at a time, first final result stays, late ones change nothing."""

from __future__ import annotations

import re

import pytest
from ledger_samples import NOW, begin, kinds, open_plan

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import LedgerError, PlanError, StaleToken
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.transactions import transaction_id

DONE = {"outcome": "done", "packages": [{"name": "openssl", "before": "1", "after": "2"}]}


def test_an_attempt_stays_until_it_has_a_final_result(ledger):
    token = begin(ledger)
    plan_id = open_plan(ledger, token)
    first = ledger.next_attempt(plan_id, "a", token, NOW)
    assert re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]{12}-1", first)
    assert first == transaction_id(ledger.ledger_id, plan_id, "default", "a", 1)
    assert ledger.next_attempt(plan_id, "a", token, NOW + 1) == first
    assert ledger.record_transaction(first, plan_id, "a", {"outcome": "unknown", "detail": "no answer"}, token, NOW + 2)
    assert ledger.next_attempt(plan_id, "a", token, NOW + 3) == first
    assert ledger.record_transaction(first, plan_id, "a", DONE, token, NOW + 4) is True
    second = ledger.next_attempt(plan_id, "a", token, NOW + 5)
    assert second == first[:-1] + "2"
    assert ledger.next_attempt(plan_id, "b", token, NOW) not in (first, second)
    rows = ledger.transactions(plan_id, "a")
    assert [(row["id"], row["attempt"], row["outcome"], row["finished_ms"]) for row in rows] == [
        (first, 1, "done", NOW + 4),
        (second, 2, None, None),
    ]
    assert rows[0]["result"] == DONE
    assert {row["host"] for row in ledger.transactions(plan_id)} == {"a", "b"}
    assert len(ledger.transactions(fleet="default")) == 3
    assert ledger.transactions(fleet="other") == []


def test_a_result_is_recorded_once(ledger):
    old = begin(ledger)
    plan_id = open_plan(ledger, old)
    made = ledger.next_attempt(plan_id, "a", old, NOW)
    new = begin(ledger)
    assert ledger.next_attempt(plan_id, "a", new, NOW + 1) == made
    assert ledger.record_transaction(made, plan_id, "a", DONE, new, NOW + 2) is True
    before = kinds(ledger)
    assert ledger.record_transaction(made, plan_id, "a", DONE, old, NOW + 9) is False
    assert kinds(ledger) == before
    assert ledger.transactions(plan_id)[0]["recorded_ms"] == NOW + 2


def test_a_late_result_of_a_superseded_run_is_recorded(ledger):
    old = begin(ledger)
    plan_id = open_plan(ledger, old)
    made = ledger.next_attempt(plan_id, "a", old, NOW)
    new = begin(ledger)
    ledger.set_host(plan_id, "a", "unreachable", "lost", "controller was killed", {}, new, NOW + 1)
    assert ledger.record_transaction(made, plan_id, "a", DONE, old, NOW + 2) is True
    assert ledger.host_statuses(plan_id)["a"]["status"] == "unreachable"
    assert ledger.transactions(plan_id)[0]["result"] == DONE


@pytest.mark.parametrize("late", [{"outcome": "failed", "detail": "x"}, {"outcome": "unknown"}, {"outcome": "done"}])
def test_the_first_final_result_stays(ledger, late):
    token = begin(ledger)
    plan_id = open_plan(ledger, token)
    made = ledger.next_attempt(plan_id, "a", token, NOW)
    ledger.record_transaction(made, plan_id, "a", DONE, token, NOW)
    assert ledger.record_transaction(made, plan_id, "a", late, token, NOW + 1) is False
    row = ledger.transactions(plan_id)[0]
    assert (row["outcome"], row["result"], row["finished_ms"]) == ("done", DONE, NOW)
    repeated = ledger.evidence("default", kind="transaction_repeated")[0]
    assert ledger.contents({"late": repeated["body"]["result"]}) == {"late": late}


def test_a_newer_run_takes_over_and_an_older_one_gets_nothing(ledger):
    old = begin(ledger)
    plan_id = open_plan(ledger, old)
    made = ledger.next_attempt(plan_id, "a", old, NOW)
    new = begin(ledger)
    assert ledger.next_attempt(plan_id, "a", new, NOW) == made
    assert "transaction_resumed" in kinds(ledger)
    with pytest.raises(StaleToken, match=f"run {new} is at work here"):
        ledger.next_attempt(plan_id, "a", old, NOW)


def test_a_superseded_plan_is_not_installed(ledger):
    token = begin(ledger)
    plan_id = open_plan(ledger, token)
    ledger.close_plan(plan_id, "superseded", "", token, NOW)
    with pytest.raises(PlanError, match="the plan is superseded"):
        ledger.next_attempt(plan_id, "a", token, NOW)
    assert ledger.transactions(plan_id) == []


def test_a_transaction_that_the_ledger_lost_is_taken_in(ledger):
    token = begin(ledger)
    plan_id = open_plan(ledger, token)
    lost = transaction_id(ledger.ledger_id, plan_id, "default", "a", 3)
    assert ledger.record_transaction(lost, plan_id, "a", DONE, token, NOW) is True
    assert ledger.next_attempt(plan_id, "a", token, NOW + 1).endswith("-4")


@pytest.mark.parametrize("attempt", ["0", "01", "x", "-1", "9999999"])
def test_an_id_that_no_attempt_has(sqlite_ledger, attempt):
    token = begin(sqlite_ledger)
    plan_id = open_plan(sqlite_ledger, token)
    stem = transaction_id(sqlite_ledger.ledger_id, plan_id, "default", "a", 1)[:-1]
    with pytest.raises(LedgerError, match="not of this ledger, plan and host"):
        sqlite_ledger.record_transaction(stem + attempt, plan_id, "a", DONE, token, NOW)


def test_a_result_of_another_host_ledger_or_kind(ledger):
    token = begin(ledger)
    plan_id = open_plan(ledger, token)
    made = ledger.next_attempt(plan_id, "a", token, NOW)
    with pytest.raises(LedgerError, match="of another plan or host"):
        ledger.record_transaction(made, plan_id, "b", DONE, token, NOW)
    foreign = transaction_id("another ledger", plan_id, "default", "a", 1)
    with pytest.raises(LedgerError, match="not of this ledger, plan and host"):
        ledger.record_transaction(foreign, plan_id, "a", DONE, token, NOW)
    with pytest.raises(LedgerError, match="has the outcome None"):
        ledger.record_transaction(made, plan_id, "a", {}, token, NOW)
    assert ledger.transactions(plan_id)[0]["outcome"] is None
