# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Windows and freezes on real hosts: nobody is touched outside of them. dpkg on each host is the proof."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest
from fleet import Fleet
from test_faults_fleet import QUIET, done, ends, have, stopped

RINGS = """\
rings:
  - {name: test, hosts: ring_test, soak: 0h}
  - {name: production, hosts: ring_production, soak: 0h, batch: 100%}
time_to_patch: 1s
"""


@pytest.fixture
def quiet(make_fleet: Callable[..., Fleet]) -> Fleet:
    """One test host and two production hosts with version 1.1 of some packages pending."""
    fleet = make_fleet(publish=("1.0",))
    fleet.lab.repo.publish_standard("1.1", only=QUIET)
    return fleet


def at(**later: float) -> str:
    """A moment from now as a policy writes it."""
    return f'"{(datetime.now(timezone.utc) + timedelta(**later)):%Y-%m-%d %H:%M:%S}Z"'


def policy(fleet: Fleet, text: str = "") -> None:
    fleet.policy.write_text(RINGS + text)


def touched(fleet: Fleet, host: str) -> bool:
    """Whether a transaction was ever begun on the host."""
    return bool(fleet.lab.host(host).run("ls /var/lib/lockstep/journal", check=False).stdout.strip())


def test_hosts_are_changed_in_their_window_only_and_no_freeze_is_passed(quiet: Fleet) -> None:
    fleet = quiet
    # production's window opens tomorrow: the test group goes, production only gets its files
    policy(fleet, f"windows: [{{name: nights, rings: [production], from: {at(days=1)}, to: {at(days=1, hours=2)}}}]\n")
    shown = fleet.play("plan").output
    for part in (
        "forecast (",
        "production: 2 hosts in 1 batch",
        "measured for 0 of 3 hosts",
        "deadlines: not assessed",
    ):
        assert part in shown
    result = fleet.play("rollout")
    assert result.status == 0, result.output
    ends(result, "waiting: ", "ring 'production': 2 hosts wait (prod1, prod2): outside its window 'nights'", "until 20")
    have(fleet, "1.1", "test1")
    have(fleet, "1.0", "prod1", "prod2")
    assert not touched(fleet, "prod1") and fleet.lab.host("prod1").run("ls /var/cache/lockstep/files").stdout.strip()
    assert fleet.play("rollout", "-e", "lockstep_fail_on_wait=true").status != 0

    # a freeze holds inside the window; until it ends nobody goes
    window = f"windows: [{{rings: [production], from: {at(hours=-1)}, to: {at(hours=2)}}}]\n"
    policy(fleet, window + f"freezes: [{{from: {at(hours=-1)}, to: {at(hours=1)}, reason: year end}}]\n")
    result = fleet.play("rollout")
    assert result.status == 0, result.output
    ends(result, "waiting: ", "freeze 'year end' holds until 20")
    # one without an end waits for a person, and one that cannot be read holds
    policy(fleet, window + "freezes: [{from: 2020-01-01, reason: audit}]\n")
    stopped(fleet.play("rollout"), "freeze 'audit' holds until further notice", "lift it")
    policy(fleet, window + "freezes: [{ics: freezes.ics, reason: audit}]\n")
    began = time.monotonic()
    stopped(fleet.play("rollout"), "freeze 'audit'", "freezes.ics cannot be read: No such file", "holds")
    usual = time.monotonic() - began
    have(fleet, "1.0", "prod1", "prod2")
    assert not touched(fleet, "prod1") and not touched(fleet, "prod2")

    # the window closes while the first host is at work (somebody holds its dpkg for a while): it is finished, and the
    # second one, which the gate had let go with it, never starts
    room = max(25, 4 * usual)  # on a machine that is busy a run takes longer to come to its hosts
    policy(fleet, f"windows: [{{rings: [production], from: {at(hours=-1)}, to: {at(seconds=room)}}}]\n")
    fleet.lab.host("prod1").lock_dpkg()
    release = threading.Timer(room, fleet.lab.host("prod1").unlock_dpkg)
    release.start()
    result = fleet.play("rollout", "--forks", "1")
    release.join()
    stopped(result, "ring 'production'", "prod2", "is not open")
    have(fleet, "1.1", "prod1")
    have(fleet, "1.0", "prod2")
    assert "2 hosts may go" in result.output and not touched(fleet, "prod2")
    # a host's own variable goes before the ring's window
    policy(fleet, f"windows: [{{rings: [production], from: {at(hours=-2)}, to: {at(hours=-1)}}}]\n")
    own = f"{{'lockstep_windows': [{{'from': {at(hours=-1)}, 'to': {at(hours=1)}}}]}}".replace("'", '"')
    done(fleet.play("rollout", "-e", own), "3 of 3 hosts verified")
    have(fleet, "1.1", "prod2")
