# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A phased update reaches the hosts that apt itself would give it, and no other, until the vendor offers it to all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fleet import Fleet
from proof import HOSTS, expect, installed, offer, plan_of, sound, statuses

pytestmark = pytest.mark.lab

PHASED = "lab-plain"


def offers(fleet: Fleet, host: str) -> bool:
    """Whether apt on the host would take the phased version in a full upgrade."""
    return f"Inst {PHASED} " in fleet.lab.host(host).run("apt-get -s full-upgrade").stdout


def draw(fleet: Fleet, host: str, among: bool) -> None:
    """Give the host an identity with which apt counts it among those that get the phased version, or not.

    apt draws by the machine's id, the source and the version; it alone is asked for the outcome.
    """
    for number in range(64):
        fleet.lab.host(host).write("/etc/apt/apt.conf.d/90machine-id", f'APT::Machine-ID "{number:032x}";\n')
        if offers(fleet, host) is among:
            return
    raise AssertionError(f"none of 64 identities puts {host} {'among' if among else 'outside'} the half")


def test_a_phased_version_goes_where_apt_offers_it(make_fleet: Callable[..., Fleet]) -> None:
    fleet = make_fleet(publish=("1.0",))
    offer(fleet, "1.1", PHASED, phased=50)
    offer(fleet, "1.1", "lab-lib")
    fleet.lab.refresh()
    for host, among in (("test1", True), ("prod1", True), ("prod2", False)):
        draw(fleet, host, among)

    planned = fleet.play("plan")
    expect(planned, "done")
    assert [line for line in planned.output.splitlines() if f" {PHASED} " in line and line.endswith("(phased 50%)")]
    left = [entry for entry in fleet_left(fleet) if entry["package"] == PHASED]
    assert [(entry["host"], entry["why"]) for entry in left] == [("prod2", "phased")]
    assert "50 %" in left[0]["detail"]

    expect(fleet.play("rollout"), "done", "3 of 3 hosts verified")
    assert installed(fleet, PHASED) == {"test1": "1.1", "prod1": "1.1", "prod2": "1.0"}
    assert installed(fleet, "lab-lib") == dict.fromkeys(HOSTS, "1.1")
    assert statuses(fleet) == dict.fromkeys(HOSTS, "verified")
    first = plan_of(fleet)["plan_id"]

    offer(fleet, "1.1", PHASED, phased=100)
    expect(fleet.play("rollout"), "done")
    assert plan_of(fleet)["plan_id"] != first
    assert installed(fleet, PHASED) == dict.fromkeys(HOSTS, "1.1")
    sound(fleet)


def fleet_left(fleet: Fleet) -> list[dict[str, str]]:
    """What the newest plan leaves out."""
    return plan_of(fleet)["left_out"]
