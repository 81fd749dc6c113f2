# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Going back to the versions before a plan: exactly those, on real hosts, without the repository's help."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fleet import Fleet
from proof import HOSTS, expect, installed, ledger_of, offer, reason, statuses

pytestmark = pytest.mark.lab

NAMES = ("lab-lib", "lab-web", "lab-app", "lab-plain")
OLD, TESTED = (dict.fromkeys(HOSTS, version) for version in ("1.0", "1.1"))


@pytest.fixture
def fleet(make_fleet: Callable[..., Fleet]) -> Fleet:
    """Hosts with 1.0 installed and 1.1 of four packages pending."""
    made = make_fleet(publish=("1.0",))
    offer(made, "1.1", *NAMES)
    return made


def marks(fleet: Fleet, host: str) -> str:
    return fleet.lab.host(host).run("apt-mark showmanual; dpkg --get-selections").stdout


def withdraw_old(fleet: Fleet) -> None:
    """Nobody but the hosts and the store has 1.0 any more, and prod2 has lost its own copies."""
    with fleet.lab.repo.batch():
        for name in NAMES:
            fleet.lab.repo.withdraw(name, "1.0")
    fleet.lab.refresh()
    for folder in ("/var/cache/lockstep", "/var/cache/apt/archives"):
        fleet.lab.host("prod2").run(["rm", "-rf", folder])


def test_hosts_go_back_by_hand_from_the_store(fleet: Fleet) -> None:
    before = {host: marks(fleet, host) for host in HOSTS}
    expect(fleet.play("rollback", "-e", "host=test1"), "stopped", "there is no plan")
    expect(fleet.play("rollout"), "done", "3 of 3 hosts verified")
    assert installed(fleet, "lab-plain") == TESTED
    withdraw_old(fleet)

    expect(fleet.play("rollback"), "stopped", "what is to be rolled back is not said")
    expect(fleet.play("rollback", "-e", "host=prod9"), "stopped", "has changed nothing on prod9")
    expect(fleet.play("rollback", "-e", "lockstep_ring=production", "--check"), "done", "2 hosts would go back")
    assert installed(fleet, "lab-plain") == TESTED

    told = fleet.play("rollback", "-e", "lockstep_ring=production", "-e", "lockstep_reason='slow since then'")
    expect(told, "done", "2 hosts rolled back: prod1, prod2", "security fixes that are gone again")
    for name in NAMES:
        assert installed(fleet, name) == {**OLD, "test1": "1.1"}
    assert statuses(fleet) == {"test1": "verified", "prod1": "rolled_back", "prod2": "rolled_back"}
    assert "slow since then" in reason(fleet, "prod1")
    assert {host: marks(fleet, host) for host in HOSTS} == before
    for host in HOSTS:
        assert not fleet.lab.host(host).run("dpkg --audit").stdout
    assert ledger_of(fleet).verify_chain().ok

    again = fleet.play("rollback", "-e", "host=prod1")
    expect(again, "stopped", "has changed nothing on prod1")


def test_one_package_goes_back_and_the_rest_stays(fleet: Fleet) -> None:
    expect(fleet.play("rollout"), "done")
    fleet.lab.host("prod2").run("apt-mark hold lab-plain")
    told = fleet.play("rollback", "-e", "package=lab-plain")
    expect(told, "stopped", "2 of 3 hosts rolled back", "prod2", "held")
    assert installed(fleet, "lab-plain") == {**OLD, "prod2": "1.1"}
    assert installed(fleet, "lab-web") == TESTED


def test_a_host_whose_service_breaks_goes_back_by_itself(fleet: Fleet) -> None:
    offer(fleet, "1.2", "lab-web", postinst="systemctl stop lab-web; systemctl mask --runtime lab-web")
    with fleet.policy.open("a") as policy:
        policy.write("rollback: {on: failed_health}\n")
    web = fleet.lab.host("test1")
    assert web.run("systemctl is-active lab-web").stdout.strip() == "active"
    stopped = fleet.play("rollout", "-e", "verify_settle=5")
    expect(stopped, "stopped", "test1", "rolled back")
    assert statuses(fleet)["test1"] == "rolled_back"
    for name in NAMES:
        assert installed(fleet, name) == OLD
    expect(fleet.play("rollout"), "stopped", "test1")
    assert installed(fleet, "lab-web") == OLD


def test_a_whole_ring_goes_back_and_what_somebody_changed_since_stays(fleet: Fleet) -> None:
    fleet.policy.write_text(fleet.policy.read_text() + "rollback: {on: failed_health, scope: ring}\n")
    fleet.lab.host("prod1").write("/etc/systemd/system/witness.service", "[Service]\nExecStart=/bin/sleep infinity\n")
    fleet.lab.host("prod1").run("systemctl daemon-reload && systemctl start witness")
    offer(fleet, "1.2", "lab-plain", postinst="systemctl stop witness 2>/dev/null || true")
    stopped = fleet.play("rollout", "-e", "verify_settle=5")
    expect(stopped, "stopped", "prod1")
    assert statuses(fleet) == {"test1": "verified", "prod1": "rolled_back", "prod2": "rolled_back"}
    for name in NAMES:
        assert {host: fleet.versions(host, name) for host in ("prod1", "prod2")} == {"prod1": "1.0", "prod2": "1.0"}
    assert fleet.versions("test1", "lab-plain") == "1.2"
