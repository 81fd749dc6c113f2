# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which versions reached production that no test host had run before."""

from __future__ import annotations

import pytest
from policy_facts import DAY, NOW, package, state

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.drift import reached_production_untested

SINCE = NOW - 180 * DAY


def host(*events: tuple, packages=(), **history) -> dict:
    listed = [
        {"ms": NOW - ago * DAY, "name": "vim", "arch": arch, "action": action, "from": before, "to": to}
        for ago, action, before, to, arch in events
    ]
    content = {
        "sources": [],
        "complete_from_ms": NOW - 400 * DAY,
        "last_patched_ms": None,
        "events": listed,
        "missing": None,
        **history,
    }
    return state(packages=list(packages), history=content)


def up(ago: int, to: str = "2", before: str = "1", arch: str = "amd64") -> tuple:
    return (ago, "upgrade", before, to, arch)


@pytest.mark.parametrize(
    ("test", "production", "expected"),
    [
        (host(up(20)), host(up(10)), []),
        (host(up(10)), host(up(20)), [("2", NOW - 10 * DAY)]),
        (host(), host(up(20)), [("2", None)]),
        (host(up(20, arch="i386")), host(up(10)), [("2", None)]),
        (host(up(20, to="3", before="2")), host(up(30)), []),
        (host(packages=[package("vim", "2")]), host(up(20)), []),
        (host(), host(up(200)), []),
        (host(), host((20, "remove", "1", None, "amd64")), []),
        (host(), host((20, "install", None, "2", "amd64"), up(10, to="3", before="2")), [("2", None), ("3", None)]),
        (host(up(20)), host((10, "downgrade", "3", "2", "amd64")), []),
    ],
    ids=[
        "tested",
        "tested later",
        "never",
        "other arch",
        "ran before the log",
        "runs now",
        "too long ago",
        "removal",
        "two",
        "downgrade",
    ],
)
def test_arrivals(test: dict, production: dict, expected: list) -> None:
    found = reached_production_untested({"t": test}, {"p": production}, SINCE)
    assert [(item.version, item.tested_ms) for item in found.arrivals] == expected
    assert all(item.sure for item in found.arrivals) and found.missing == []


def test_the_first_host_and_all_hosts_are_named() -> None:
    found = reached_production_untested({"t": host()}, {"p1": host(up(5)), "p2": host(up(9))}, SINCE)
    assert [(item.first_host, item.first_ms, item.hosts) for item in found.arrivals] == [
        ("p2", NOW - 9 * DAY, ["p1", "p2"])
    ]
    assert found.compared == 1


@pytest.mark.parametrize(
    ("test", "why"),
    [
        (host(complete_from_ms=NOW - 30 * DAY), "do not reach back that far"),
        (host(complete_from_ms=None, missing="no /var/log/dpkg.log"), "no /var/log/dpkg.log"),
        (state(history={"unknown": "not root"}), "not root"),
        (None, "did not report 'history'"),
    ],
)
def test_missing_logs_are_told_and_make_the_answer_unsure(test: dict | None, why: str) -> None:
    found = reached_production_untested({"t": test}, {"p": host(up(20))}, SINCE)
    assert [(item["host"], item["group"]) for item in found.missing] == [("t", "test")] and why in found.missing[0][
        "why"
    ]
    assert [item.sure for item in found.arrivals] == [False]


def test_another_release_proves_nothing() -> None:
    older = host(up(20))
    older["sections"]["os"] = {"id": "debian", "version": "11", "arch": "amd64"}
    assert len(reached_production_untested({"t": older}, {"p": host(up(10))}, SINCE).arrivals) == 1


def test_a_production_host_without_logs_is_told() -> None:
    found = reached_production_untested({"t": host()}, {"p": state(history={"unknown": "rotated away"})}, SINCE)
    assert found.arrivals == [] and found.missing == [
        {"host": "p", "group": "production", "from_ms": None, "why": "rotated away"}
    ]
