# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every way in which a run can end, by what it recorded."""

from __future__ import annotations

from typing import Any

import pytest
from controller_facts import run

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.verdicts import closing_line
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.gate import Verdict

SCOPE = [{"ring": "test", "hosts": ["t1", "t2"]}, {"ring": "production", "hosts": ["p1", "p2"]}]
PLAN = {"plan_id": "0123456789abcdef", "state": "open", "left_out": [], "body": {"scope": SCOPE, "lines": [{}, {}]}}
OK = {"status": "verified", "reason": ""}
BAD = {"status": "failed", "reason": "dpkg: error: disk full"}
WAIT = {"decision": "wait", "until_ms": 1, "why": "ring 'test' soaks until 2027-01-15 08:00 UTC", "next": ""}
STOP = {"decision": "stop", "until_ms": None, "why": "the gate of production is shut", "next": "look at t1"}


def verdict(ring: str, state: str, failed: tuple = (), absent: tuple = ()) -> Verdict:
    return Verdict(ring, state, f"ring '{ring}': {state}", "see to it", None, None, list(failed), list(absent), [])


PASSED = [verdict("test", "passed"), verdict("production", "passed")]
DONE = dict.fromkeys(["t1", "t2", "p1", "p2"], OK)


@pytest.mark.parametrize(
    ("given", "verdicts", "plan", "statuses", "line"),
    [
        ({"stopped": {"why": "bad\npolicy", "next": "mend it"}}, [], None, {}, "stopped: bad; policy; mend it"),
        ({"stopped": {"why": "bad", "next": ""}, "gate": WAIT}, PASSED, PLAN, DONE, "stopped: bad"),
        ({"stage": "detect"}, [], None, {}, "done: detect has run"),
        ({"notes": ["nothing to do", "2 left out"]}, [], None, {}, "done: nothing to do; 2 left out"),
        ({"gate": WAIT}, [], PLAN, {}, f"waiting: plan 0123456789ab: {WAIT['why']}"),
        ({"gate": STOP}, [], PLAN, {}, "stopped: plan 0123456789ab: the gate of production is shut; look at t1"),
        (
            {"gate": STOP},
            [verdict("test", "failed", ("t1",)), verdict("production", "waiting")],
            PLAN,
            {"t1": BAD},
            "stopped: plan 0123456789ab: the gate of production is shut (t1: dpkg: error: disk full); look at t1",
        ),
        (
            {},
            [verdict("test", "failed", ("t1",), ("t2",)), verdict("production", "waiting")],
            PLAN,
            {"t1": BAD, "t2": {"status": "unreachable", "reason": "no route"}},
            "stopped: plan 0123456789ab: ring 'test': failed (t1: dpkg: error: disk full; t2: no route); see to it",
        ),
        (
            {},
            [verdict("test", "failed", ("t1",)), verdict("production", "waiting")],
            PLAN,
            {},
            "stopped: plan 0123456789ab: ring 'test': failed (t1); see to it",
        ),
        ({"stage": "acquire"}, [verdict("test", "waiting")], PLAN, {}, "done: plan 0123456789ab is acquired"),
        (
            {"stage": "retire", "notes": ["p2 is retired from the plan: scrapped"]},
            [],
            PLAN,
            {},
            "done: plan 0123456789ab; p2 is retired from the plan: scrapped",
        ),
        ({"stage": "verify"}, PASSED, PLAN, DONE, "done: plan 0123456789ab: 4 of 4 hosts verified"),
        ({}, PASSED, PLAN, DONE, "done: plan 0123456789ab: 4 of 4 hosts verified"),
        (
            {},
            PASSED,
            PLAN,
            {**DONE, "p2": {"status": "skipped", "reason": "nothing_to_do"}},
            "done: plan 0123456789ab: 3 of 4 hosts verified",
        ),
        ({"stage": "test"}, PASSED, PLAN, DONE, "done: plan 0123456789ab: 2 of 2 hosts verified"),
        ({"stage": "deploy"}, PASSED, PLAN, DONE, "done: plan 0123456789ab: 2 of 2 hosts verified"),
        (
            {"stage": "deploy"},
            [verdict("test", "failed", ("t1",)), verdict("production", "open")],
            PLAN,
            {},
            "stopped: plan 0123456789ab: ring 'production': open; see to it",
        ),
        (
            {},
            [verdict("test", "passed"), verdict("production", "open")],
            PLAN,
            DONE,
            "stopped: plan 0123456789ab: ring 'production': open; see to it",
        ),
    ],
)
def test_closing_line(given: dict[str, Any], verdicts: list, plan: Any, statuses: dict, line: str) -> None:
    assert closing_line(run(**given), verdicts, plan, statuses) == line


def test_hosts_that_left_the_inventory_are_named_once() -> None:
    verdicts = [verdict("test", "passed"), verdict("production", "open")]
    said = closing_line(run(gone=["p1", "p2"]), verdicts, PLAN, DONE)
    assert said.startswith("stopped: ")
    assert said.count("left the inventory: p1, p2") == 1


def test_a_newer_run_has_taken_over() -> None:
    newer = {"token": 9, "stage": "rollout", "actor": "ben@other"}
    verdicts = [verdict("test", "open"), verdict("production", "waiting")]
    said = closing_line(run(), verdicts, PLAN, {}, newer)
    assert said.startswith("stopped: plan 0123456789ab: a newer run (token 9, rollout by ben@other)")


@pytest.mark.parametrize(
    "stage", ["detect", "plan", "acquire", "test", "deploy", "verify", "rollout", "retire", "report"]
)
@pytest.mark.parametrize("stopped", [None, {"why": "a", "next": "b"}])
@pytest.mark.parametrize("gate", [None, WAIT, STOP])
@pytest.mark.parametrize("plan", [None, PLAN])
def test_it_is_always_one_line_with_one_of_three_words(stage: str, stopped, gate, plan) -> None:
    for states in (["waiting", "waiting"], ["open", "waiting"], ["passed", "soaking"], ["failed", "waiting"]):
        verdicts = [verdict(entry["ring"], state) for entry, state in zip(SCOPE, states, strict=True)]
        line = closing_line(run(stage=stage, stopped=stopped, gate=gate), verdicts, plan, {})
        assert line.startswith(("done: ", "waiting: ", "stopped: "))
        assert "\n" not in line
        if stopped:
            assert line == "stopped: a; b"


def test_done_says_what_the_plan_left_out() -> None:
    left = [{"why": "held", "taken": False}, {"why": "held", "taken": False}, {"why": "untested", "taken": True}]
    line = closing_line(run(), PASSED, {**PLAN, "left_out": left}, DONE)
    assert line == "done: plan 0123456789ab: 4 of 4 hosts verified; left out: 2 held (see the report)"
