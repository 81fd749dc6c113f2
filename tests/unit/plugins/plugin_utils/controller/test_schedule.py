# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is left to do with a plan: who fetches, who stages, who goes in which batch."""

from __future__ import annotations

import pytest
from controller_facts import LEFT_OUT, NOW, PLATFORM, VARIABLES, begin, body, looked, policy, run, save

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import schedule
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import RunFiles, for_host
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger

EVERYONE = ["web1", "db1", "web2", "db2"]
OTHER = "debian-11-amd64-99887766"


@pytest.fixture
def token(ledger: Ledger) -> int:
    return begin(ledger)


def write(ledger: Ledger, files: RunFiles, token: int, plan, stage: str = "rollout", hosts=tuple(EVERYONE), **given):
    """The lists of a run, by name."""
    files.write("inventory", {"hosts": list(hosts), "limited": None})
    schedule.write(files, run(token, stage), ledger, policy(**given), ledger.plan(plan["plan_id"]), NOW, VARIABLES)
    names = ("elect", "stage", "rings", "serial", "verify")
    return {name: files.read(f"hosts-{name}") for name in names}


def finish(ledger: Ledger, plan, token: int, *hosts: str) -> None:
    for host in hosts:
        for status in ("staged", "installed", "active", "verified"):
            ledger.set_host(plan["plan_id"], host, status, "", "", {"verified_ms": NOW}, token, NOW)


def test_a_new_plan_goes_ring_by_ring_in_batches(ledger: Ledger, files: RunFiles, token: int) -> None:
    for host in EVERYONE:
        looked(ledger, host, token)
    found = write(ledger, files, token, save(ledger, token, body()), batch="1")
    assert found["rings"] == EVERYONE
    assert found["serial"] == [2, 1, 1]
    assert found["stage"] == EVERYONE
    assert found["elect"] == ["web1"]
    assert found["verify"] == []
    assert [part["ring"] for part in files.read("batches")] == ["test", "production", "production"]


@pytest.mark.parametrize(
    ("stage", "rings", "staging"),
    [
        ("rollout", EVERYONE, EVERYONE),
        ("test", ["web1", "db1"], ["web1", "db1"]),
        ("deploy", ["web2", "db2"], ["web2", "db2"]),
        ("acquire", None, EVERYONE),
        ("verify", None, EVERYONE),
    ],
)
def test_each_stage_has_its_hosts(
    ledger: Ledger, files: RunFiles, token: int, stage: str, rings: list[str] | None, staging: list[str]
) -> None:
    found = write(ledger, files, token, save(ledger, token, body()), stage)
    assert found["rings"] == rings
    assert sorted(found["stage"]) == sorted(staging)


def test_finished_hosts_are_not_touched_and_can_be_verified(ledger: Ledger, files: RunFiles, token: int) -> None:
    plan = save(ledger, token, body())
    finish(ledger, plan, token, "web1", "db1")
    found = write(ledger, files, token, plan)
    assert found["stage"] == found["rings"] == ["web2", "db2"]
    assert sorted(found["verify"]) == ["db1", "web1"]


def test_who_left_the_inventory_is_in_no_play(ledger: Ledger, files: RunFiles, token: int) -> None:
    plan = save(ledger, token, body())
    finish(ledger, plan, token, "web1")
    found = write(ledger, files, token, plan, hosts=["db1", "web2", "joiner"])
    assert found["rings"] == ["db1", "web2"]
    assert found["serial"] == [1, 1]
    assert found["stage"] == ["db1", "web2"]
    assert found["verify"] == []


def test_an_empty_inventory_leaves_no_play(ledger: Ledger, files: RunFiles, token: int) -> None:
    found = write(ledger, files, token, save(ledger, token, body()), hosts=[])
    assert found == dict.fromkeys(found, [])


def test_retired_hosts_are_left_alone(ledger: Ledger, files: RunFiles, token: int) -> None:
    plan = save(ledger, token, body())
    ledger.retire_host(plan["plan_id"], "db2", "ann", "scrapped", token, NOW)
    found = write(ledger, files, token, plan)
    assert found["stage"] == found["rings"] == ["web1", "db1", "web2"]


def test_what_was_left_out_is_told_to_the_host_that_it_concerns(ledger: Ledger, files: RunFiles, token: int) -> None:
    plan = save(ledger, token, body(), [{"host": "web2", **LEFT_OUT}])
    write(ledger, files, token, plan)
    assert [entry["package"] for entry in files.read(for_host("left", "web2"))] == ["vim"]
    assert files.read(for_host("left", "web1")) == []


@pytest.mark.parametrize(
    ("states", "elected"),
    [
        ({"web1": PLATFORM, "db1": PLATFORM}, ["web1"]),
        ({"web1": None, "db1": PLATFORM}, ["db1"]),
        ({"web1": PLATFORM, "db1": OTHER, "web2": OTHER}, ["web1", "db1"]),
        ({"web1": "freebsd-14", "db1": PLATFORM}, ["db1"]),
        ({"db1": "unreachable", "web2": PLATFORM}, ["web2"]),
        ({}, []),
    ],
    ids=["first", "no-platform", "one-each", "not-of-the-plan", "unreachable", "nobody-answered"],
)
def test_one_host_of_a_platform_fetches(
    ledger: Ledger, token: int, states: dict[str, str | None], elected: list[str]
) -> None:
    for host, platform in states.items():
        looked(ledger, host, token, None if platform == "unreachable" else platform)
        if platform == "unreachable":
            ledger.record_unreachable("default", host, token, NOW + 1, "no route to host")
    plan = save(ledger, token, body(PLATFORM, OTHER))
    assert schedule.elect(ledger, "default", plan, EVERYONE) == elected
