# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Budgets on real hosts: never more of a service out than it allows, whoever is out and whoever asks."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from fleet import Fleet, Result
from lab.catalogue import Faults
from test_faults_fleet import QUIET, done, have, stopped, wait

POLICY = """\
rings:
  - {name: test, hosts: ring_test, soak: 0h}
  - {name: production, hosts: ring_production, soak: 0h, batch: 100%, gate: {max_failed: 1, max_absent: 1}}
budgets:
  - {by: service, max_out: 1}
"""
SERVICES = {"test1": "lab", "prod1": "web", "prod2": "web", "prod3": "db"}


@pytest.fixture
def fleet(make_fleet: Callable[..., Fleet]) -> Fleet:
    """A test host, two hosts of one service, one of another; a package that takes its time is pending."""
    made = make_fleet(production=["prod1", "prod2", "prod3"], publish=("1.0",))
    made.lab.repo.publish_standard("1.1", Faults(slow_seconds=4), only=[*QUIET, "lab-slow"])
    made.policy.write_text(POLICY)
    document = yaml.safe_load(Path(made.lab.inventory).read_text())
    for group in document["all"]["children"].values():
        for host in group["hosts"]:
            group["hosts"][host] = {**(group["hosts"][host] or {}), "service": SERVICES[host]}
    path = made.folder / "inventory.yml"
    path.write_text(yaml.safe_dump(document))
    made.inventory = str(path)
    return made


def leases(fleet: Fleet) -> list[str]:
    """Who holds a share of a budget now, as the ledger has it."""
    with sqlite3.connect(fleet.ledger) as database:
        query = "SELECT hosts.name FROM leases JOIN hosts ON hosts.id = leases.host_id WHERE released_ms IS NULL"
        return sorted(row[0] for row in database.execute(query))


def out(fleet: Fleet, host: str) -> tuple[int, int]:
    """From when to when a host was being changed, by the journal on the host itself."""
    found = fleet.lab.host(host).run("cat /var/lib/lockstep/journal/*").stdout.replace("\0", "")
    records: list[dict[str, Any]] = [json.loads(line) for line in found.splitlines() if line.startswith("{")]
    return min(item["ms"] for item in records), max(item["ms"] for item in records)


def apart(fleet: Fleet, one: str, other: str) -> bool:
    """Whether two hosts were never changed at the same time."""
    first, second = sorted([out(fleet, one), out(fleet, other)])
    return first[1] < second[0]


def test_a_host_that_died_holds_its_share_until_it_is_back(fleet: Fleet) -> None:
    running = fleet.start("rollout", "-e", "deploy_reconnect=5")
    victim = fleet.lab.host("prod1")
    wait(lambda: victim.run(["pgrep", "-f", "lab-slow.postinst"], check=False).returncode == 0)
    assert leases(fleet) == ["prod1", "prod3"]
    victim.kill()
    result = Result(running.wait(300), (fleet.folder / "rollout.log").read_text())
    # the other service goes on; the host beside the dead one is not touched, in this run and in the next
    stopped(result, "ring 'production'", "prod2", "budget 'service=web' allows 1 out at once", "prod1", "verified")
    have(fleet, "1.1", "test1", "prod3")
    have(fleet, "1.0", "prod2")
    assert leases(fleet) == ["prod1"]
    stopped(fleet.play("rollout"), "budget 'service=web'", "prod1")
    have(fleet, "1.0", "prod2")
    # leaving the inventory gives nothing back
    whole = Path(fleet.inventory).read_text()
    document = yaml.safe_load(whole)
    for group in document["all"]["children"].values():
        group["hosts"].pop("prod1", None)
    Path(fleet.inventory).write_text(yaml.safe_dump(document))
    stopped(fleet.play("rollout"), "prod1")
    have(fleet, "1.0", "prod2")
    assert leases(fleet) == ["prod1"]
    # it is back: it is finished first, and then it is the other one's turn
    Path(fleet.inventory).write_text(whole)
    victim.power_on()
    done(fleet.play("rollout"), "4 of 4 hosts verified")
    have(fleet, "1.1", "prod1", "prod2")
    assert leases(fleet) == [] and apart(fleet, "prod1", "prod2")


def test_a_host_that_is_down_for_another_reason_counts_and_a_retired_one_does_not(fleet: Fleet) -> None:
    fleet.policy.write_text(POLICY.replace("batch: 100%", "batch: 1"))
    fleet.lab.host("prod2").power_off()
    result = fleet.play("rollout")
    stopped(result, "prod1", "budget 'service=web' allows 1 out at once, and out or down is prod2", "retire")
    have(fleet, "1.1", "test1", "prod3")
    have(fleet, "1.0", "prod1")
    done(fleet.play("retire", "-e", "host=prod2", "-e", "lockstep_reason=sold"))
    done(fleet.play("rollout"), "3 of 4 hosts verified", "retired: prod2")
    have(fleet, "1.1", "prod1")
    assert leases(fleet) == []


def test_two_controllers_at_once_do_not_exceed_a_budget_together(fleet: Fleet) -> None:
    done(fleet.play("plan"))
    first = fleet.start("rollout")
    host = fleet.lab.host("prod1")
    wait(lambda: host.run(["pgrep", "-f", "lab-slow.postinst"], check=False).returncode == 0)
    second = fleet.play("rollout")
    first.wait(300)
    log = (fleet.folder / "rollout.log").read_text()
    assert second.status == 0 or "4 of 4" in fleet.play("rollout").closing, second.output
    have(fleet, "1.1", *SERVICES)
    assert apart(fleet, "prod1", "prod2"), log
    assert leases(fleet) == []
