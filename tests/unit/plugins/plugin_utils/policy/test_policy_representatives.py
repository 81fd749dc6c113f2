# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A test group that represents production."""

from __future__ import annotations

import random

import pytest
import yaml

from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.representatives import (
    Choice,
    Gap,
    Wishes,
    choose,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.representatives_text import (
    document,
    inventory,
    previous,
    text,
)


def packages(*names: str) -> list[tuple[str, str]]:
    return [("package", name) for name in names]


A, B, C = packages("a"), packages("b"), packages("c")
HOSTS = {"a1": [*A, *B], "a2": [*A, *B], "b1": B, "c1": [*C, *B], "c2": [*C, *B], "all": [*A, *B, *C, *packages("x")]}


def chosen(hosts: dict, wishes: Wishes, services: dict | None = None) -> Choice:
    return choose(hosts, services or {}, wishes, {host: at for at, host in enumerate(hosts)})


def names_of(choice: Choice) -> list[str]:
    return [item.host for item in choice.hosts]


def test_the_fewest_hosts_that_have_everything() -> None:
    choice = chosen(HOSTS, Wishes(most=5))
    assert choice.hosts == [("all", "new", 3)]
    assert choice.covered == {"platform": (0, 0), "package": (4, 4), "service": (0, 0)} and choice.gaps == []


def test_what_one_host_alone_has_is_no_reason_and_is_told() -> None:
    hosts = {"a1": A, "a2": A, "odd": packages("odd", "odder")}
    choice = chosen(hosts, Wishes(most=3))
    assert names_of(choice) == ["a1"]
    assert choice.gaps == [Gap("package", "odd", 1, "alone"), Gap("package", "odder", 1, "alone")]


@pytest.mark.parametrize(
    ("wishes", "hosts", "gaps"),
    [
        (Wishes(most=9, never={"all"}), ["a1", "c1"], []),
        (Wishes(most=1, never={"all"}), ["a1"], [("c", "full")]),
        (Wishes(most=9, never={"all", "c1", "c2"}), ["a1"], [("c", "never")]),
        (Wishes(most=9, pins=["b1"]), ["b1", "all"], []),
        (Wishes(most=1, pins=["b1", "c1"]), ["b1", "c1"], [("a", "full")]),
        (Wishes(most=9, previous=["a2"]), ["a2", "c1"], []),
        (Wishes(most=9, previous=["c2", "a2", "b1", "gone"]), ["a2", "c2"], []),
        (Wishes(most=9, per_service=1, never={"all"}), ["a1"], [("c", "service")]),
    ],
)
def test_pins_limits_and_the_last_choice(wishes: Wishes, hosts: list[str], gaps: list[tuple[str, str]]) -> None:
    services = dict.fromkeys(("a1", "a2", "c1", "c2"), ["shop"]) if wishes.per_service else {}
    choice = chosen(HOSTS, wishes, services)
    assert names_of(choice) == hosts
    assert [(gap.name, gap.why) for gap in choice.gaps if gap.why != "alone"] == gaps


def test_services_are_covered_too() -> None:
    hosts = dict.fromkeys(("p1", "p2", "s1", "s2"), A)
    services = {"p1": ["pay"], "p2": ["pay"], "s1": ["shop"], "s2": ["shop"]}
    assert names_of(chosen(hosts, Wishes(most=4), services)) == ["p1", "s1"]


def test_a_large_fleet_is_covered_as_a_plain_greedy_choice_would_and_is_stable() -> None:
    chance = random.Random(3)
    hosts = {f"h{at}": packages(*{str(chance.randrange(60)) for _n in range(12)}) for at in range(80)}
    choice = chosen(hosts, Wishes(most=80))
    have = {item for name in names_of(choice) for item in hosts[name]}
    everything = {item for items in hosts.values() for item in items}
    assert everything - have == {("package", gap.name) for gap in choice.gaps}
    for name in names_of(choice):
        others = {item for other in names_of(choice) if other != name for item in hosts[other]}
        assert set(hosts[name]) - others, f"{name} adds nothing"
    assert names_of(chosen(hosts, Wishes(most=80))) == names_of(choice)
    # next month: some hosts left, some have other versions
    later = {name: items for name, items in hosts.items() if int(name[1:]) % 10}
    later["h1"] = packages("new1", "new2")
    again = chosen(later, Wishes(most=80, previous=names_of(choice)))
    stayed = [item for item in again.hosts if item.why == "kept"]
    assert len(stayed) >= len([name for name in names_of(choice) if name in later]) - 2
    assert sorted(names_of(chosen(later, Wishes(most=80, previous=names_of(again))))) == sorted(names_of(again))


def test_the_inventory_file_is_read_back_and_no_other_is_touched() -> None:
    choice = chosen({"a: b #1": A, "yes": A, "007": A}, Wishes(most=3, pins=["a: b #1", "yes", "007"]))
    written = inventory(choice, "ring_test")
    assert list(yaml.safe_load(written)["ring_test"]["hosts"]) == previous(written, "f") == names_of(choice)
    assert previous(inventory(chosen({}, Wishes()), "ring_test"), "f") == []
    for other in ("all: {hosts: {a: {}}}\n", written.splitlines()[0] + "\n- 1\n", ""):
        with pytest.raises(LockstepError, match="was not written by suggest_rings"):
            previous(other, "f")


def test_the_text_says_who_why_and_what_is_missing() -> None:
    shown = text(chosen(HOSTS, Wishes(most=1, never={"all"})), "ring_test", 7, {"dark": "it has never\x1b answered"})
    assert "Test group ring_test: 1 of 7 hosts" in shown and "a1  new     the first with 2 items" in shown
    assert "2 of 4 package versions (50%)" in shown
    assert "1 package version, the test group is as large as it may be: c (3 hosts)" in shown
    assert "Not known, so neither chosen nor covered: 1 host: dark: it has never? answered" in shown
    data = document(chosen(HOSTS, Wishes(most=5)), 7, {})
    assert data["hosts"] == [{"host": "all", "why": "new", "gain": 3}] and data["covered"]["package"]["of"] == 4
