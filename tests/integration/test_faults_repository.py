# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The mirror changes, fails and lies between test and production: production gets what was tested, or nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fleet import Fleet
from proof import HOSTS, expect, installed, ledger_of, offer, plan_of, reason, sound, statuses

pytestmark = pytest.mark.lab

NAMES = ("lab-lib", "lab-web", "lab-app", "lab-plain")
OLD, TESTED, NEW = (dict.fromkeys(HOSTS, version) for version in ("1.0", "1.1", "1.2"))


@pytest.fixture
def fleet(make_fleet: Callable[..., Fleet]) -> Fleet:
    """Hosts with 1.0 installed and 1.1 of a few packages pending; none of them asks for a reboot."""
    made = make_fleet(publish=("1.0",))
    offer(made, "1.1", *NAMES)
    return made


def plan_and_test(fleet: Fleet, *between: str) -> None:
    for playbook in ("plan", *between, "test"):
        expect(fleet.play(playbook), "done")
    assert installed(fleet, "lab-plain") == {**OLD, "test1": "1.1"}


def test_newer_version_after_the_test_waits_for_the_next_plan(fleet: Fleet) -> None:
    plan_and_test(fleet)
    tested = plan_of(fleet)["plan_id"]
    offer(fleet, "1.2", *NAMES)
    fleet.lab.refresh()
    assert "lab-plain [1.0] (1.2" in fleet.lab.host("prod1").run("apt-get -s full-upgrade").stdout

    expect(fleet.play("deploy"), "done")
    for name in NAMES:
        assert installed(fleet, name) == TESTED
    assert plan_of(fleet)["plan_id"] == tested
    sound(fleet)

    expect(fleet.play("rollout"), "done")
    for name in NAMES:
        assert installed(fleet, name) == NEW
    assert plan_of(fleet)["plan_id"] != tested
    sound(fleet)


def test_withdrawn_version_comes_from_the_content_store(fleet: Fleet) -> None:
    plan_and_test(fleet, "acquire")
    with fleet.lab.repo.batch():
        for name in NAMES:
            fleet.lab.repo.withdraw(name, "1.1")
    fleet.lab.refresh()
    assert "lab-plain | 1.1" not in " ".join(fleet.lab.host("prod1").run("apt-cache madison lab-plain").stdout.split())
    for folder in ("/var/cache/lockstep", "/var/cache/apt/archives"):  # prod2 keeps what it has staged
        fleet.lab.host("prod1").run(["rm", "-rf", folder])
    sent = len(fleet.lab.repo.requests())

    expect(fleet.play("deploy"), "done")
    for name in NAMES:
        assert installed(fleet, name) == TESTED
    assert not [row for row in fleet.lab.repo.requests()[sent:] if "_1.1_" in row["path"] and row["bytes"]]
    sound(fleet)
    again = fleet.play("rollout")
    expect(again, "done", "nothing to do")


def test_mirror_that_is_away_after_acquire_is_not_missed(fleet: Fleet) -> None:
    expect(fleet.play("plan"), "done")
    expect(fleet.play("acquire"), "done")
    fleet.lab.repo.stop()
    expect(fleet.play("rollout"), "done")
    for name in NAMES:
        assert installed(fleet, name) == TESTED
    sound(fleet)

    blind = fleet.play("rollout")
    expect(blind, "stopped", "unknown", "test1")
    assert installed(fleet, "lab-plain") == TESTED
    fleet.lab.repo.serve()
    expect(fleet.play("rollout"), "done", "nothing to do")


def test_mirror_that_is_away_before_acquire_stops_the_run(fleet: Fleet) -> None:
    expect(fleet.play("plan"), "done")
    fleet.lab.repo.stop()
    stopped = fleet.play("rollout")
    expect(stopped, "stopped", "test1", "lab-plain 1.1", "run rollout again")
    assert installed(fleet, "lab-plain") == OLD
    fleet.lab.repo.serve()
    expect(fleet.play("rollout"), "done")
    assert installed(fleet, "lab-plain") == TESTED
    sound(fleet)


def test_file_with_another_checksum_is_never_installed(fleet: Fleet) -> None:
    expect(fleet.play("plan"), "done")
    fleet.lab.repo.corrupt("lab-plain", "1.1")
    stopped = fleet.play("rollout")
    expect(stopped, "stopped", "test1", "lab-plain 1.1", "run rollout again")
    for name in NAMES:
        assert installed(fleet, name) == OLD, "a plan is taken as a whole"
    assert statuses(fleet)["test1"] == "failed"
    offer(fleet, "1.1", "lab-plain")
    expect(fleet.play("rollout"), "done")
    assert installed(fleet, "lab-plain") == TESTED
    sound(fleet)


def test_file_that_is_spoilt_after_the_test_comes_from_the_content_store(fleet: Fleet) -> None:
    plan_and_test(fleet)
    fleet.lab.repo.corrupt("lab-plain", "1.1")
    expect(fleet.play("deploy"), "done")
    assert installed(fleet, "lab-plain") == TESTED
    assert reason(fleet, "prod1") == ""
    sound(fleet)


def test_nothing_is_fetched_inside_the_window(fleet: Fleet) -> None:
    expect(fleet.play("rollout"), "done")
    assert installed(fleet, "lab-plain") == TESTED
    gates = [row["ms"] for row in ledger_of(fleet).evidence("default", kind="gate")]
    fetched = [row for row in fleet.lab.repo.requests() if row["path"].endswith(".deb")]
    assert {row["path"].rpartition("/")[2] for row in fetched} >= {f"{name}_1.1_all.deb" for name in NAMES}
    assert len(gates) == 2 and not [row for row in fetched if row["time"] * 1000 >= min(gates)]
