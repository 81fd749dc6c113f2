# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host in trouble: locked, interrupted or full, a service that dies of its upgrade, an admin's own configuration."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from fleet import Fleet
from proof import HOSTS, ended, expect, installed, offer, reason, results, sound, statuses, steps, until

pytestmark = pytest.mark.lab

PAIR = ("test1", "prod1")
DISK = "700M"
ROOM_FOR_THE_JOURNAL = 8 << 20
OLD, TESTED = (dict.fromkeys(HOSTS, version) for version in ("1.0", "1.1"))
OLD_PAIR, TESTED_PAIR = (dict.fromkeys(PAIR, version) for version in ("1.0", "1.1"))


@pytest.fixture
def fleet(make_fleet: Callable[..., Fleet]) -> Fleet:
    """One test and two production hosts, with 1.1 of lab-plain pending."""
    made = make_fleet(publish=("1.0",))
    offer(made, "1.1", "lab-plain")
    return made


@pytest.fixture
def pair(make_fleet: Callable[..., Fleet]) -> Fleet:
    """A test host and a production host with disks of their own, and 1.1 of lab-plain pending."""
    made = make_fleet(production=["prod1"], publish=("1.0",), disks=dict.fromkeys(PAIR, DISK))
    offer(made, "1.1", "lab-plain")
    return made


def locker(fleet: Fleet, host: str) -> str:
    return fleet.lab.host(host).run("systemctl show -P MainPID lab-dpkg-lock").stdout.strip()


def whole(fleet: Fleet, host: str) -> bool:
    """dpkg and apt have nothing to complain about."""
    run = fleet.lab.host(host).run
    return not run("dpkg --audit").stdout and run("apt-get check", check=False).returncode == 0


def test_locked_dpkg_is_waited_for(fleet: Fleet) -> None:
    expect(fleet.play("plan"), "done")
    fleet.lab.host("prod1").lock_dpkg()
    process = fleet.start("rollout")
    until("prod2 is done", lambda: "result" in steps(fleet, "prod2"))
    assert installed(fleet, "lab-plain")["prod1"] == "1.0" and steps(fleet, "prod1") == ["begin", "attempt"]
    assert process.poll() is None
    fleet.lab.host("prod1").unlock_dpkg()
    expect(ended(fleet, process, "rollout"), "done", "3 of 3 hosts verified")
    assert installed(fleet, "lab-plain") == TESTED
    sound(fleet)


def test_another_update_of_the_indexes_is_waited_for(fleet: Fleet) -> None:
    hold = "import fcntl, time; f = open('/var/lib/apt/lists/lock', 'a'); fcntl.lockf(f, fcntl.LOCK_EX); time.sleep(12)"
    fleet.lab.host("test1").run(["systemd-run", "--quiet", "--collect", "python3", "-c", hold])
    expect(fleet.play("rollout"), "done", "3 of 3 hosts verified")
    assert installed(fleet, "lab-plain") == TESTED
    sound(fleet)


def test_dpkg_that_stays_locked_fails_its_host_alone(fleet: Fleet) -> None:
    expect(fleet.play("plan"), "done")
    fleet.lab.host("prod1").lock_dpkg()
    stopped = fleet.play("rollout", "-e", "deploy_lock_timeout=5")
    held = f"prod1: the lock of dpkg was held for 5 s by process {locker(fleet, 'prod1')} (/usr/bin/python3"
    expect(stopped, "stopped", held, "run rollout again")
    assert installed(fleet, "lab-plain") == {**TESTED, "prod1": "1.0"}
    assert statuses(fleet) == {"test1": "verified", "prod1": "failed", "prod2": "verified"}
    sound(fleet)

    fleet.lab.host("prod1").unlock_dpkg()
    expect(fleet.play("rollout"), "done", "3 of 3 hosts verified")
    assert installed(fleet, "lab-plain") == TESTED
    assert [row["body"]["outcome"] for row in results(fleet, "prod1")] == ["failed", "done"]
    sound(fleet)


def test_interrupted_dpkg_is_unknown_and_never_planned_on(fleet: Fleet) -> None:
    fleet.lab.refresh()
    fleet.lab.host("test1").interrupt_dpkg(fleet.lab.repo.build("lab-conf", "1.0"))
    fleet.play("detect")
    found = {host["host"]: host for host in json.loads((fleet.reports / "detect.json").read_text())["hosts"]}
    assert (found["test1"]["security"], found["test1"]["other"]) == (None, None)
    assert (found["prod1"]["security"], found["prod1"]["other"]) == (0, 1)
    assert "dpkg --configure -a" in str(found["test1"]["unknown"])

    expect(fleet.play("rollout"), "stopped", "test1", "unknown", "dpkg --configure -a")
    assert installed(fleet, "lab-plain") == OLD
    fleet.lab.host("test1").run("dpkg --configure -a")
    expect(fleet.play("rollout"), "done", "3 of 3 hosts verified")
    assert installed(fleet, "lab-plain") == TESTED
    sound(fleet)


def test_dpkg_that_is_interrupted_after_the_plan_is_repaired(fleet: Fleet) -> None:
    expect(fleet.play("plan"), "done")
    for host, package, version in [("test1", "lab-conf", "1.0"), ("prod1", "lab-plain", "1.1")]:
        fleet.lab.host(host).interrupt_dpkg(fleet.lab.repo.build(package, version))
        assert not whole(fleet, host)
    expect(fleet.play("rollout"), "done", "3 of 3 hosts verified")
    assert installed(fleet, "lab-plain") == TESTED and installed(fleet, "lab-conf") == OLD
    assert all(whole(fleet, host) for host in HOSTS)
    assert {host: "repair" in steps(fleet, host) for host in HOSTS} == {"test1": True, "prod1": True, "prod2": False}
    sound(fleet)


def test_too_little_space_fails_before_anything_is_touched(pair: Fleet) -> None:
    expect(pair.play("plan"), "done")
    expect(pair.play("acquire"), "done")
    pair.lab.host("prod1").fill_disk(ROOM_FOR_THE_JOURNAL)
    expect(pair.play("rollout"), "stopped", "prod1", "not enough free space", "free some", "run rollout again")
    assert installed(pair, "lab-plain", PAIR) == {"test1": "1.1", "prod1": "1.0"}
    assert "apply" not in steps(pair, "prod1") and whole(pair, "prod1")
    sound(pair)

    pair.lab.host("prod1").free_disk()
    expect(pair.play("rollout"), "done", "2 of 2 hosts verified")
    assert installed(pair, "lab-plain", PAIR) == TESTED_PAIR
    sound(pair)


def test_no_space_at_all_is_named(pair: Fleet) -> None:
    expect(pair.play("plan"), "done")
    pair.lab.host("prod1").fill_disk()
    expect(pair.play("rollout"), "stopped", "prod1", "space", "run rollout again")
    assert installed(pair, "lab-plain", PAIR) == {"test1": "1.1", "prod1": "1.0"}
    pair.lab.host("prod1").free_disk()
    assert whole(pair, "prod1")
    expect(pair.play("rollout"), "done", "2 of 2 hosts verified")
    assert installed(pair, "lab-plain", PAIR) == TESTED_PAIR
    sound(pair)


def test_disk_that_fills_up_in_the_middle_is_finished_later(pair: Fleet) -> None:
    filler = "if [ -e /etc/lab-fill ]; then dd if=/dev/zero of=/var/lab-filler bs=1M 2>/dev/null || true; fi"
    offer(pair, "1.1", "lab-conf", preinst=filler, size=3_000_000)
    expect(pair.play("plan"), "done")
    pair.lab.host("prod1").write("/etc/lab-fill", "")
    expect(pair.play("rollout"), "stopped", "prod1: no space left on the device", "run rollout again")
    assert pair.versions("test1", "lab-conf") == "1.1" and pair.versions("prod1", "lab-conf") != "1.1"
    assert statuses(pair) == {"test1": "verified", "prod1": "failed"}
    assert "apply" in steps(pair, "prod1")  # the disk was full in the middle, not before dpkg began

    pair.lab.host("prod1").run(["rm", "/etc/lab-fill"])
    pair.lab.host("prod1").free_disk()
    expect(pair.play("rollout"), "done", "2 of 2 hosts verified")
    assert installed(pair, "lab-conf", PAIR) == TESTED_PAIR and installed(pair, "lab-plain", PAIR) == TESTED_PAIR
    assert whole(pair, "prod1")
    sound(pair)


def test_service_that_dies_of_its_upgrade_never_reaches_production(fleet: Fleet) -> None:
    broken = "[Service]\nExecStart=\nExecStart=/bin/false\nRestart=no\n"
    offer(fleet, "1.1", "lab-web", files=(("/lib/systemd/system/lab-web.service.d/broken.conf", broken),))
    stopped = fleet.play("rollout", "-e", "verify_settle=2")
    expect(stopped, "stopped", "test1", "lab-web.service", "run rollout again")
    assert statuses(fleet)["test1"] == "regressed"
    for package in ("lab-web", "lab-plain"):
        assert installed(fleet, package) == {**OLD, "test1": "1.1"}

    again = fleet.play("rollout", "-e", "verify_settle=2")
    expect(again, "stopped", "test1", "lab-web.service")
    assert installed(fleet, "lab-web") == {**OLD, "test1": "1.1"}

    offer(fleet, "1.2", "lab-web", "lab-plain")
    with fleet.policy.open("a") as policy:  # production goes from 1.0 to 1.2, the test host from 1.1
        policy.write("select: {untested: other_start}\n")
    mended = fleet.play("rollout", "-e", "{lockstep_supersede: lab-web 1.1 does not start}")
    expect(mended, "done", "3 of 3 hosts verified")
    for package in ("lab-web", "lab-plain"):
        assert installed(fleet, package) == dict.fromkeys(HOSTS, "1.2")
    for host in HOSTS:
        assert fleet.lab.host(host).run("systemctl is-active lab-web").stdout == "active\n"
    sound(fleet)


def test_services_leave_replaced_libraries_without_needrestart(fleet: Fleet) -> None:
    def maps(host: str) -> list[str]:
        text = fleet.lab.host(host).run("cat /proc/$(systemctl show -P MainPID lab-web)/maps").stdout
        return [line for line in text.splitlines() if "liblab.so" in line]

    offer(fleet, "1.1", "lab-lib", "lab-app")
    assert all(maps(host) for host in HOSTS), "the service maps the library before"
    assert fleet.lab.host("prod1").run("command -v needrestart", check=False).returncode != 0
    expect(fleet.play("rollout"), "done", "3 of 3 hosts verified")
    assert installed(fleet, "lab-lib") == TESTED and installed(fleet, "lab-web") == OLD
    for host in HOSTS:
        assert maps(host) and not [line for line in maps(host) if "(deleted)" in line]
    sound(fleet)


def test_configuration_of_the_admin_stays_and_is_reported(fleet: Fleet) -> None:
    offer(fleet, "1.1", "lab-conf")
    fleet.lab.host("prod1").write("/etc/lab-conf.conf", "setting = the admin's\n")
    expect(fleet.play("rollout"), "done", "3 of 3 hosts verified")
    assert installed(fleet, "lab-conf") == TESTED
    assert fleet.lab.host("prod1").read("/etc/lab-conf.conf") == "setting = the admin's\n"
    assert fleet.lab.host("prod2").read("/etc/lab-conf.conf") == "setting = 1.1\n"
    hosts = {host["host"]: host for host in fleet.report()["hosts"]}
    assert "/etc/lab-conf.conf" in str(hosts["prod1"]) and "/etc/lab-conf.conf" not in str(hosts["prod2"])
    assert "/etc/lab-conf.conf" in (fleet.reports / "report.html").read_text()
    assert reason(fleet, "prod1") == ""
    sound(fleet)
