# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who goes first inside a ring, and in which order the hosts of a cluster go."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.batches import rollout_batches
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.budgets.buckets import Buckets
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.load import load_policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import PolicyError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.order import (
    Cluster,
    Order,
    Seat,
    Urgency,
    most_urgent_first,
    seats,
    waits,
)

RINGS = "rings:\n  - {name: test, hosts: t, soak: 0h}\n  - {name: prod, hosts: p, batch: 100%}\n"
NOBODY: dict[str, Urgency] = {}


def urgent(criticality: str = "unknown", exposure: str = "unknown", due_ms: int | None = None) -> Urgency:
    return Urgency(criticality, exposure, due_ms)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (NOBODY, "cdeabf"),
        ({"a": urgent("critical"), "d": urgent("low"), "e": urgent("high")}, "aecbdf"),
        ({"a": urgent(exposure="open"), "d": urgent(exposure="small")}, "caebdf"),
        ({"a": urgent(due_ms=5), "e": urgent(due_ms=3)}, "ceadbf"),
        ({"a": urgent("high", "small", 1), "e": urgent("high", "open", 9)}, "eacdbf"),
        ({"f": urgent("critical", "open", 0)}, "cdeabf"),
        ({"c": urgent("low")}, "deabcf"),
    ],
)
def test_the_most_urgent_go_first_and_rarely_used_ones_last(known: dict[str, Urgency], expected: str) -> None:
    matches = {"secret": ["c"], "rare": ["f"]}
    order = Order("secret", "rare")
    found = most_urgent_first(order, "fdeabc", known, matches)
    assert "".join(found) == expected
    assert most_urgent_first(order, found, known, matches) == found


DB = Cluster("cluster", "role", (), ("standby", "primary"))
OWN = {
    "a1": {"cluster": "a", "role": "primary"},
    "a2": {"cluster": "a", "role": "standby"},
    "b1": {"cluster": "b", "role": "primary"},
    "b2": {"cluster": "b", "role": "standby"},
    "x": {"role": "primary"},
}
SEATED = seats([DB], OWN, {})


def test_places_in_clusters() -> None:
    assert SEATED["a1"] == Seat("cluster=a", "primary", 1) and SEATED["a2"].level == 0 and "x" not in SEATED
    asked = seats([Cluster("cluster", None, ("ask",), ("standby", "primary"))], OWN, {"a1": "standby", "a2": "odd"})
    assert [asked[host].level for host in ("a1", "a2", "b1")] == [0, None, None]


@pytest.mark.parametrize("buckets", [None, Buckets({"all": 9}, {host: ["all"] for host in OWN}, [])])
def test_no_batch_has_a_host_before_those_that_go_first_in_its_cluster(buckets: Buckets | None) -> None:
    scope = [{"ring": "test", "hosts": ["t"]}, {"ring": "prod", "hosts": ["a1", "b1", "x", "a2", "b2"]}]
    found = rollout_batches(load_policy(RINGS, "p"), scope, {}, {}, 0, (), buckets, (), SEATED)
    assert [batch.hosts for batch in found] == [["t"], ["x", "a2", "b2"], ["a1", "b1"]]


VERIFIED = {"status": "verified"}


@pytest.mark.parametrize(
    ("statuses", "seated", "expected"),
    [
        ({}, SEATED, {"a1": "in cluster=a it goes after a2 (pending)"}),
        ({"a2": VERIFIED}, SEATED, {}),
        ({"a2": {"status": "failed"}}, SEATED, {"a1": "in cluster=a it goes after a2 (failed)"}),
        ({"a2": {"status": "rolled_back"}}, SEATED, {"a1": "in cluster=a it goes after a2 (rolled_back)"}),
        ({"a2": {"status": "failed", "retired": True}}, SEATED, {}),
        ({"a2": {"status": "skipped", "reason": "resolved: gone"}}, SEATED, {}),
        ({"a1": {"status": "installed"}}, SEATED, {}),
        (
            {"a2": VERIFIED},
            {**SEATED, "a1": Seat("cluster=a", "odd", None)},
            {"a1": "its role in cluster=a is 'odd', which is none of the policy's order"},
        ),
        ({}, {**SEATED, "a1": Seat("cluster=a", "", None)}, {"a1": "its role in cluster=a is unknown"}),
        ({}, {**SEATED, "a2": Seat("cluster=a", "", None)}, {"a1": "in cluster=a it goes after a2 (pending)"}),
    ],
)
def test_whose_turn_in_its_cluster_has_not_come(statuses: Any, seated: Any, expected: dict[str, str]) -> None:
    found = waits(["a1", "x"], list(OWN), seated, statuses)
    assert {host: why for host, (why, _next) in found.items()} == expected


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("order: {urgent: x}", "unknown key 'urgent'"),
        ("order: {clusters: []}", "must not be empty"),
        ("order: {clusters: [{by: cluster, roles: [a, b]}]}", "give exactly one of role, command"),
        ("order: {clusters: [{by: cluster, role: r, roles: [a]}]}", "order.clusters[0].roles"),
        ("order: {clusters: [{by: cluster, role: r, roles: [a, a]}]}", "order.clusters[0].roles"),
        ("order: {clusters: [{by: 'a b', role: r, roles: [a, b]}]}", "the name of a host variable"),
        ('order: {clusters: [{by: a, command: "ask \'x", roles: [a, b]}]}', "the command cannot be read"),
    ],
)
def test_an_order_that_cannot_be_kept_is_refused(text: str, part: str) -> None:
    with pytest.raises(PolicyError) as error:
        load_policy(RINGS + text + "\n", "p.yml")
    assert "p.yml:4" in str(error.value) and part in str(error.value)
