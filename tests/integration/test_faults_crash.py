# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The controller dies, has a twin or loses its connection: every host is still patched once, and the ledger is true."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fleet import Fleet
from proof import (
    configured,
    ended,
    expect,
    installed,
    journals,
    kill_controller,
    offer,
    reason,
    reboots,
    results,
    runs_script,
    sound,
    statuses,
    steps,
    until,
)

pytestmark = pytest.mark.lab

HOSTS = ("test1", "prod1")
OLD, TESTED = (dict.fromkeys(HOSTS, version) for version in ("1.0", "1.1"))


@pytest.fixture
def fleet(make_fleet: Callable[..., Fleet]) -> Fleet:
    """A test host and a production host with 1.1 of lab-plain and lab-slow pending; lab-slow's script takes 6 s."""
    made = make_fleet(production=["prod1"], publish=("1.0",))
    offer(made, "1.1", "lab-plain")
    offer(made, "1.1", "lab-slow", postinst="sleep 6")
    return made


def patched_once(fleet: Fleet, rebooted: int) -> None:
    """Every host has 1.1, by one dpkg run and one result, and has rebooted as often as it should."""
    for name in ("lab-plain", "lab-slow"):
        assert installed(fleet, name, HOSTS) == TESTED
    for host in HOSTS:
        assert configured(fleet, host, "lab-plain", "1.1") == 1
        assert configured(fleet, host, "lab-slow", "1.1") == 1
        assert [row["body"]["outcome"] for row in results(fleet, host)] == ["done"]
        assert steps(fleet, host).count("apply") == 1
        assert reboots(fleet, host) == rebooted
    assert statuses(fleet) == dict.fromkeys(HOSTS, "verified")
    sound(fleet)


MOMENTS: dict[str, Callable[[Fleet], bool]] = {
    "script-runs": lambda fleet: runs_script(fleet, "test1", "lab-slow"),
    "journal-has-the-result": lambda fleet: "result" in steps(fleet, "test1"),
    "ledger-has-the-result": lambda fleet: statuses(fleet)["test1"] == "installed",
    "reboot-is-asked-for": lambda fleet: "rebooting" in steps(fleet, "test1"),
    "host-boots": lambda fleet: reboots(fleet, "test1") == 1,
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_controller_is_killed_and_run_again(fleet: Fleet, moment: str) -> None:
    offer(fleet, "1.1", "lab-boot")
    expect(fleet.play("plan"), "done")
    process = fleet.start("rollout")
    until(moment, lambda: MOMENTS[moment](fleet))
    assert process.poll() is None
    kill_controller(process)
    assert installed(fleet, "lab-plain", HOSTS)["prod1"] == "1.0"

    expect(fleet.play("rollout"), "done", "2 of 2 hosts verified")
    patched_once(fleet, rebooted=1)


def test_two_controllers_at_once_patch_every_host_once(fleet: Fleet) -> None:
    offer(fleet, "1.1", "lab-boot")
    process = fleet.start("rollout")
    both = (fleet.play("rollout"), ended(fleet, process, "rollout"))
    # which of the two is the newer one is the ledger's to say
    assert any(result.status == 0 for result in both), both[0].output + both[1].output
    for result in both:
        if result.status:
            expect(result, "stopped", "newer run", "has taken over", "run again")
        else:
            expect(result, "done", "2 of 2 hosts verified")
    patched_once(fleet, rebooted=1)
    expect(fleet.play("rollout"), "done", "nothing to do")


def test_newer_controller_takes_over_in_the_middle(fleet: Fleet) -> None:
    expect(fleet.play("plan"), "done")
    older = fleet.start("rollout")
    until("the script runs", lambda: runs_script(fleet, "test1", "lab-slow"))
    newer = fleet.play("rollout")
    first = ended(fleet, older, "rollout")
    expect(newer, "done", "2 of 2 hosts verified")
    expect(first, "stopped", "newer run")
    patched_once(fleet, rebooted=0)


def test_dropped_connections_do_not_stop_the_run(fleet: Fleet) -> None:
    process = fleet.start("rollout")
    for host in HOSTS:
        until("the script runs", lambda host=host: runs_script(fleet, host, "lab-slow"))
        fleet.lab.host(host).drop_ssh()
    expect(ended(fleet, process, "rollout"), "done", "2 of 2 hosts verified")
    patched_once(fleet, rebooted=0)
    assert all(steps(fleet, host).count("attempt") == 1 for host in HOSTS)


def test_package_that_ends_every_connection_is_installed(fleet: Fleet) -> None:
    offer(fleet, "1.1", "lab-conf", postinst="systemctl restart ssh; pkill -KILL -f '^sshd: [a-z]' || true")
    expect(fleet.play("rollout"), "done", "2 of 2 hosts verified")
    assert installed(fleet, "lab-conf", HOSTS) == TESTED
    patched_once(fleet, rebooted=0)


def test_network_that_comes_back_in_time_is_waited_for(fleet: Fleet) -> None:
    process = fleet.start("rollout")
    until("the script runs", lambda: runs_script(fleet, "test1", "lab-slow"))
    fleet.lab.host("test1").cut_network()
    until("the transaction is over", lambda: "result" in steps(fleet, "test1"))
    fleet.lab.host("test1").restore_network()
    expect(ended(fleet, process, "rollout"), "done", "2 of 2 hosts verified")
    patched_once(fleet, rebooted=0)


def test_network_that_stays_away_loses_the_host_until_the_next_run(fleet: Fleet) -> None:
    process = fleet.start("rollout", "-e", "deploy_reconnect=5")
    until("the script runs", lambda: runs_script(fleet, "test1", "lab-slow"))
    fleet.lab.host("test1").cut_network()
    stopped = ended(fleet, process, "rollout")
    expect(stopped, "stopped", "test1", "connection was lost", "run rollout again")
    assert statuses(fleet)["test1"] == "unreachable lost"
    assert installed(fleet, "lab-plain", HOSTS) == {"test1": "1.1", "prod1": "1.0"}

    fleet.lab.host("test1").restore_network()
    expect(fleet.play("rollout"), "done", "2 of 2 hosts verified")
    patched_once(fleet, rebooted=0)


GOING_DOWN = "/var/lib/going-down"


def hang_when_it_goes_down(fleet: Fleet, host: str) -> None:
    """A unit of the host takes two minutes to stop, so a reboot is under way and not over for as long."""
    unit = (
        "[Unit]\nAfter=ssh.service\n[Service]\nType=oneshot\nRemainAfterExit=yes\nTimeoutStopSec=120\nExecStart=/bin/true\n"
        f"ExecStop=/bin/sh -c 'touch {GOING_DOWN}; exec sleep 120'\n"
    )
    fleet.lab.host(host).write("/etc/systemd/system/hangs.service", unit)
    fleet.lab.host(host).run("systemctl daemon-reload && systemctl start hangs.service")


def test_host_that_does_not_come_back_from_its_reboot_is_lost_until_the_next_run(fleet: Fleet) -> None:
    offer(fleet, "1.1", "lab-boot")
    with fleet.policy.open("a") as policy:
        policy.write("reboot: {timeout: 10s}\n")
    hang_when_it_goes_down(fleet, "test1")
    process = fleet.start("rollout")
    until("the host hangs on its way down", lambda: fleet.lab.host("test1").path(GOING_DOWN).exists())
    stopped = ended(fleet, process, "rollout")
    fleet.lab.host("test1").kill()  # the power is pulled; the reboot that was asked for never ended
    expect(stopped, "stopped", "test1", "did not come back", "within 10 s", "run rollout again")
    assert statuses(fleet)["test1"] == "unreachable lost"
    assert installed(fleet, "lab-plain", HOSTS) == {"test1": "1.1", "prod1": "1.0"}

    again = fleet.play("rollout")
    expect(again, "stopped", "test1")
    assert installed(fleet, "lab-plain", HOSTS)["prod1"] == "1.0"

    fleet.lab.host("test1").power_on()
    expect(fleet.play("rollout"), "done", "2 of 2 hosts verified")
    assert installed(fleet, "lab-plain", HOSTS) == TESTED
    assert reason(fleet, "test1") == ""
    asked = [record["step"] for records in journals(fleet, "test1") for record in records].count("rebooting")
    # power off and on was its one new boot; a reboot after it would be a second one for this plan
    assert asked == 1 and reboots(fleet, "test1") == 0 and reboots(fleet, "prod1") == 1
    sound(fleet)
