# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rings and the inventory."""

from __future__ import annotations

import pytest
from policy_facts import policy

from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.load import default_policy, load_policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import PolicyError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.rings import resolve_rings


def test_the_scope_keeps_the_order() -> None:
    found = resolve_rings(policy(), {"test": (["b", "a"], []), "production": (["c"], [])}, [])
    assert found == [{"ring": "test", "hosts": ["b", "a"]}, {"ring": "production", "hosts": ["c"]}]


@pytest.mark.parametrize(
    ("matched", "parts"),
    [
        (
            {"test": ([], ["ring_test"]), "production": (["c"], [])},
            ["ring 'test'", "'ring_test'", "matches nothing", "did you mean 'rings_test'"],
        ),
        ({"test": (["a"], ["ring_tst"]), "production": (["c"], [])}, ["ring 'test'", "'ring_tst'"]),
        ({"test": ([], []), "production": (["c"], [])}, ["ring 'test'", "leaves no host"]),
        ({"test": (["a"], []), "production": (["a", "c"], [])}, ["a: in ring 'test' and in ring 'production'"]),
        ({}, ["ring 'test'", "ring 'production'"]),
    ],
)
def test_what_does_not_fit_stops_before_any_host(matched: dict, parts: list[str]) -> None:
    with pytest.raises(LockstepError) as caught:
        resolve_rings(policy(), matched, ["rings_test", "web"])
    for part in [*parts, "no host was touched"]:
        assert part in str(caught.value)


SHARED = """\
rings:
  - {name: test, hosts: t}
  - {name: early, hosts: p, share: 10%}
  - {name: broad, hosts: p, share: 40%}
  - {name: last, hosts: p, share: rest}
"""
HOSTS = [f"host{at}" for at in range(300)]


def shared(hosts: list[str], text: str = SHARED, test: tuple[str, ...] = ("host7",)) -> dict[str, list[str]]:
    matched = {name: (list(hosts), []) for name in ("early", "broad", "last")}
    scope = resolve_rings(load_policy(text, "p"), {"test": (list(test), []), **matched}, [])
    return {entry["ring"]: entry["hosts"] for entry in scope}


def test_shares_divide_a_pattern_and_leave_out_who_has_a_ring() -> None:
    found = shared(HOSTS)
    assert sorted(host for hosts in found.values() for host in hosts) == sorted(HOSTS)
    assert found["test"] == ["host7"] and 15 < len(found["early"]) < 45 < 90 < len(found["broad"]) < 150


def test_hosts_that_come_and_go_move_nobody_else() -> None:
    many, fewer = shared(HOSTS), shared(HOSTS[:150])
    for ring in ("early", "broad", "last"):
        assert set(fewer[ring]) == set(many[ring]) & set(HOSTS[:150])
    more = shared(HOSTS, SHARED.replace("10%", "15%"))
    assert set(many["early"]) < set(more["early"])


def test_a_share_takes_at_least_one_host() -> None:
    found = shared(["a", "b", "c"], SHARED.replace("40%", "1%"), ("d",))
    assert [len(found[ring]) for ring in ("early", "broad", "last")] == [1, 1, 1]
    with pytest.raises(LockstepError, match="ring 'last': its pattern 'p' leaves no host"):
        shared(["a", "b"], test=("d",))


def test_shares_of_over_a_whole_are_refused_with_their_line() -> None:
    with pytest.raises(PolicyError, match=r"p:4: rings\[2\].share: the shares of 'p' add up to more than 100%"):
        load_policy(SHARED.replace("40%", "95%"), "p")
    with pytest.raises(PolicyError, match="a share such as 10%, or rest"):
        load_policy(SHARED.replace("40%", "40"), "p")


def test_no_policy_has_no_scope() -> None:
    with pytest.raises(LockstepError, match="lockstep_policy=PATH"):
        resolve_rings(default_policy(), {}, [])
