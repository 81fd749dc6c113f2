# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The policy file: what is read, and how mistakes are told."""

from __future__ import annotations

import pytest
from policy_facts import TWO_LINES

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.load import default_policy, load_policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import PolicyError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.schema import NOT_BUILT


def problems(text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        load_policy(text, "policy.yml")
    return [str(problem) for problem in caught.value.problems]


def test_a_two_line_policy_works_and_tells_every_default() -> None:
    policy = load_policy(TWO_LINES, "policy.yml")
    taken = dict(policy.defaults_taken)
    assert [ring.name for ring in policy.rings] == ["test", "production"]
    assert taken["version"] == "1"
    assert taken["rings.test.soak"] == "24h" and taken["rings.production.soak"] == "0h"
    assert taken["rings.test.gate.max_failed"] == "0" and taken["rings.production.gate.max_failed"] == "1%"
    assert taken["rings.test.gate.max_absent"] == "0" and taken["rings.production.gate.max_absent"] == "5%"
    assert taken["rings.test.batch"] == "100%" and taken["rings.production.batch"] == "10%"
    assert taken["select.untested"] == "withhold" and taken["reboot.mode"] == "when_needed"


def test_what_is_given_is_no_default() -> None:
    policy = load_policy(TWO_LINES + "select: {delay: {other: 7d}}\nfleet: north\n", "policy.yml")
    assert policy.select.delay_other_ms == 7 * 86_400_000 and policy.fleet == "north"
    assert not {"select.delay.other", "fleet"} & set(dict(policy.defaults_taken))


@pytest.mark.parametrize(
    ("text", "line", "parts"),
    [
        (
            TWO_LINES + "selct: {}\n",
            4,
            ["unknown key 'selct'", "did you mean 'select'", "allowed here: version, fleet, rings"],
        ),
        (TWO_LINES + "routine: []\n", 4, ["'routine' is not built yet", "must not patch production"]),
        (
            "rings:\n  - name: a\n    hosts: b\n    gate:\n      min_verified: 3\n",
            5,
            ["rings[0].gate.min_verified", "not built yet"],
        ),
        ("rings:\n  - name: a\n    hosts: b\n    gate: {max_faild: 3}\n", 4, ["did you mean 'max_failed'"]),
        ("rings:\n  - name: a\n", 2, ["rings[0]", "'hosts' is missing"]),
        ("rings: []\n", 1, ["rings", "must not be empty"]),
        ("version: 1\n", 1, ["'rings' is missing"]),
        ("", 1, ["the policy is empty"]),
        ("- a\n", 1, ["must be keys and values"]),
        ("rings: [\n", 2, ["not valid YAML"]),
        ("rings: \x00", 1, ["not valid YAML"]),
        (TWO_LINES + "fleet: a\nfleet: b\n", 5, ["'fleet' is given twice, first in line 4"]),
        (TWO_LINES + "version: 2\n", 4, ["version: is '2'; must be 1"]),
        (TWO_LINES + "select:\n  security: maybe\n", 5, ["must be true or false"]),
        (TWO_LINES + "select: {delay: {other: 7 days}}\n", 4, ["select.delay.other", "90m, 24h or 7d"]),
        (TWO_LINES + "select: {untested: yes}\n", 4, ["one of withhold, other_start, allow"]),
        (TWO_LINES + "select: {security: false, other: false}\n", 4, ["no update is ever selected"]),
        (TWO_LINES + "select: {types: [security], other: true}\n", 4, ["'other' would too", "keep one way"]),
        (TWO_LINES + "select: {types: []}\n", 4, ["select.types"]),
        (TWO_LINES + "select: {types: [bugfx]}\n", 4, ["'bugfx'", "bugfix"]),
        ("rings: [{name: a, hosts: b, batch: 0}]\n", 1, ["rings[0].batch", "at least 1"]),
        ("rings: [{name: a, hosts: b, batch: [1, 0%]}]\n", 1, ["rings[0].batch[1]", "at least 1"]),
        ("rings: [{name: a, hosts: b, gate: {max_failed: 101%}}]\n", 1, ["a share such as 10%"]),
        ("rings:\n - {name: a, hosts: b}\n - {name: a, hosts: c}\n", 3, ["two rings are called 'a'"]),
        ("rings: &x\n  - *x\n", 1, ["an alias that contains itself"]),
        ("rings:\n  - &x {name: a, hosts: b}\n  - {<<: *x, name: c}\n", 3, ["merge keys"]),
        (
            TWO_LINES + "health: [{unit: a.service, tcp: 3}]\n",
            4,
            ["exactly one of unit, http, tcp, command", "unit and tcp"],
        ),
        (TWO_LINES + "health: [{tcp: 70000}]\n", 4, ["health[0].tcp"]),
        (TWO_LINES + "health: [{tcp: 'db:70000'}]\n", 4, ["between 1 and 65535"]),
        (TWO_LINES + "health: [{tcp: 1, expect: 200}]\n", 4, ["'expect' needs 'http'"]),
        (TWO_LINES + "health: [{tcp: 1, timeout: 0s}]\n", 4, ["a timeout of 0"]),
        (TWO_LINES + "reboot: [{mode: later}]\n", 4, ["reboot[0].mode", "when_needed, never, always"]),
        (TWO_LINES + "reboot: soon\n", 4, ["reboot", "keys and values"]),
        (TWO_LINES + "fleet: !!python/object:os.system {}\n", 4, ["fleet"]),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_is_allowed(text: str, line: int, parts: list[str]) -> None:
    found = "\n".join(problems(text))
    assert f"policy.yml:{line}: " in found
    for part in parts:
        assert part in found


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    found = problems("rings:\n  - {name: a, hosts: b, soak: long}\nselect:\n  other: 3\nfreezes: []\n")
    assert [text.split(": ")[0] for text in found] == ["policy.yml:2", "policy.yml:4", "policy.yml:5"]


@pytest.mark.parametrize("key", sorted(NOT_BUILT[""]))
def test_what_is_not_built_is_refused_by_name(key: str) -> None:
    assert f"'{key}' is not built yet" in problems(TWO_LINES + f"{key}: []\n")[0]


def test_aliases_of_aliases_do_not_fill_the_memory() -> None:
    text = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    text += "".join(f"{chr(98 + at)}: &{chr(98 + at)} [{', '.join(['*' + chr(97 + at)] * 9)}]\n" for at in range(9))
    assert any("nested too deeply" in text for text in problems(text))


def test_without_a_policy_there_are_no_rings() -> None:
    policy = default_policy()
    assert policy.rings == () and policy.digest == "" and policy.select.security


def test_forms_of_reboot_health_and_exclude() -> None:
    policy = load_policy(
        TWO_LINES + "reboot: [{timeout: 5m}, {for: db*, mode: never}]\n"
        "health: [{for: web, http: 'http://localhost/'}, {command: [/bin/check, -q], timeout: 5s}]\n"
        "select: {exclude: [docker-ce, {for: db*, packages: [postgresql-*]}]}\n",
        "policy.yml",
    )
    assert [(rule.pattern, rule.mode, rule.timeout_ms) for rule in policy.reboot] == [
        (None, "when_needed", 300_000),
        ("db*", "never", None),
    ]
    assert [(item.name, item.expect, item.timeout_ms) for item in policy.health] == [
        ("http http://localhost/", 200, 30_000),
        ("command /bin/check -q", None, 5_000),
    ]
    assert [(item.glob, item.pattern) for item in policy.select.exclude] == [
        ("docker-ce", None),
        ("postgresql-*", "db*"),
    ]
    assert policy.patterns() == ("web", "db*")
