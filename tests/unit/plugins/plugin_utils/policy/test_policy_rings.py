# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rings and the inventory."""

from __future__ import annotations

import pytest
from policy_facts import policy

from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.load import default_policy
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


def test_no_policy_has_no_scope() -> None:
    with pytest.raises(LockstepError, match="lockstep_policy=PATH"):
        resolve_rings(default_policy(), {}, [])
