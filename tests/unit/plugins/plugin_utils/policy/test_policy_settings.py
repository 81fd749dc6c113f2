# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which layer of the policy wins on a host."""

from __future__ import annotations

import pytest
from policy_facts import policy

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import PolicyError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.settings import effective, misspelt

RINGS = (
    "rings:\n  - {name: test, hosts: t}\n  - {name: production, hosts: p, reboot: {mode: always}, health: [{tcp: 22}],"
    " select: {exclude: [nginx]}}\n"
)
EXTRA = (
    "reboot: [{mode: when_needed}, {for: db, mode: never}]\nhealth: [{for: db, tcp: 5432}, {unit:"
    " cron.service}]\nselect: {exclude: [vim]}\n"
)
MATCHES = {"db": {"db1"}}


@pytest.mark.parametrize(
    ("ring", "host", "variables", "mode", "layer"),
    [
        ("test", "a", {}, "when_needed", "policy"),
        ("production", "a", {}, "always", "ring production"),
        ("production", "db1", {}, "never", "for db"),
        (
            "production",
            "db1",
            {"lockstep_reboot": {"mode": "when_needed"}},
            "when_needed",
            "host variable lockstep_reboot",
        ),
        ("production", "db1", {"lockstep_reboot": {"timeout": "5m"}}, "never", "for db"),
        (None, "a", {}, "when_needed", "policy"),
    ],
)
def test_reboot_mode(ring: str, host: str, variables: dict, mode: str, layer: str) -> None:
    found = effective(policy(EXTRA, RINGS), ring, host, variables, MATCHES)
    assert found.reboot_mode == mode
    assert ("reboot.mode", layer) in found.won


def test_checks_add_up_and_a_host_can_have_its_own() -> None:
    given = policy(EXTRA, RINGS)
    assert [item.name for item in effective(given, "production", "db1", {}, MATCHES).health] == [
        "tcp 5432",
        "unit cron.service",
        "tcp 22",
    ]
    assert [item.name for item in effective(given, "test", "a", {}, MATCHES).health] == ["unit cron.service"]
    own = effective(given, "test", "a", {"lockstep_health": [{"tcp": 80}]}, MATCHES)
    assert [item.name for item in own.health] == ["tcp 80"] and ("health", "host variable lockstep_health") in own.won


def test_selection_only_narrows() -> None:
    found = effective(policy(EXTRA, RINGS), "production", "a", {"lockstep_select": {"exclude": ["git"]}}, MATCHES)
    assert found.exclude == ("vim", "nginx", "git")
    assert ("select.exclude git", "host variable lockstep_select") in found.won


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({"lockstep_reboot": {"mode": "later"}}, "lockstep_reboot.mode"),
        ({"lockstep_select": {"other": True}}, "unknown key 'other'"),
        ({"lockstep_health": {"tcp": 1}}, "must be a list"),
    ],
)
def test_a_wrong_variable_names_host_and_key(variables: dict, text: str) -> None:
    with pytest.raises(PolicyError, match="variables of a") as caught:
        effective(policy(EXTRA, RINGS), "test", "a", variables, MATCHES)
    assert text in str(caught.value)


def test_an_unresolved_pattern_is_no_empty_pattern() -> None:
    with pytest.raises(PolicyError, match="the pattern 'db' was not resolved"):
        effective(policy(EXTRA, RINGS), "test", "a", {}, {})


def test_a_misspelt_variable_is_told() -> None:
    assert misspelt({"lockstep_rebot": {}, "lockstep_health": [], "other": 1}) == [
        "the variable lockstep_rebot is read by nothing; did you mean 'lockstep_reboot'?"
    ]
