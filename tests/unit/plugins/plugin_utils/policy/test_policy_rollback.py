# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The way back: from what a plan has left to what was there before, or why not."""

from __future__ import annotations

from typing import Any

import pytest
from policy_facts import PLATFORM, package, state

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.rollback import (
    Rollback,
    hosts_back,
    judge_back,
    way_back,
)

UNREAD = {"unknown": "dpkg is away"}


def line(name: str, version: str | None = "2", action: str = "upgrade", **more: Any) -> dict[str, Any]:
    return {
        "platform": PLATFORM,
        "package": name,
        "arch": "amd64",
        "action": action,
        "from": ["1"],
        "version": version,
        "source": more.pop("source", name),
        "source_version": version or "",
        "security": True,
        **more,
    }


def having(**versions: str) -> dict[str, Any]:
    return state(packages=[package(name.replace("_", "-"), version) for name, version in versions.items()])


def steps(way: Any) -> list[tuple[Any, ...]]:
    return [(item["package"], item["action"], item["from"], item["version"]) for item in way.lines]


def test_every_kind_of_step_has_its_way_back() -> None:
    body = {"lines": [line("a"), line("new", action="install"), line("gone", None, "remove"), line("same")]}
    way = way_back(body, having(a="1", gone="1", same="1"), having(a="2", new="2", same="1"))
    assert steps(way) == [
        ("a", "downgrade", ["2"], "1"),
        ("new", "remove", ["2"], None),
        ("gone", "install", [], "1"),
    ]
    assert way.problem == "" and way.lost == ["a 2 → 1", "new 2 → removed"]


@pytest.mark.parametrize(
    ("body", "now", "irreversible", "part"),
    [
        ([line("a")], having(a="3"), (), "changed since by somebody else: a is 3"),
        ([line("a")], having(a="2"), ("a*",), "the policy calls it irreversible: a"),
        ([line("x", source="a-db")], having(x="2"), ("a-db",), "the policy calls it irreversible: x"),
        ([line("a")], state(packages=UNREAD), (), "the packages now are unknown: dpkg is away"),
    ],
)
def test_what_makes_going_back_impossible(body: Any, now: Any, irreversible: tuple[str, ...], part: str) -> None:
    before = state(packages=[package("a", "1"), package("x", "1", source="a-db")])
    way = way_back({"lines": body}, before, now, irreversible=irreversible)
    assert part in way.problem and not way.lines


def test_a_new_kernel_is_not_taken_back() -> None:
    name = "linux-image-6.1.0-9-amd64"
    now = state(packages=[package(name, "2")])
    assert "boot the old one" in way_back({"lines": [line(name, action="install")]}, having(), now).problem


def test_one_package_takes_its_source_with_it_and_nothing_else() -> None:
    body = {"lines": [line("libx", source="x"), line("x-tools", source="x"), line("y")]}
    now = having(libx="2", x_tools="2", y="2")
    way = way_back(body, having(libx="1", x_tools="1", y="1"), now, only="libx")
    assert [item["package"] for item in way.lines] == ["libx", "x-tools"]


def test_a_host_is_back_only_with_every_version_of_before() -> None:
    lines = [line("a", "1"), line("new", None, "remove")]
    assert judge_back(lines, having(a="1")) == []
    assert judge_back(lines, having(a="2", new="2")) == [
        "a is 2; it was 1 before",
        "new is 2; it was not installed before",
    ]
    assert "unknown" in judge_back(lines, state(packages=UNREAD))[0]


@pytest.mark.parametrize(
    ("on", "status", "wanted"),
    [
        ("never", "regressed", False),
        ("failed_health", "regressed", True),
        ("failed_health", "failed", False),
        ("failed", "failed", True),
        ("failed", "regressed", True),
        ("failed", "verified", False),
    ],
)
def test_when_a_host_goes_back_by_itself(on: str, status: str, wanted: bool) -> None:
    assert Rollback(on).wanted(status) is wanted


def test_only_hosts_that_a_plan_may_have_changed_go_back() -> None:
    scope = [{"ring": "test", "hosts": ["a", "b"]}, {"ring": "prod", "hosts": ["c", "d", "e"]}]
    statuses = {
        "a": {"status": "verified"},
        "b": {"status": "staged"},
        "c": {"status": "unreachable", "phase": "absent"},
        "d": {"status": "unreachable", "phase": "lost"},
    }
    assert hosts_back(scope, statuses) == ["a", "d"]
    assert hosts_back(scope, statuses, "prod") == ["d"] and hosts_back(scope, statuses, hosts=["a", "e"]) == ["a"]
