# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hooks that are owed are known until they are taken back, on every database."""

from __future__ import annotations

from ledger_samples import NOW, begin, open_plan


def test_a_hook_is_owed_from_its_beginning_until_it_is_taken_back(ledger):
    token = begin(ledger, NOW)
    plan_id = open_plan(ledger, token)
    steps = {"post": None, "undo": {"kind": "command", "what": ["x"]}, "ring": "r", "hosts": ["h"]}
    key = ("default", "host", "h", "pool", plan_id)
    ledger.begin_hook(*key, steps, token, NOW)
    (row,) = ledger.open_hooks("default")
    assert (row["state"], row["subject"], row["steps"]) == ("begun", "h", steps)
    ledger.hook_done(*key, "pre", "", 1.5, token, NOW)
    assert [row["state"] for row in ledger.open_hooks("default", "host", "h")] == ["done"]
    ledger.begin_hook(*key, steps, token, NOW)  # a second attempt does not make a second debt
    assert [row["state"] for row in ledger.open_hooks("default")] == ["begun"]
    ledger.hook_done(*key, "undo", "away", 0.2, token, NOW)
    assert [row["state"] for row in ledger.open_hooks("default")] == ["stuck"]
    assert ledger.open_hooks("other") == [] and ledger.open_hooks("default", "ring") == []
    ledger.hook_done(*key, "post", "", 0.2, token, NOW)
    assert ledger.open_hooks("default") == []
    bodies = [row["body"] for row in ledger.evidence("default") if row["kind"] == "hook"]
    assert [(body["step"], body["outcome"]) for body in bodies] == [
        ("pre", "begun"), ("pre", "done"), ("pre", "begun"), ("undo", "failed"), ("post", "done"),
    ]  # fmt: skip
    assert bodies[1]["ms"] == 1500 and bodies[3]["problem"] == "away"
    assert ledger.verify_chain().ok
