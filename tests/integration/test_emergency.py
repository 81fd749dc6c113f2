# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An emergency takes one package through all rings at once, past a freeze, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fleet import Fleet
from proof import HOSTS, expect, installed, ledger_of, offer, plan_of, sound

pytestmark = pytest.mark.lab

OLD, TESTED = (dict.fromkeys(HOSTS, version) for version in ("1.0", "1.1"))
FROZEN = """\
rings:
  - {name: test, hosts: ring_test, soak: 24h}
  - {name: production, hosts: ring_production, batch: 100%}
select: {delay: {security: 30d, other: 30d}}
freezes: [{from: 2020-01-01, to: 2099-01-01, reason: for ever}]
emergency: {soak: 0h, gate: {min_hosts: 1}}
"""


def test_one_package_goes_at_once_past_a_freeze(make_fleet: Callable[..., Fleet]) -> None:
    fleet = make_fleet(publish=("1.0",))
    offer(fleet, "1.1", "lab-plain", "lab-web")
    fleet.policy.write_text(FROZEN.replace("select", "# select"))
    expect(fleet.play("plan"), "done")
    before = plan_of(fleet)["plan_id"]
    fleet.policy.write_text(FROZEN)
    expect(fleet.play("rollout"), "waiting", "for ever")
    assert installed(fleet, "lab-plain") == OLD

    expect(fleet.play("emergency", "-e", "package=lab-plain"), "stopped", "has a reason")
    expect(fleet.play("emergency", "-e", "lockstep_reason=now"), "stopped", "about one thing")
    called = ("-e", "package=lab-plain", "-e", "lockstep_reason='it is exploited'")
    shown = fleet.play("emergency", "--check", *called)
    expect(shown, "done", "would install 1 lines")
    assert "lab-plain" in shown.output and plan_of(fleet)["plan_id"] == before
    done = fleet.play("emergency", "-e", "package=lab-plain", "-e", "lockstep_reason='it is exploited'")
    expect(done, "done", "3 of 3 hosts verified", "emergency: package lab-plain: it is exploited")
    assert installed(fleet, "lab-plain") == TESTED
    assert installed(fleet, "lab-web") == OLD
    sound(fleet)

    ledger = ledger_of(fleet)
    assert ledger.plan(before)["state"] == "superseded" and "exploited" in ledger.plan(before)["reason"]
    (called,) = [row for row in ledger.evidence("default") if row["kind"] == "emergency"]
    assert (called["subject"], called["body"]["reason"]) == ("package lab-plain", "it is exploited")
    assert called["body"]["plan"] == plan_of(fleet)["plan_id"]

    told = fleet.play("explain", "-e", "host=prod1", "-e", "package=lab-web")
    expect(told, "done", "prod1")
    assert "lab-web 1.1 (security) is offered; the plan leaves it out as not_selected" in told.output
    told = fleet.play("explain", "-e", "host=prod1", "-e", "package=lab-plain")
    assert "lab-plain 1.1 is installed" in told.output and "the host is verified" in told.output
    expect(fleet.play("explain", "-e", "host=prod9"), "stopped", "has not heard of this host")
