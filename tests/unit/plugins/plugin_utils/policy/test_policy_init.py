# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A first policy from an inventory's groups."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.init import EDIT, suggest_policy, suggest_rings
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.load import load_policy

ROOT = Path(__file__).resolve().parents[5]


@pytest.mark.parametrize(
    ("groups", "rings"),
    [
        ({"ring_test": ["a"], "ring_production": ["b"]}, [("test", "ring_test"), ("production", "ring_production")]),
        ({"dev": ["a"], "qa": ["b"], "live": ["c"]}, [("test", "dev"), ("staging", "qa"), ("production", "live")]),
        (
            {"web_prod": ["a"], "db_prod": ["b"], "canary": ["c"]},
            [("test", "canary"), ("production", "db_prod:web_prod")],
        ),
        ({"prod": ["a", "b"], "canary": ["a"]}, [("test", "canary"), ("production", "prod:!canary")]),
        ({"staging": ["a"], "production": ["b"]}, [("staging", "staging"), ("production", "production")]),
        ({"latest": ["a"], "products": ["b"], "delivery": ["c"]}, [("test", EDIT), ("production", EDIT)]),
        (
            {"acme_lab": ["a", "b"], "ring_test": ["a"], "ring_prod": ["b"]},
            [("test", "ring_test"), ("production", "ring_prod")],
        ),
        ({"test": ["a"]}, [("test", "test"), ("production", EDIT)]),
        ({"prod": ["a"]}, [("test", EDIT), ("production", "prod")]),
        ({"test": [], "prod": ["a"]}, [("test", EDIT), ("production", "prod")]),
        ({}, [("test", EDIT), ("production", EDIT)]),
        ({"all": ["a"], "ungrouped": ["a"]}, [("test", EDIT), ("production", EDIT)]),
    ],
)
def test_rings_of_an_inventory(groups: dict, rings: list) -> None:
    text = suggest_policy(groups)
    policy = load_policy(text, "policy.yml")
    assert [(ring.name, ring.hosts) for ring in policy.rings] == rings
    assert (EDIT in text) == any(EDIT in pattern for _ring, pattern in rings)


def test_who_would_never_be_patched_is_named() -> None:
    _rings, remarks = suggest_rings({"all": ["a", "b", "c"], "test": ["a"], "prod": ["b"]})
    assert remarks == ["in no ring, and so never patched: c"]


@pytest.mark.parametrize("name", ['test"\n  - evil: 1', "prod: x", "test\x1b", "prod\n", "pröd"])
def test_a_strange_group_name_stays_out_of_the_rings(name: str) -> None:
    policy = load_policy(suggest_policy({name: ["a\nrings: []"]}), "policy.yml")
    assert [ring.hosts for ring in policy.rings] == [EDIT, EDIT]


def test_the_example_inventory_has_a_policy_that_loads() -> None:
    text = (ROOT / "inventories" / "example" / "policy.yml").read_text(encoding="utf-8")
    policy = load_policy(text, "policy.yml")
    assert [ring.name for ring in policy.rings] == ["test", "production"]
    assert policy.patterns() == ("databases",)
