# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A whole rollout with its ledger in PostgreSQL: a killed controller, a second one beside it, and the report."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fleet import Fleet
from proof import (
    configured,
    ended,
    expect,
    installed,
    kill_controller,
    offer,
    reboots,
    results,
    runs_script,
    sound,
    statuses,
    until,
)

pytestmark = pytest.mark.lab

HOSTS = ("test1", "prod1")


@pytest.fixture
def fleet(make_fleet: Callable[..., Fleet], postgresql_url: str) -> Fleet:
    """A test host and a production host that owe a reboot after 1.1; lab-slow's script waits until `let_go`."""
    made = make_fleet(production=["prod1"], publish=("1.0",))
    offer(made, "1.1", "lab-plain", "lab-boot")
    offer(made, "1.1", "lab-slow", postinst="while [ ! -e /run/go ]; do sleep 0.1; done")
    made.ledger_url = postgresql_url
    return made


def let_go(fleet: Fleet, host: str) -> None:
    fleet.lab.host(host).run("touch /run/go")


def newest_token(fleet: Fleet, host: str) -> int:
    """Of the newest run that the host has heard of."""
    return max(json.loads(fleet.lab.host(host).read("/var/lib/lockstep/token")).values())


def test_rollout_killed_taken_over_and_reported(fleet: Fleet) -> None:
    killed = fleet.start("rollout")
    until("the script runs on the test host", lambda: runs_script(fleet, "test1", "lab-slow"), 180)
    kill_controller(killed)
    assert installed(fleet, "lab-plain", HOSTS)["prod1"] == "1.0"

    let_go(fleet, "test1")

    # a connection that the killed controller's server side still holds must stop nobody
    older = fleet.start("rollout")
    until("the script runs in production", lambda: runs_script(fleet, "prod1", "lab-slow"), 180)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(fleet.play, "rollout")
        until("the newer run has reached the host", lambda: newest_token(fleet, "prod1") == 3, 180)
        let_go(fleet, "prod1")
        newer = running.result()
    expect(ended(fleet, older, "rollout"), "stopped", "newer run")
    expect(newer, "done", "2 of 2 hosts verified")
    for host in HOSTS:
        assert installed(fleet, "lab-plain", HOSTS)[host] == "1.1"
        assert configured(fleet, host, "lab-slow", "1.1") == 1
        assert reboots(fleet, host) == 1
        assert [row["body"]["outcome"] for row in results(fleet, host)] == ["done"]
    assert statuses(fleet) == dict.fromkeys(HOSTS, "verified")
    sound(fleet)

    expect(fleet.play("rollout"), "done", "nothing to do")
    (fleet.reports / "report.json").unlink()
    expect(fleet.play("report"), "done")
    assert {row["host"]: row["status"] for row in fleet.report()["hosts"]} == dict.fromkeys(HOSTS, "verified")
    assert not fleet.ledger.exists(), "nothing went to a file"


def test_server_that_is_not_there_is_one_clear_refusal(fleet: Fleet, tmp_path: Path) -> None:
    fleet.ledger_url = f"postgresql://lockstep:geheim@/postgres?host={tmp_path}"
    refused = fleet.play("rollout")
    expect(refused, "stopped", str(tmp_path))
    assert "geheim" not in refused.output
    assert "Traceback" not in refused.output
    assert installed(fleet, "lab-plain", HOSTS) == dict.fromkeys(HOSTS, "1.0")
