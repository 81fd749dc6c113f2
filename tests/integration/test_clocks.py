# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A clock that is wrong by days, the controller's or a host's: nothing goes by it, and the right clock goes on."""

from __future__ import annotations

import glob
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from fleet import Fleet, Result
from proof import expect, installed, ledger_of, plan_of, sound

pytestmark = pytest.mark.lab

HOSTS = ("test1", "prod1", "prod2")
LIBRARY = "/usr/lib/*/faketime/libfaketime.so.1"
WRAPPER = '#!/bin/sh\nLD_PRELOAD=/usr/local/lib/libfaketime.so.1 FAKETIME=%s exec /usr/bin/python3 "$@"\n'


@pytest.fixture
def fleet(make_fleet: Callable[..., Fleet]) -> Fleet:
    if not shutil.which("faketime"):
        pytest.skip("faketime is not installed (Debian: apt-get install faketime)")
    return make_fleet()


def at(fleet: Fleet, shift: str, playbook: str) -> Result:
    """Run a playbook on a controller whose clock is so far off ("+3d")."""
    fleet.prefix = ["faketime", "-f", shift]
    try:
        return fleet.play(playbook)
    finally:
        fleet.prefix = []


def test_controllers_clock_is_days_wrong(fleet: Fleet) -> None:
    refused = at(fleet, "+3d", "rollout")
    expect(
        refused, "stopped", "the clocks of 3 of 3 hosts and this controller's do not agree", "prod1 is 3 days behind"
    )
    assert "timedatectl" in refused.closing
    assert installed(fleet, "lab-web") == dict.fromkeys(HOSTS, "1.0")

    # what that run wrote about the time stops nobody
    fleet.policy.write_text(fleet.policy.read_text().replace("soak: 0h}", "soak: 24h}", 1))
    soaking = fleet.play("rollout")
    expect(soaking, "waiting", "soaks until")
    half = {"test1": "1.1", "prod1": "1.0", "prod2": "1.0"}
    assert installed(fleet, "lab-web") == half

    expect(at(fleet, "+3d", "rollout"), "stopped", "hosts and this controller's do not agree", "3 days behind")
    assert installed(fleet, "lab-web") == half, "a soak does not end because a clock is ahead"
    assert {row["ring"]: row["state"] for row in ledger_of(fleet).rings(plan_of(fleet)["plan_id"])}["test"] == "soaking"
    expect(at(fleet, "-3d", "rollout"), "stopped", "the clock is", "behind", "timedatectl")
    assert installed(fleet, "lab-web") == half

    again = fleet.play("rollout")
    expect(again, "waiting", soaking.closing.split("soaks until")[1].strip())
    sound(fleet)


def set_clock(fleet: Fleet, host: str, shift: str) -> None:
    """Everything that the modules and their children do on a host sees another time."""
    lab_host = fleet.lab.host(host)
    shutil.copyfile(glob.glob(LIBRARY)[0], lab_host.path("/usr/local/lib/libfaketime.so.1"))
    lab_host.write("/usr/local/bin/python-of-another-time", WRAPPER % shift, 0o755)
    document = yaml.safe_load(Path(fleet.lab.inventory).read_text())
    for group in document["all"]["children"].values():
        if host in group["hosts"]:
            group["hosts"][host] = {
                **(group["hosts"][host] or {}),
                "ansible_python_interpreter": "/usr/local/bin/python-of-another-time",
            }
    path = fleet.folder / "inventory.yml"
    path.write_text(yaml.safe_dump(document))
    fleet.inventory = str(path)


@pytest.mark.parametrize("shift", ["+20d", "-20d"])
def test_clock_of_one_host_is_days_wrong(fleet: Fleet, shift: str) -> None:
    set_clock(fleet, "prod2", shift)
    told = f"prod2 is 20 days {'ahead' if shift[0] == '+' else 'behind'}"
    looked = fleet.play("detect")
    expect(looked, "done", "clocks differ from this controller's", told)

    # apt takes no index that is from the future or has expired, so nothing is known of what this host lacks. The plan
    # knows it of the platform, and its files need no clock
    done = fleet.play("rollout")
    expect(done, "done", "3 of 3 hosts verified", "left out: 1 unknown", told)
    assert installed(fleet, "lab-web") == dict.fromkeys(HOSTS, "1.1")
    sound(fleet)
