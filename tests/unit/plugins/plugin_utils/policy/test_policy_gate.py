# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gate, rings' verdicts and batches."""

from __future__ import annotations

import itertools

import pytest
from policy_facts import HOUR, NOW, policy, scope

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.batches import rollout_batches, split
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.gate import decide, judge_ring
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import count

T, P = ["t1", "t2"], ["p1", "p2", "p3", "p4"]
RINGS = """rings:
  - {name: test, hosts: t, soak: 24h}
  - {name: production, hosts: p, soak: 48h, batch: 2, gate: {max_failed: 25%, max_absent: 25%}}
"""
PASSED = {"test": {"state": "passed"}}


def was(status: str, ago_h: int = 30, **given) -> dict:
    return {"status": status, "phase": None, "reason": None, "at_ms": NOW - ago_h * HOUR, **given}


OK, ABSENT, LOST = was("verified"), was("unreachable", phase="absent"), was("unreachable", phase="lost")
UNSUPPORTED, NOTHING, OTHER = (
    was("skipped", reason="unsupported"),
    was("skipped", reason="nothing_to_do"),
    was("skipped", reason="held"),
)


def ring(statuses, name="test", state=None, retired=(), closing=True, now=NOW):
    return judge_ring(policy(rings=RINGS), scope(T, P), name, statuses, state or {}, now, retired, closing)


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        ({}, "waiting"),
        ({"t1": was("staged"), "t2": was("staged")}, "waiting"),
        ({"t1": OK}, "open"),
        ({"t1": OK, "t2": was("installed")}, "open"),
        ({"t1": OK, "t2": was("active")}, "open"),
        ({"t1": OK, "t2": OK}, "passed"),
        ({"t1": OK, "t2": was("verified", 23)}, "soaking"),
        ({"t1": OK, "t2": was("verified", 24)}, "passed"),
        ({"t1": OK, "t2": was("failed")}, "failed"),
        ({"t1": OK, "t2": was("regressed")}, "failed"),
        ({"t1": OK, "t2": was("rolled_back")}, "failed"),
        ({"t1": OK, "t2": was("something new")}, "failed"),
        ({"t1": OK, "t2": LOST}, "failed"),
        ({"t1": OK, "t2": ABSENT}, "failed"),
        ({"t1": OK, "t2": was("unreachable")}, "failed"),
        ({"t1": OK, "t2": OTHER}, "failed"),
        ({"t1": OK, "t2": UNSUPPORTED}, "passed"),
        ({"t1": OK, "t2": NOTHING}, "passed"),
        ({"t1": UNSUPPORTED, "t2": UNSUPPORTED}, "failed"),
        ({"t1": {"status": "verified"}, "t2": OK}, "soaking"),
    ],
)
def test_the_verdict_on_the_first_ring(statuses: dict, state: str) -> None:
    found = ring(statuses)
    assert found.state == state
    assert found.why and (found.next or state == "passed")


def test_limits_are_shares_of_the_frozen_ring() -> None:
    three = {"p1": OK, "p2": OK, "p3": OK}
    verdicts = {
        name: ring({**three, **rest}, "production", now=NOW + 48 * HOUR)
        for name, rest in {
            "none": {},
            "failed": {"p4": was("failed")},
            "absent": {"p4": ABSENT},
            "both": {"p3": ABSENT, "p4": was("failed")},
        }.items()
    }
    assert {name: found.state for name, found in verdicts.items()} == {
        "none": "passed",
        "failed": "passed",
        "absent": "passed",
        "both": "passed",
    }
    over = ring({"p1": OK, "p2": OK, "p3": ABSENT, "p4": ABSENT}, "production", now=NOW + 48 * HOUR)
    assert over.state == "failed" and "p3, p4" in over.why and "max_absent 25% allows 1" in over.why
    assert ring({**three}, "production", closing=False, now=NOW + 48 * HOUR).state == "open"


def test_nobody_verified_never_passes() -> None:
    loose = policy(rings=RINGS.replace("25%", "100%"))
    statuses = dict.fromkeys(P[:2], ABSENT) | {host: was("failed") for host in P[2:]}
    assert judge_ring(loose, scope(T, P), "production", statuses, {}, NOW + 99 * HOUR).state == "failed"
    assert judge_ring(loose, scope([], P), "test", {}, {}, NOW).state == "failed"
    assert ring({}, retired=T).state == "failed"


def test_a_retired_host_blocks_nothing_and_proves_nothing() -> None:
    assert ring({"t1": OK}, retired=["t2"]).state == "passed"
    assert ring({"t1": OK, "t2": was("failed")}, retired=["t2"]).state == "passed"


def test_what_passed_stays_passed_and_stragglers_do_not_start_the_soak_anew() -> None:
    assert ring({"t1": OK, "t2": was("failed")}, state=PASSED).state == "passed"
    late = {"t1": OK, "t2": was("verified", 1)}
    assert ring(late).state == "soaking"
    kept = {"test": {"state": "soaking", "soak_from_ms": NOW - 30 * HOUR}}
    assert ring(late, state=kept).state == "passed"


def test_a_ring_that_the_policy_lost_is_not_passed() -> None:
    assert (
        judge_ring(policy(rings=RINGS), [{"ring": "gone", "hosts": ["a"]}], "gone", {"a": OK}, {}, NOW).state
        == "failed"
    )


def ask(statuses, name="production", batch=tuple(P), state=None, reachable=(*T, *P), rings=RINGS, **given):
    state = PASSED if state is None else state
    return decide(policy(rings=rings), scope(T, P), statuses, state, name, batch, NOW, reachable, **given)


@pytest.mark.parametrize(
    ("given", "decision", "parts"),
    [
        ({"statuses": {}, "name": "test", "batch": T, "state": {}}, "go", ["2 hosts may go"]),
        (
            {"statuses": {}, "name": "test", "batch": T, "state": {}, "reachable": ["t1"]},
            "stop",
            ["absent", "t2", "max_absent 0"],
        ),
        ({"statuses": {}, "state": {}}, "stop", ["ring 'test'", "without a result", "t1, t2"]),
        ({"statuses": {"t1": OK}, "state": {}}, "stop", ["t2"]),
        ({"statuses": {"t1": OK, "t2": was("failed")}, "state": {}}, "stop", ["ring 'test'", "t2", "max_failed 0"]),
        ({"statuses": {"t1": OK, "t2": was("verified", 1)}, "state": {}}, "wait", ["soaks", "until"]),
        ({"statuses": {"t1": OK, "t2": OK}, "state": {}}, "go", ["4 hosts"]),
        ({"statuses": {}, "state": {}, "limit": P}, "stop", ["outside --limit: t1, t2"]),
        ({"statuses": {}, "limit": ["p1", "p2"], "batch": ["p1", "p2"]}, "stop", ["outside --limit", "p3, p4"]),
        ({"statuses": {"p3": OK, "p4": OK}, "limit": ["p1", "p2"], "batch": ["p1", "p2"]}, "go", []),
        ({"statuses": {}, "reachable": P[:3]}, "go", ["3 hosts"]),
        ({"statuses": {}, "reachable": P[:2]}, "stop", ["absent", "p3, p4"]),
        ({"statuses": {}, "reachable": []}, "stop", ["absent"]),
        ({"statuses": {"p3": ABSENT, "p4": ABSENT}, "batch": P[:2], "reachable": P[:2]}, "stop", ["absent", "p3, p4"]),
        ({"statuses": {"p3": ABSENT, "p4": ABSENT}, "batch": P[:2]}, "go", []),
        ({"statuses": {"p3": was("failed")}, "batch": P[:2]}, "go", []),
        (
            {"statuses": {"p3": was("failed"), "p4": LOST}, "batch": P[:2]},
            "stop",
            ["p3, p4", "max_failed 25% allows 1"],
        ),
        ({"statuses": {"p3": was("failed"), "p4": LOST}, "batch": P[2:]}, "go", ["2 hosts"]),
        (
            {"statuses": {"p1": LOST, "p2": LOST}, "batch": P[:2], "reachable": P[2:]},
            "stop",
            ["failed or without a result", "p1, p2"],
        ),
        ({"statuses": {"p3": was("installed"), "p4": was("active")}, "batch": P[:2]}, "stop", ["p3, p4"]),
        ({"statuses": {}, "batch": P[:2], "attempted": P[2:]}, "stop", ["p3, p4"]),
        ({"statuses": {"p3": OK, "p4": OK}, "batch": P[:2], "attempted": P[2:]}, "go", []),
        ({"statuses": {}, "inventory": []}, "stop", ["left the inventory: p1, p2, p3, p4"]),
        ({"statuses": {}, "inventory": [*T, *P[:2]]}, "stop", ["left the inventory: p3, p4"]),
        ({"statuses": {}, "inventory": [*T, *P[:3]]}, "go", ["3 hosts"]),
        ({"statuses": {}, "inventory": [*T, *P[:2]], "retired": P[2:]}, "go", ["2 hosts"]),
        ({"statuses": {}, "batch": [*P, "new"]}, "stop", ["new: not in ring 'production'", "next plan"]),
        ({"statuses": {}, "name": "staging"}, "stop", ["ring 'staging'"]),
        ({"statuses": dict.fromkeys(P, OK)}, "go", ["nobody of this batch is left"]),
        ({"statuses": dict.fromkeys(P, UNSUPPORTED)}, "stop", ["no host is left"]),
        ({"statuses": {}, "retired": P}, "stop", ["no host is left"]),
        (
            {"statuses": {}, "rings": RINGS.replace("25%", "1%"), "reachable": P[:3]},
            "stop",
            ["p4", "max_absent 1% allows 0"],
        ),
        (
            {
                "statuses": {"p4": was("failed")},
                "state": {**PASSED, "production": {"state": "passed"}},
                "batch": ["p3"],
                "limit": ["p3"],
            },
            "go",
            [],
        ),
    ],
)
def test_the_gate(given: dict, decision: str, parts: list[str]) -> None:
    found = ask(**given)
    assert found.decision == decision, found
    for part in parts:
        assert part in found.why + found.next
    assert bool(found.until_ms) == (decision == "wait")
    assert not found.hosts or decision == "go"
    assert found.next or decision == "go"


def test_who_goes_and_who_is_recorded_absent() -> None:
    found = ask({"p1": OK}, reachable=["p1", "p2", "p3"])
    assert found.hosts == ["p2", "p3"] and found.absent == ["p4"]
    stopped = ask({}, reachable=["p1", "p2"])
    assert stopped.decision == "stop" and stopped.hosts == [] and stopped.absent == ["p3", "p4"]


@pytest.mark.parametrize(
    "two",
    list(itertools.product([None, OK, was("failed"), ABSENT, LOST, was("installed"), was("staged"), OTHER], repeat=2)),
)
def test_production_goes_only_after_every_test_host_is_verified(two: tuple) -> None:
    statuses = {host: status for host, status in zip(T, two, strict=True) if status}
    assert (ask(statuses, state={}).decision == "go") == (two == (OK, OK))


@pytest.mark.parametrize(
    ("hosts", "sizes", "expected"),
    [
        (10, ["10%"], [1] * 10),
        (4, ["10%"], [1, 1, 1, 1]),
        (10, ["100%"], [10]),
        (10, [1, "30%", "100%"], [1, 3, 6]),
        (5, [2], [2, 2, 1]),
        (0, [2], []),
        (3, [9], [3]),
    ],
)
def test_split(hosts: int, sizes: list, expected: list) -> None:
    names = [str(at) for at in range(hosts)]
    batches = split(names, [count(size) for size in sizes], hosts)
    assert [len(batch) for batch in batches] == expected
    assert [name for batch in batches for name in batch] == names


@pytest.mark.parametrize(
    ("statuses", "state", "expected"),
    [
        ({}, {}, [("test", T)]),
        ({"t1": OK}, {}, [("test", ["t2"])]),
        ({"t1": OK, "t2": was("failed")}, {}, [("test", ["t2"])]),
        ({"t1": OK, "t2": was("verified", 1)}, {}, []),
        ({"t1": OK, "t2": OK}, {}, [("production", ["p1", "p2"]), ("production", ["p3", "p4"])]),
        ({"p3": LOST, "p4": ABSENT}, PASSED, [("test", T), ("production", ["p3", "p4"]), ("production", ["p1", "p2"])]),
        (
            {"t1": OK, "t2": OK, "p1": OK, "p2": was("staged")},
            {},
            [("production", ["p2", "p3"]), ("production", ["p4"])],
        ),
        ({"t1": OK, "t2": OK, **dict.fromkeys(P, OK)}, {}, []),
        (
            {"t1": OK, "t2": UNSUPPORTED, "p1": was("rolled_back")},
            {},
            [("production", ["p2", "p3"]), ("production", ["p4"])],
        ),
    ],
)
def test_batches_of_a_run(statuses: dict, state: dict, expected: list) -> None:
    assert [
        tuple(batch) for batch in rollout_batches(policy(rings=RINGS), scope(T, P), statuses, state, NOW)
    ] == expected


def test_without_soak_a_run_goes_through_all_rings() -> None:
    found = rollout_batches(policy(rings=RINGS.replace("24h", "0h")), scope(T, P), {}, {}, NOW, retired=["p4"])
    assert [tuple(batch) for batch in found] == [("test", T), ("production", ["p1", "p2"]), ("production", ["p3"])]
