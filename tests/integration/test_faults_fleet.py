# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts that are missing, dead, different or new in the middle of a rollout. dpkg on each host is the proof."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from fleet import Fleet, Result
from lab.catalogue import NO_FAULTS, Faults

QUIET = ["lab-lib", "lab-web", "lab-app", "lab-plain"]
"""Packages that ask for no reboot."""
MakeFleet = Callable[..., Fleet]


@pytest.fixture
def quiet(make_fleet: MakeFleet) -> MakeFleet:
    """Boots a fleet with version 1.1 of some packages pending, none of which asks for a reboot."""

    def make(*more: str, faults: Faults = NO_FAULTS, **options: Any) -> Fleet:
        fleet = make_fleet(publish=("1.0",), **options)
        fleet.lab.repo.publish_standard("1.1", faults, only=[*QUIET, *more])
        return fleet

    return make


def policy(fleet: Fleet, soak: str = "0h", test: str = "", production: str = "") -> None:
    """A policy with further keys of the rings."""
    fleet.policy.write_text(
        "rings:\n"
        f"  - {{name: test, hosts: ring_test, soak: {soak}{test}}}\n"
        f"  - {{name: production, hosts: ring_production, soak: 0h, batch: 100%{production}}}\n"
    )


def stopped(result: Result, *parts: str) -> None:
    assert result.status != 0, result.output
    ends(result, "stopped: ", *parts)


def done(result: Result, *parts: str) -> None:
    assert result.status == 0, result.output
    ends(result, "done: ", *parts)


def ends(result: Result, word: str, *parts: str) -> None:
    """The last line of the output says how the run ended, with these parts."""
    assert result.closing.startswith(word), result.output
    for part in parts:
        assert part in result.closing, f"{part!r} is not in: {result.closing}"


def have(fleet: Fleet, version: str, *hosts: str) -> None:
    """These hosts have a version of the pending packages, as dpkg on each of them says."""
    found = {host: {name: fleet.versions(host, name) for name in QUIET} for host in hosts}
    assert found == {host: dict.fromkeys(QUIET, version) for host in hosts}


def row(fleet: Fleet, host: str) -> dict[str, Any]:
    """A host in the JSON report."""
    return next(row for row in fleet.report()["hosts"] if row["host"] == host)


def rings(fleet: Fleet, change: Callable[[dict[str, dict[str, Any]]], None]) -> None:
    """Give the fleet an inventory whose groups are changed by `change({group: {host: {}}})`."""
    document = yaml.safe_load(Path(fleet.lab.inventory).read_text())
    groups = {name: group["hosts"] for name, group in document["all"]["children"].items()}
    change(groups)
    path = fleet.folder / "inventory.yml"
    path.write_text(yaml.safe_dump(document))
    fleet.inventory = str(path)


# --limit


def test_limit_never_hides_the_test_ring(quiet: MakeFleet) -> None:
    fleet = quiet()
    done(fleet.play("plan"))
    result = fleet.play("rollout", "--limit", "ring_production")
    stopped(result, "ring 'test'", "test1", "outside --limit", "run rollout")
    have(fleet, "1.0", "test1", "prod1", "prod2")
    done(fleet.play("test"))
    have(fleet, "1.1", "test1")
    have(fleet, "1.0", "prod1", "prod2")
    result = fleet.play("rollout", "--limit", "prod1")
    stopped(result, "ring 'production'", "outside --limit", "prod2", "run rollout without --limit")
    have(fleet, "1.0", "prod1", "prod2")
    done(fleet.play("rollout", "--limit", "ring_production"), "3 of 3 hosts verified")
    have(fleet, "1.1", "test1", "prod1", "prod2")


# hosts that come and go


def test_an_inventory_that_is_suddenly_empty_changes_nothing(quiet: MakeFleet) -> None:
    fleet = quiet()
    done(fleet.play("plan"))
    (fleet.folder / "empty.yml").write_text("all: {hosts: {}}\n")
    fleet.inventory = str(fleet.folder / "empty.yml")
    stopped(fleet.play("rollout"), "all 3 hosts of the open plan", "left the inventory", "test1", "no host was touched")
    have(fleet, "1.0", "test1", "prod1", "prod2")
    fleet.inventory = fleet.lab.inventory
    done(fleet.play("rollout"), "3 of 3 hosts verified")
    have(fleet, "1.1", "test1", "prod1", "prod2")


def test_a_host_that_left_the_inventory_holds_its_ring_until_it_is_retired(quiet: MakeFleet) -> None:
    fleet = quiet()
    done(fleet.play("plan"))

    def without(groups: dict[str, dict[str, Any]]) -> None:
        for hosts in groups.values():
            hosts.pop("prod2", None)

    rings(fleet, without)
    stopped(fleet.play("rollout"), "ring 'production'", "prod2", "left the inventory", "retire")
    have(fleet, "1.1", "test1")
    have(fleet, "1.0", "prod1", "prod2")
    stopped(fleet.play("retire", "-e", "host=prod2"), "with a reason", "lockstep_reason")
    stopped(fleet.play("retire", "-e", "host=prod3", "-e", "lockstep_reason=sold"), "prod3", "scope")
    done(fleet.play("retire", "-e", "host=prod2", "-e", "lockstep_reason=sold"), "prod2 is retired from the plan: sold")
    done(fleet.play("rollout"), "2 of 3 hosts verified; retired: prod2")
    have(fleet, "1.1", "test1", "prod1")
    have(fleet, "1.0", "prod2")


def test_a_joiner_waits_for_the_next_plan(quiet: MakeFleet) -> None:
    fleet = quiet(production=["prod1", "prod2"])
    rings(fleet, lambda groups: groups["ring_production"].pop("prod2"))
    done(fleet.play("plan"))
    fleet.inventory = fleet.lab.inventory
    result = fleet.play("rollout")
    done(result, "2 of 2 hosts verified", "prod2 joined the rings since and waits for the next plan")
    have(fleet, "1.1", "test1", "prod1")
    have(fleet, "1.0", "prod2")
    done(fleet.play("rollout"))
    have(fleet, "1.1", "prod2")


# hosts that are dead


def test_a_dead_test_host_means_no_plan(quiet: MakeFleet) -> None:
    fleet = quiet(test=["test1", "test2"], production=["prod1"])
    fleet.lab.host("test2").power_off()
    result = fleet.play("rollout")
    stopped(result, "1 of 2 hosts of ring 'test' gave no answer", "test2", "no plan was made", "make test2 reachable")
    have(fleet, "1.0", "test1", "prod1")
    assert not list(fleet.reports.glob("plan-*"))
    fleet.lab.host("test2").power_on()
    done(fleet.play("rollout"), "3 of 3 hosts verified")
    have(fleet, "1.1", "test1", "test2", "prod1")


def test_a_test_host_that_dies_after_planning_keeps_production_as_it_is(quiet: MakeFleet) -> None:
    fleet = quiet(test=["test1", "test2"], production=["prod1"])
    done(fleet.play("plan"))
    fleet.lab.host("test2").power_off()
    stopped(fleet.play("rollout"), "ring 'test'", "test2", "max_absent 0 allows 0", "retire")
    have(fleet, "1.0", "prod1")
    fleet.lab.host("test2").power_on()
    done(fleet.play("rollout"), "3 of 3 hosts verified")
    have(fleet, "1.1", "test1", "test2", "prod1")


def test_a_dead_production_host_above_max_absent_stops_the_ring_before_it_starts(quiet: MakeFleet) -> None:
    fleet = quiet()
    policy(fleet, production=", gate: {max_absent: 0}")
    fleet.lab.host("prod2").power_off()
    stopped(fleet.play("rollout"), "ring 'production'", "prod2", "absent", "max_absent 0 allows 0", "retire")
    have(fleet, "1.1", "test1")
    have(fleet, "1.0", "prod1", "prod2")
    assert row(fleet, "prod2")["status"] == "unreachable"
    fleet.lab.host("prod2").power_on()
    done(fleet.play("rollout"), "3 of 3 hosts verified")
    have(fleet, "1.1", "prod1", "prod2")


def test_a_dead_production_host_within_max_absent_catches_up_later(quiet: MakeFleet) -> None:
    fleet = quiet()
    policy(fleet, production=", gate: {max_absent: 1}")
    fleet.lab.host("prod2").power_off()
    done(fleet.play("rollout"), "2 of 3 hosts verified", "stays open for prod2 (unreachable)", "retire it")
    have(fleet, "1.1", "test1", "prod1")
    have(fleet, "1.0", "prod2")
    assert (row(fleet, "prod2")["status"], row(fleet, "prod2")["phase"]) == ("unreachable", "absent")
    # the mirror moves on while it is away; what was tested stays what it gets
    fleet.lab.repo.publish_standard("1.2", only=QUIET)
    fleet.lab.host("prod2").power_on()
    done(fleet.play("rollout"), "3 of 3 hosts verified")
    have(fleet, "1.1", "test1", "prod1", "prod2")


def test_a_production_host_that_dies_in_its_transaction_counts_as_failed_and_goes_on_when_it_is_back(
    quiet: MakeFleet,
) -> None:
    fleet = quiet("lab-slow", faults=Faults(slow_seconds=6))
    running = fleet.start("rollout", "-e", "deploy_reconnect=5")
    victim = fleet.lab.host("prod2")
    wait(lambda: victim.run(["pgrep", "-f", "lab-slow.postinst"], check=False).returncode == 0)
    victim.kill()
    status = running.wait(300)
    result = Result(status, (fleet.folder / "rollout.log").read_text())
    stopped(result, "ring 'production'", "prod2", "max_failed", "run rollout again")
    have(fleet, "1.1", "test1", "prod1")
    assert (row(fleet, "prod2")["status"], row(fleet, "prod2")["phase"]) == ("unreachable", "lost")
    victim.power_on()
    done(fleet.play("rollout"), "3 of 3 hosts verified")
    have(fleet, "1.1", "prod2")
    assert fleet.versions("prod2", "lab-slow") == "1.1"
    assert victim.run("dpkg --audit").stdout == ""


def wait(condition: Callable[[], bool], seconds: float = 120) -> None:
    """Wait for something that must come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)


# packages


def test_a_package_script_that_fails_on_the_test_host_stops_there(quiet: MakeFleet) -> None:
    fleet = quiet("lab-broken", faults=Faults(broken="1.1"))
    before = {host: fleet.lab.host(host).run("dpkg-query -W").stdout for host in ("prod1", "prod2")}
    result = fleet.play("rollout")
    stopped(result, "ring 'test'", "test1", "post-installation script of lab-broken failed", "on purpose", "exclude")
    assert {host: fleet.lab.host(host).run("dpkg-query -W").stdout for host in before} == before
    assert row(fleet, "test1")["status"] == "failed"
    # the admin repairs the host, the vendor publishes a version that works, and the plan is given up with a reason
    fleet.lab.host("test1").run("apt-get -y --allow-downgrades install lab-broken=1.0")
    fleet.lab.repo.publish_standard("1.2", only=["lab-broken"])
    done(fleet.play("rollout", "-e", "lockstep_supersede=broken"), "3 of 3 hosts verified")
    have(fleet, "1.1", "test1", "prod1", "prod2")
    assert [fleet.versions(host, "lab-broken") for host in ("test1", "prod1", "prod2")] == ["1.2"] * 3


def test_a_host_that_is_newer_than_the_plan_is_never_downgraded(quiet: MakeFleet) -> None:
    fleet = quiet()
    done(fleet.play("plan"))
    fleet.lab.repo.publish_standard("1.2", only=["lab-plain"])
    ahead = fleet.lab.host("prod2")
    ahead.run("apt-get update && apt-get -y install lab-plain=1.2")
    done(fleet.play("rollout"), "3 of 3 hosts verified")
    assert [fleet.versions(host, "lab-plain") for host in ("test1", "prod1", "prod2")] == ["1.1", "1.1", "1.2"]
    assert [fleet.versions(host, "lab-web") for host in ("test1", "prod1", "prod2")] == ["1.1"] * 3
    newer = [item for item in fleet.report()["left"] if item["why"] == "newer"]
    assert [(item["hosts"], item["package"]) for item in newer] == [(["prod2"], "lab-plain")]
    assert "1.2" in newer[0]["version"] and "never downgraded" in newer[0]["next"]


def test_a_held_package_stays_and_so_do_all_marks(quiet: MakeFleet) -> None:
    fleet = quiet()
    host = fleet.lab.host("prod1")
    host.run("apt-mark hold lab-plain")
    command = "apt-mark showhold; apt-mark showauto"
    marks = {name: fleet.lab.host(name).run(command).stdout for name in ("test1", "prod1")}
    assert "lab-lib" in marks["prod1"] and "lab-plain" in marks["prod1"]
    result = fleet.play("rollout")
    done(result, "3 of 3 hosts verified")
    assert [fleet.versions(name, "lab-plain") for name in ("test1", "prod1", "prod2")] == ["1.1", "1.0", "1.1"]
    assert fleet.versions("prod1", "lab-web") == "1.1"
    after = {name: fleet.lab.host(name).run("apt-mark showhold; apt-mark showauto").stdout for name in marks}
    assert after == marks
    left = fleet.report()["left"]
    assert [(item["hosts"], item["package"], item["why"]) for item in left] == [(["prod1"], "lab-plain", "held")]
    assert "apt-mark unhold" in left[0]["next"]


# waiting


def test_a_soak_is_waited_for_and_then_goes_on(quiet: MakeFleet) -> None:
    fleet = quiet()
    policy(fleet, soak="1h")
    result = fleet.play("rollout")
    assert result.status == 0, result.output
    ends(result, "waiting: ", "ring 'test'", " until ", "UTC")
    have(fleet, "1.1", "test1")
    have(fleet, "1.0", "prod1", "prod2")
    result = fleet.play("rollout", "-e", "lockstep_fail_on_wait=true")
    assert result.status != 0
    ends(result, "waiting: ", " until ")
    have(fleet, "1.0", "prod1", "prod2")
    policy(fleet, soak="5s")
    time.sleep(5)
    done(fleet.play("rollout"), "3 of 3 hosts verified")
    have(fleet, "1.1", "prod1", "prod2")
