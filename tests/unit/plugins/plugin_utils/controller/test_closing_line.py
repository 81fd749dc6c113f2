# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a run says that it is over."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import Run
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.verdicts import closing_line
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.gate import Verdict

SCOPE = [{"ring": "test", "hosts": ["t"]}, {"ring": "production", "hosts": ["p"]}]
PLAN = {"plan_id": "0123456789abcdef", "state": "open", "left_out": [], "body": {"scope": SCOPE, "lines": [{}]}}
SOAK_ENDS = 1_800_000_000_000
VERIFIED = {"status": "verified", "at_ms": 1}


def verdict(ring: str, state: str) -> Verdict:
    until = SOAK_ENDS if state == "soaking" else None
    return Verdict(ring, state, f"ring '{ring}' is {state}", "do something", until, None, [], [], [])


@pytest.mark.parametrize("stage", ["rollout", "test", "deploy"])
def test_a_soak_is_waited_for_and_not_a_stop(stage: str) -> None:
    """The rings after it have no result because of the soak, which no gate needs to say again."""
    run = Run(1, stage, "default", "", "", "", 0)
    verdicts = [verdict("test", "soaking"), verdict("production", "waiting")]
    line = closing_line(run, verdicts, PLAN, {"t": VERIFIED})
    assert line == "waiting: plan 0123456789ab: ring 'test' is soaking until 2027-01-15 08:00 UTC"


@pytest.mark.parametrize(
    ("stage", "states", "line"),
    [
        ("rollout", ["passed", "waiting"], "stopped: plan 0123456789ab: ring 'production' is waiting; do something"),
        ("rollout", ["failed", "waiting"], "stopped: plan 0123456789ab: ring 'test' is failed; do something"),
        ("test", ["passed", "waiting"], "done: plan 0123456789ab: 1 of 1 host verified"),
        ("plan", ["waiting", "waiting"], "done: plan 0123456789ab is open: 1 line for 2 hosts; next: rollout"),
    ],
)
def test_other_ends(stage: str, states: list[str], line: str) -> None:
    run = Run(1, stage, "default", "", "", "", 0)
    verdicts = [verdict(entry["ring"], state) for entry, state in zip(SCOPE, states, strict=True)]
    assert closing_line(run, verdicts, PLAN, {"t": VERIFIED}) == line


def test_the_soak_of_the_last_ring_is_not_waited_for() -> None:
    run = Run(1, "rollout", "default", "", "", "", 0)
    verdicts = [verdict("test", "passed"), verdict("production", "soaking")]
    line = closing_line(run, verdicts, PLAN, {"t": VERIFIED, "p": VERIFIED})
    assert line == "done: plan 0123456789ab: 2 of 2 hosts verified"


def test_done_names_what_the_plan_left_out() -> None:
    left = [("untested", False), ("untested", False), ("untested", True), ("held", False)]
    plan = {**PLAN, "left_out": [{"why": why, "taken": taken} for why, taken in left]}
    verdicts = [verdict("test", "passed"), verdict("production", "passed")]
    line = closing_line(Run(1, "rollout", "default", "", "", "", 0), verdicts, plan, {"t": VERIFIED, "p": VERIFIED})
    assert line == "done: plan 0123456789ab: 2 of 2 hosts verified; left out: 1 held, 2 untested (see the report)"


def test_an_older_run_says_who_has_taken_over() -> None:
    newer = {"token": 2, "stage": "rollout", "actor": "ben@two"}
    verdicts = [verdict("test", "passed"), verdict("production", "open")]
    line = closing_line(Run(1, "rollout", "default", "", "", "", 0), verdicts, PLAN, {"t": VERIFIED}, newer)
    assert line.startswith("stopped: plan 0123456789ab: a newer run (token 2, rollout by ben@two) has taken over; ")
    assert "ring 'production' is open" in line
