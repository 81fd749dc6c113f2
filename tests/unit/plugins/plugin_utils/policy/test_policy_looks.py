# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the policy says of looks."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.patching.plugins.module_utils._model.rules import problems
from ansible_collections.lockstep.patching.plugins.module_utils._model.state import PARTS
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.agents import AGENTS
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.load import load_policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.looks import DEFAULT_PARTS, parts_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import PolicyError

RINGS = "rings: [{name: a, hosts: all}]\n"


def load(text: str):
    return load_policy(RINGS + text, "policy.yml").looks


def test_defaults() -> None:
    assert load("").parts == DEFAULT_PARTS
    assert load("").arguments()["agents"] == [dict(rule) for rule in AGENTS]
    assert load("looks: {max_age: 2d}").parts == DEFAULT_PARTS


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("looks: {parts: all}", PARTS),
        ("looks: {parts: none}", ()),
        ("looks: {parts: [use, network]}", ("network", "use")),
        ("looks: {software: [{name: a, path: /a}]}", (*DEFAULT_PARTS, "declared")),
        ("looks: {parts: none, software: [{name: a, path: /a}]}", ()),
    ],
)
def test_parts(text: str, parts: tuple[str, ...]) -> None:
    assert load(text).parts == parts


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("looks: {parts: [use, ues]}", "ues"),
        ("looks:\n  software:\n    - {name: a, path: /a, regex: '('}", "policy.yml:4: looks.software[0]"),
        ("looks: {software: [{name: a, path: a}]}", "path"),
        ("looks: {agents: [{name: a}]}", "agents"),
        ("looks: {keep: 29d}", "policy.yml:2: looks.keep: at least 30d"),
        ("looks: {keep: for ever}", "looks.keep"),
    ],
)
def test_mistakes(text: str, part: str) -> None:
    with pytest.raises(PolicyError, match="(?s)" + part.replace("[", r"\[").replace("]", r"\]")):
        load(text)


@pytest.mark.parametrize(("given", "parts"), [("use, network", ("network", "use")), (["snaps"], ("snaps",)), ([], ())])
def test_names_of_parts(given: object, parts: tuple[str, ...]) -> None:
    assert parts_of(given) == parts


def test_an_unknown_part_is_an_error() -> None:
    with pytest.raises(ValueError, match="no part 'ues'"):
        parts_of("ues")


def test_the_shipped_rules_are_rules() -> None:
    assert problems([], AGENTS) == []
