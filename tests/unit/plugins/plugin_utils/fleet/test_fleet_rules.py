# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Expressions, rules and shares."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.expressions import Expression
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.problems import InventoryError, Spot
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.rules import Rule, Rules
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.shares import position, slices

SPOT = Spot("f", 7, 11)
KNOWN = ("name", "site", "service", "cmdb", "groups", "class", "owner", "security")


def document(**given: object) -> dict:
    return {**dict.fromkeys(KNOWN, ""), "service": [], "groups": [], "cmdb": {}, "security": None, "name": "a", **given}


def expression(text: str) -> Expression:
    return Expression(text, SPOT, KNOWN, ("rack",))


@pytest.mark.parametrize(
    ("text", "given", "holds"),
    [
        ("site == 'x'", {"site": "x"}, True),
        ("site == 'x'", {}, False),
        ("!site", {}, True),
        ("contains(service, 'shop') && cmdb.rack == 'R1'", {"service": ["shop"], "cmdb": {"rack": "R1"}}, True),
        ("contains(groups, 'web')", {"groups": ["web"]}, True),
        ("service[?starts_with(@, 'pay')]", {"service": ["payroll"]}, True),
        ("service[?starts_with(@, 'pay')]", {"service": ["shop"]}, False),
        ("security > `0`", {"security": 3}, True),
        ("security > `0`", {"security": 0}, False),
        ("security > `0`", {}, False),
        ("starts_with(name, 'b')", {"name": "b1"}, True),
    ],
)
def test_conditions(text: str, given: dict, holds: bool) -> None:
    condition = expression(text)
    for _again in range(2):
        assert condition.true_for(document(**given)) is holds
        assert condition.true_for(document(site="other", service=["z"], groups=["z"], name="z")) is False


@pytest.mark.parametrize(
    ("text", "column", "what"),
    [
        ("site == 'x", 19, "does not compile"),
        ("site ==", 18, "does not compile"),
        ("site == x'", 20, "does not compile"),
        ("(site", 16, "does not compile"),
        ("siet == 'x'", 11, "no host has the field 'siet'; did you mean 'site'?"),
        ("name && cmdb.rak", 24, "no host has the field 'cmdb.rak'; did you mean 'rack'?"),
        ("contians(site, 'x')", 11, "there is no function 'contians'; did you mean 'contains'?"),
        ("contains(site)", 11, "takes 2 arguments and is given 1"),
    ],
)
def test_what_does_not_compile_is_shown_by_its_column(text: str, column: int, what: str) -> None:
    with pytest.raises(InventoryError) as caught:
        expression(text)
    assert str(caught.value).startswith(f"f:7:{column}: ") and what in str(caught.value)


def test_values_that_do_not_fit_are_an_error_that_names_the_host() -> None:
    with pytest.raises(InventoryError, match=r"^f:7:11: this rule cannot be applied to the host a: .*in: starts_with"):
        expression("starts_with(security, 'x')").true_for(document(security=3))


def rules(kind: str, *given: tuple[str | None, object]) -> Rules:
    return Rules(kind, tuple(Rule(expression(when) if when else None, value, None, None) for when, value in given))


def test_the_first_rule_that_holds_decides_and_beats_the_export() -> None:
    chosen = rules("owner", ("site == 'x'", "first"), ("service", "second"))
    for _again in range(2):
        assert chosen.choose(document(site="x", service=["s"]), "f") == "first"
        assert chosen.choose(document(service=["s"], owner="export"), "f") == "second"
        assert chosen.choose(document(owner="export"), "f") == "export"
        assert chosen.choose(document(owner="other"), "f") == "other"


def test_a_rule_may_take_its_value_from_the_host() -> None:
    query = expression("cmdb.rack")
    owner = Rules("owner", (Rule(None, None, query, None),))
    assert owner.choose(document(cmdb={"rack": "R1"}), "f") == "R1"
    service = Rules("service", (Rule(None, None, query, None),))
    assert service.choose(document(cmdb={"rack": ["a", "b"]}), "f") == ["a", "b"]
    assert service.choose(document(cmdb={"rack": "a"}), "f") == ["a"]
    assert service.choose(document(cmdb={}), "f") == []
    with pytest.raises(InventoryError, match="class must be one of server"):
        Rules("class", (Rule(None, None, query, None),)).choose(document(cmdb={"rack": "R1"}), "f")


def test_shares_of_one_thing_follow_each_other_and_leave_nobody_out() -> None:
    first, second, rest = slices([("web", "10%"), ("web", "30%"), ("web", "rest")])
    hosts = [f"host{at}" for at in range(4000)]
    counts = [sum(part.has(position("f", host)) for host in hosts) for part in (first, second, rest)]
    assert sum(counts) == 4000
    assert abs(counts[0] - 400) < 80 and abs(counts[1] - 1200) < 120


def test_a_position_is_the_same_for_ever() -> None:
    assert [position("default", name) for name in ("web1", "web2", "ü")] == [58457, 144272, 624026]


def test_a_larger_share_only_adds_hosts() -> None:
    small, large = slices([("a", "10%"), ("b", "25%")])
    hosts = [position("f", f"host{at}") for at in range(1000)]
    assert {at for at in hosts if small.has(at)} < {at for at in hosts if large.has(at)}


@pytest.mark.parametrize("shares", [["60%", "50%"], ["rest", "rest"], ["100%", "1%"], ["100%", "rest"]])
def test_shares_over_the_whole(shares: list[str]) -> None:
    with pytest.raises(ValueError, match="the shares of 'web' add up to more than 100%"):
        slices([("web", share) for share in shares])
