# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs, their tokens, and the clock."""

from __future__ import annotations

import pytest
from ledger_samples import MINUTE, NOW, begin, look

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import ClockError, LedgerError


def test_tokens_increase_and_runs_are_kept(ledger):
    assert [begin(ledger, NOW), begin(ledger, NOW + 1, fleet="other"), begin(ledger, NOW + 2)] == [1, 2, 3]
    ledger.end_run(1, "done", "done: all verified", NOW + 3)
    rows = ledger.runs("default")
    assert [row["token"] for row in rows] == [3, 1]
    assert rows[1] == {
        "token": 1,
        "fleet": "default",
        "stage": "rollout",
        "actor": "ann@control",
        "job": "job-7",
        "controller": "control",
        "policy_digest": "ab" * 32,
        "began_ms": NOW,
        "ended_ms": NOW + 3,
        "outcome": "done",
        "message": "done: all verified",
    }
    assert rows[0]["ended_ms"] is None
    assert [row["token"] for row in ledger.runs("default", limit=1)] == [3]


def test_a_run_that_is_not_of_this_ledger(ledger):
    with pytest.raises(LedgerError, match="no run of this ledger has the token 7"):
        ledger.end_run(7, "done", "", NOW)
    with pytest.raises(LedgerError, match="no run of this ledger has the token 7"):
        look(ledger, "a", 7, {"os": 1})
    assert ledger.state("default", "a") is None


@pytest.mark.parametrize("what", ["run", "end", "look", "unreachable"])
def test_a_clock_behind_the_newest_entry_stops_the_run(ledger, what):
    token = begin(ledger, NOW)
    late = NOW + 60 * MINUTE
    if what == "run":
        begin(ledger, late, fleet="another fleet of the same ledger")
    elif what == "end":
        ledger.end_run(token, "done", "", late)
    elif what == "look":
        look(ledger, "a", token, {"os": 1}, late)
    else:
        ledger.record_unreachable("default", "a", token, late, "no route")
    with pytest.raises(ClockError) as caught:
        begin(ledger, late - 5 * MINUTE - 1)
    assert (caught.value.now_ms, caught.value.newest_ms) == (late - 5 * MINUTE - 1, late)
    assert "300 s behind" in str(caught.value)
    assert len(ledger.runs("default")) == 1
    assert begin(ledger, late - 5 * MINUTE) > token


def test_times_of_a_run_whose_clock_was_doubted_stop_nobody(ledger):
    ahead = NOW + 3 * 24 * 60 * MINUTE
    begin(ledger, NOW)
    token = begin(ledger, ahead)
    look(ledger, "a", token, {"os": 1}, ahead)
    with pytest.raises(ClockError):
        begin(ledger, NOW + MINUTE)
    ledger.doubt_clock(token, "the clocks of 2 of 2 hosts and this controller's do not agree", ahead)
    ledger.end_run(token, "stopped", "", ahead)
    assert begin(ledger, NOW + MINUTE) > token
    assert ledger.verify_chain().ok
    with pytest.raises(ClockError):  # the times of the others still count
        begin(ledger, NOW - 5 * MINUTE)


def test_the_clock_error_shows_both_times(ledger):
    begin(ledger, 1_795_000_000_000)
    with pytest.raises(
        ClockError, match="says 2026-11-18 10:06:40 UTC.*an entry of 2026-11-18 11:06:40 UTC.*3600 s behind"
    ):
        begin(ledger, 1_795_000_000_000 - 60 * MINUTE)


def test_text_that_a_database_cannot_hold_is_cleaned(ledger):
    token = ledger.begin_run("default", "detect", "a\x00nn\udc80", None, "control", None, NOW)
    assert ledger.runs("default")[0]["actor"] == "a\ufffdnn?"
    ledger.record_unreachable("default", "h", token, NOW, "err\x00or \udcff")
    assert ledger.state("default", "h")["meta"]["error"] == "err\ufffdor ?"
    assert ledger.verify_chain().ok
