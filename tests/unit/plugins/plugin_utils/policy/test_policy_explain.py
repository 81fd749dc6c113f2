# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why a host is as it is: each reason, and what changes it."""

from __future__ import annotations

from typing import Any

import pytest
from policy_facts import DAY, NOW, PLATFORM, candidate, package, state

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.explain import Known, explain
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.machine import HOST as MACHINE
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.summary import LEFT_OUT

ANN = {"actor": "ann", "ms": NOW, "reason": "smoke"}
HOLD = {"name": "vim", "arch": "amd64", "kind": "hold", "reason": "plugin", "where": "apt-mark"}


def plan(version: str = "1.0-2", left_out: Any = (), of: str = "open") -> dict[str, Any]:
    line = {"package": "vim", "version": version, "platform": PLATFORM}
    body = {"scope": [{"ring": "test", "hosts": ["t"]}, {"ring": "prod", "hosts": ["h"]}], "lines": [line]}
    return {"plan_id": "ab" * 32, "state": of, "body": body, "left_out": list(left_out)}


def told(state_: Any, package_: str = "", cve: str = "", age_ms: int = DAY, **known: Any) -> str:
    found = Known("h", state_, **known)
    return "\n".join(explain(found, package_, cve, NOW, age_ms))


@pytest.mark.parametrize(
    ("given", "known", "parts"),
    [
        (state(candidate("vim")), {}, ["1.0-2 (security) is offered; no plan has this host yet"]),
        (state(candidate("vim")), {"plan": plan(), "ring": "prod"}, ["it is in the plan", "waits for ring 'test'"]),
        (state(candidate("vim")), {"plan": plan("1.0-1.5"), "ring": "prod"}, ["which was tested; this one waits"]),
        (state(candidate("vim"), holds=[HOLD]), {}, ["is held: plugin (apt-mark)", "release the hold"]),
        (state(candidate("vim", kept_back="later", phased=10)), {}, ["phased: later"]),
        (state(packages=[package("vim", "1")]), {}, ["vim 1 is installed", "no newer version is offered"]),
        (state(packages=[]), {}, ["vim is not installed, and nothing would install it"]),
        (state(packages={"unknown": "no dpkg"}), {}, ["its packages are unknown: no dpkg"]),
        (
            state(candidate("vim")),
            {"recalls": [{**ANN, "subject": "vim", "detail": {"version": "1.0-2"}}]},
            ["recalled by ann", "smoke"],
        ),
        (
            state(candidate("vim")),
            {"plan": plan(left_out=[{"host": "h", "package": "vim", "taken": False, "why": "untested",
                                     "detail": "no test host has it", "next": "add one"}]), "ring": "prod"},
            ["leaves it out as untested: no test host has it; add one"],
        ),
    ],
)  # fmt: skip
def test_a_package(given: Any, known: dict[str, Any], parts: list[str]) -> None:
    text = told(given, "vim", **known)
    assert all(part in text for part in parts), text


def test_a_host_that_was_not_seen_for_long_is_not_relied_on() -> None:
    assert "too old to be relied on" in told(state(), age_ms=1000)
    assert "nobody has looked at it" in told(None) and "run detect" in told(None)
    away = {**state(), "reachable": False, "error": "timed out"}
    assert "was not reached (timed out)" in told(away)


def test_a_halt_is_said_and_hostile_text_stays_text() -> None:
    text = told(state(), halts=[{**ANN, "reason": "{{ 7*7 }}\x1b[31m"}])
    assert "halted by ann" in text and "{{ 7*7 }}?[31m" in text


def test_the_whole_host_names_what_is_left_out() -> None:
    left = [{"host": "h", "package": "vim", "taken": False, "why": "held", "detail": "", "next": ""}]
    text = told(state(candidate("vim")), plan=plan(left_out=left), ring="prod", record={"status": "staged"})
    assert "1 updates are pending, 1 of them security" in text and "left out as held: vim" in text
    assert "in ring 'prod' the host is staged" in text


@pytest.mark.parametrize(
    ("findings", "parts"),
    [
        (None, ["is unknown: the host was never assessed"]),
        ([], ["CVE-1 is not open here by the last assessment"]),
        (
            [{"vuln": "CVE-1", "source": "vim", "answer": "affected, fix available", "fixed": "1.0-2", "due_ms": 5,
              "exception": None}],
            ["CVE-1 is open in vim: affected, fix available, fixed in 1.0-2, overdue since", "is offered"],
        ),
    ],
)  # fmt: skip
def test_a_vulnerability(findings: Any, parts: list[str]) -> None:
    text = told(state(candidate("vim")), cve="CVE-1", findings=findings)
    assert all(part in text for part in parts), text


def test_what_comes_next() -> None:
    passed = {"test": {"state": "passed"}}
    done = told(state(), plan=plan(), ring="prod", record={"status": "verified"}, rings=passed)
    assert done.endswith("in ring 'prod' the host is verified")
    assert told(state(), plan=plan(), ring="prod", rings=passed).endswith(
        "stage (the host has not started); run rollout"
    )
    assert "the next plan decides" in told(state(), plan=plan(of="superseded"), ring="prod")


FINDING = {"vuln": "CVE-7", "source": "vim", "answer": "", "fixed": None, "due_ms": None, "exception": None}


@pytest.mark.parametrize("why", sorted(LEFT_OUT))
def test_every_reason_to_leave_something_out_is_explained_with_what_it_leaves_open(why: str) -> None:
    left = [{"host": "h", "package": "vim", "taken": False, "why": why, "detail": "", "next": ""}]
    given = {"plan": plan(left_out=left), "ring": "prod"}
    text = told(state(candidate("vim")), findings=[FINDING, {**FINDING, "source": "bash", "vuln": "CVE-8"}], **given)
    assert f"left out as {why}: vim: {LEFT_OUT[why].message}; {LEFT_OUT[why].next}" in text
    assert "that leaves open 1 vulnerability id: CVE-7" in text and "CVE-8" not in text
    assert "what that leaves open is unknown" in told(state(candidate("vim")), **given)
    whole = [{**left[0], "package": None}]
    accepted = [{**FINDING, "exception": "legacy"}]
    text = told(state(candidate("vim")), plan=plan(left_out=whole), ring="prod", findings=accepted)
    assert "CVE-7; under exception legacy" in text
    assert "no vulnerability open" in told(state(candidate("vim")), findings=[], **given)


RECORDS = [(status, "absent" if status == "unreachable" else "") for status in MACHINE] + [("unreachable", "lost")]


@pytest.mark.parametrize(("status", "phase"), RECORDS)
def test_every_state_of_a_host_says_what_comes_next(status: str, phase: str) -> None:
    record = {"status": status, "phase": phase, "reason": "held", "reboot": "yes"}
    passed = {"test": {"state": "passed"}}
    lines = told(state(), plan=plan(), ring="prod", record=record, rings=passed).splitlines()
    at = next(number for number, line in enumerate(lines) if f"the host is {status}: held" in line)
    assert status == "verified" or len(lines) > at + 1, "what changes it is said"
    retired = {**record, "retired_ms": NOW, "retired_by": "ann", "retired_reason": "scrapped"}
    assert "retired from this plan by ann" in told(state(), plan=plan(), ring="prod", record=retired, rings=passed)


@pytest.mark.parametrize("reason", ["unsupported", "nothing_to_do", "resolved: new disk"])
def test_a_host_that_is_out_of_the_way_says_why(reason: str) -> None:
    text = told(state(), plan=plan(), ring="prod", record={"status": "skipped", "phase": "", "reason": reason})
    assert f"the host is skipped: {reason}" in text and "run rollout" not in text
    assert ("patch this host by other means" in text) == (reason == "unsupported")


@pytest.mark.parametrize("ring", ["waiting", "open", "soaking", "failed"])
def test_every_state_of_the_ring_before_is_said(ring: str) -> None:
    rings = {"test": {"state": ring, "reason": "ring 'test': smoke"}}
    text = told(state(), plan=plan(), ring="prod", record={"status": "staged", "phase": ""}, rings=rings)
    assert f"waits for ring 'test', which is {ring}: ring 'test': smoke" in text
