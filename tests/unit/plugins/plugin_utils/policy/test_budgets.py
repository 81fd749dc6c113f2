# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Budgets of a policy, the hosts that share one, and batches that exceed none."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from policy_facts import NOW, TWO_LINES

from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.batches import rollout_batches
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.budgets.back import proof
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.budgets.buckets import Buckets, buckets_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.budgets.keys import budgets
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.budgets.packing import fewest, pack
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.load import load_policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import PolicyError

HOSTS = ["a1", "a2", "b1", "b2", "c1"]
OWN = {"a1": {"zone": "a"}, "a2": {"zone": "a"}, "b1": {"zone": "b"}, "b2": {"zone": ["b", "c"]}}
GROUPS = {"cluster_x": ["a1", "b1"], "cluster_y": ["a2", "other"], "web": ["a1", "a2"]}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("budgets: [{max_out: 1}]", ["give by, groups or for"]),
        ("budgets: [{by: zone, groups: dc_*, max_out: 1}]", ["one of by and groups"]),
        ("budgets: [{for: web, without: free, max_out: 1}]", ["'without' belongs to by or groups"]),
        ("budgets: [{by: zone, max_out: 0}]", ["budgets[0].max_out", "at least 1"]),
        ("budgets: [{by: zone, max_out: 0%}]", ["budgets[0].max_out", "at least 1"]),
        ("budgets: [{by: zone}]", ["'max_out' is missing"]),
        ("budgets: [{by: my zone, max_out: 1}]", ["the name of a host variable"]),
        ("budgets: [{by: zone, max_out: 1}, {by: zone, for: web, max_out: 2}]", ["two budgets are called 'zone'"]),
        ("budgets: []", ["must not be empty"]),
    ],
)
def test_a_mistake_is_told(text: str, parts: list[str]) -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy(TWO_LINES + text + "\n", "policy.yml")
    assert "policy.yml:4: " in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


def test_hosts_are_divided_by_variables_groups_and_patterns() -> None:
    given = [
        {"by": "zone", "max_out": 1},
        {"groups": "cluster_*", "max_out": "50%", "without": "free"},
        {"for": "b*", "max_out": 2, "name": "bees"},
    ]
    found = buckets_of(budgets(given), HOSTS, OWN, GROUPS, {"b*": {"b1", "b2"}})
    assert found.of == {
        "a1": ["zone=a", "cluster_*=cluster_x"],
        "a2": ["zone=a", "cluster_*=cluster_y"],
        "b1": ["zone=b", "cluster_*=cluster_x", "bees"],
        "b2": ["zone=b", "zone=c", "bees"],
        "c1": ["zone=(none)"],
    }
    # a share is rounded down, and at least one
    assert found.limits == {
        "zone=a": 1,
        "zone=b": 1,
        "zone=c": 1,
        "zone=(none)": 1,
        "cluster_*=cluster_x": 1,
        "cluster_*=cluster_y": 1,
        "bees": 2,
    }
    assert found.remarks == [
        "budget 'zone': without a value, they count as one: c1",
        "budget 'cluster_*': without a value, no limit holds for them: b2, c1",
    ]
    assert found.members({"zone=a", "bees"}) == {"zone=a": ["a1", "a2"], "bees": ["b1", "b2"]}


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"by": "zome", "max_out": 1}, "no host has the variable 'zome'; did you mean 'zone'"),
        ({"groups": "dc_*", "max_out": 1}, "no group fits 'dc_*'"),
        ({"by": "odd", "max_out": 1}, "its value is"),
    ],
)
def test_a_budget_that_would_limit_nobody_is_an_error(given: dict, part: str) -> None:
    own = {**OWN, "c1": {"odd": {"x": 1}}}
    with pytest.raises(LockstepError, match="budget|variable") as caught:
        buckets_of(budgets([given]), HOSTS, own, GROUPS, {})
    assert part in str(caught.value)


def grid(size: int) -> tuple[list[str], dict[str, list[str]]]:
    """One host for each pair of a row and a column."""
    pairs = {
        f"h{row:02d}{column:02d}": [f"row={row}", f"col={column}"] for row in range(size) for column in range(size)
    }
    return list(pairs), pairs


def exceeded(batches: list[list[str]], of: dict[str, list[str]], limits: dict[str, int], sizes: list[int]) -> list:
    wrong: list = []
    for at, batch in enumerate(batches):
        if len(batch) > sizes[min(at, len(sizes) - 1)]:
            wrong.append((at, len(batch)))
        counted = Counter(bucket for host in batch for bucket in of.get(host, ()))
        wrong += [(at, bucket) for bucket, number in counted.items() if number > limits[bucket]]
    return wrong


@pytest.mark.parametrize(
    ("hosts", "of", "limit", "sizes", "length"),
    [
        ([], {}, 1, [5], 0),
        (["a", "b", "c"], {}, 1, [2], 2),
        (["a", "b", "c", "d"], {}, 1, [1, 3], 2),
        (["a", "b", "c"], {"a": ["z"], "b": ["z"], "c": ["z"]}, 1, [9], 3),
        (["a", "b", "c"], {"a": ["z"], "b": ["z"], "c": ["z"]}, 2, [9], 2),
        # a line of hosts, each sharing a bucket with its neighbour, given in the worst order
        (["a", "d", "b", "c"], {"a": ["1"], "b": ["1", "2"], "c": ["2", "3"], "d": ["3"]}, 1, [9], 2),
        (*grid(6), 1, [99], 6),
        (*grid(6), 2, [99], 3),
    ],
)
def test_batches_are_as_few_as_the_tightest_budget_allows(
    hosts: list[str], of: dict, limit: int, sizes: list[int], length: int
) -> None:
    limits = {bucket: limit for own in of.values() for bucket in own}
    found = pack(hosts, of, limits, sizes)
    assert len(found) == length == fewest(hosts, of, limits, sizes)
    assert sorted(host for batch in found for host in batch) == sorted(hosts)
    assert exceeded(found, of, limits, sizes) == []
    assert found == pack(hosts, of, limits, sizes)


def test_no_budget_is_ever_exceeded() -> None:
    for seed in range(60):
        dice = random.Random(seed)
        hosts = [f"h{number}" for number in range(dice.randrange(1, 120))]
        of = {host: [f"{name}={dice.randrange(1, 9)}" for name in "abc"[: dice.randrange(4)]] for host in hosts}
        limits = {bucket: dice.randrange(1, 4) for own in of.values() for bucket in own}
        sizes = [dice.randrange(1, 30) for _size in range(dice.randrange(1, 4))]
        found = pack(hosts, of, limits, sizes)
        assert exceeded(found, of, limits, sizes) == [], seed
        assert sorted(host for batch in found for host in batch) == sorted(hosts)


RINGS = "rings:\n  - {name: t, hosts: t, soak: 0h}\n  - {name: p, hosts: p, batch: 100%, soak: 0h}\n"
SCOPE = [{"ring": "t", "hosts": ["t1"]}, {"ring": "p", "hosts": ["p1", "p2", "p3", "p4"]}]
BUCKETS = Buckets({"z=1": 1, "z=2": 1}, {"p1": ["z=1"], "p2": ["z=1"], "p3": ["z=2"], "p4": ["z=2"]}, [])


def batches(statuses: dict, out: tuple[str, ...] = ()) -> list[list[str]]:
    found = rollout_batches(load_policy(RINGS, "p.yml"), SCOPE, statuses, {}, NOW, (), BUCKETS, out)
    return [batch.hosts for batch in found if batch.ring == "p"]


def test_batches_of_a_rollout_stay_the_same_from_run_to_run() -> None:
    done = {"status": "verified", "at_ms": NOW}
    assert batches({}) == [["p1", "p3"], ["p2", "p4"]]
    assert batches({"p1": done}) == [["p3"], ["p2", "p4"]]
    # who was tried or is out comes first, by its budgets too
    failed = {"status": "failed", "at_ms": NOW}
    assert batches({"p1": failed, "p2": failed}) == [["p1"], ["p2"], ["p3"], ["p4"]]
    assert batches({}, ("p4",)) == [["p4"], ["p1", "p3"], ["p2"]]


@pytest.mark.parametrize(
    ("status", "reason", "detail", "released"),
    [
        ("verified", "", {"before": {}}, "verified"),
        ("skipped", "nothing_to_do", {}, "skipped: nothing_to_do"),
        ("skipped", "held", {}, ""),
        ("failed", "a file is missing", {}, "it answered, and nothing was begun on it"),
        ("failed", "dpkg", {"before": {"os": "x"}}, ""),
        ("failed", "dpkg", {"transaction": "x"}, ""),
        ("regressed", "", {}, ""),
        ("unreachable", "", {}, ""),
        ("installed", "", {"before": {"os": "x"}}, ""),
    ],
)
def test_only_proof_gives_a_share_back(status: str, reason: str, detail: dict, released: str) -> None:
    assert proof(status, reason, detail) == released
