# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The shortest way through every stage, on two hosts. `make matrix` runs it under each ansible-core and Python."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fleet import Fleet

HOSTS = ["test1", "prod1"]


@pytest.fixture
def pair(make_fleet: Callable[..., Fleet]) -> Fleet:
    return make_fleet(test=["test1"], production=["prod1"])


def test_detect_then_rollout_then_nothing_to_do(pair: Fleet) -> None:
    looked = pair.play("detect")
    assert looked.status == 0, looked.output
    assert looked.closing.startswith("done: "), looked.output
    assert (pair.reports / "detect.json").exists()
    for name in HOSTS:
        assert pair.versions(name, "lab-web") == "1.0", "detect changes nothing"

    # a limit makes the controller's own plays borrow a host of the inventory
    limited = pair.play("detect", "--limit", "prod1")
    assert limited.status == 0, limited.output
    assert limited.closing.startswith("done: "), limited.output

    first = pair.play("rollout")
    assert first.status == 0, first.output
    assert first.closing.startswith("done: "), first.output
    for name in HOSTS:
        assert pair.versions(name, "lab-web") == "1.1"
        assert pair.versions(name, "lab-plain") == "1.1"
    assert {host["host"]: host["status"] for host in pair.report()["hosts"]} == dict.fromkeys(HOSTS, "verified")
    for word in ("DEPRECATION WARNING", "Traceback"):
        assert word not in first.output

    again = pair.play("rollout")
    assert again.status == 0, again.output
    assert again.closing.startswith("done: nothing to do"), again.output


def test_a_run_that_must_stop_says_so_last_and_fails(pair: Fleet) -> None:
    pair.policy.write_text("rings:\n  - {name: test, hosts: ring_tset}\n")
    stopped = pair.play("rollout")
    assert stopped.status != 0, stopped.output
    assert stopped.closing.startswith("stopped: "), stopped.output
    assert "ring_tset" in stopped.closing
    for name in HOSTS:
        assert pair.versions(name, "lab-web") == "1.0"
