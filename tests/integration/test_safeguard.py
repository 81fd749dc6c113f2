# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The local safeguard on real hosts: after the second failure of one kind, hosts like those are held; others go on.

And the order inside a ring: the most urgent first, and in a cluster the standby before the primary."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from fleet import Fleet
from proof import expect, installed, ledger_of, offer, reason, statuses

pytestmark = pytest.mark.lab

HOSTS = ("test1", "prod1", "prod2", "prod3", "prod4")
POLICY = """\
rings:
  - {name: test, hosts: ring_test, soak: 0h}
  - {name: production, hosts: ring_production, soak: 0h, batch: [2, 100%], gate: {max_failed: 2}}
"""


def test_hosts_like_two_that_failed_are_held_and_the_others_go_on(make_fleet: Callable[..., Fleet]) -> None:
    fleet = make_fleet(production=HOSTS[1:], publish=("1.0",))
    fleet.policy.write_text(POLICY)
    fleet.lab.host("prod4").run("dpkg --remove lab-plain")  # it does not take the step that fails
    offer(fleet, "1.1", "lab-plain", "lab-web")
    file = "/usr/share/lab-plain/version"
    for name in ("prod1", "prod2"):
        fleet.lab.host(name).run(["mount", "--bind", file, file])  # dpkg cannot put another file in its place
    stopped = fleet.play("rollout")
    expect(stopped, "stopped", "prod3", "prod1, prod2 failed in the same way", "lab-plain 1.0 → 1.1", "resolve")
    assert statuses(fleet) == {
        "test1": "verified", "prod1": "failed", "prod2": "failed", "prod3": "staged", "prod4": "verified",
    }, stopped.output  # fmt: skip
    assert fleet.versions("prod3", "lab-plain") == "1.0" and fleet.versions("prod3", "lab-web") == "1.0"
    assert fleet.versions("prod4", "lab-web") == "1.1"
    row = next(row for row in fleet.report()["hosts"] if row["host"] == "prod3")
    assert "prod1, prod2 failed in the same way" in row["reason"] and "recall" in row["next"]
    expect(fleet.play("explain", "-e", "host=prod3"), "done", "prod1, prod2 failed in the same way")

    # nothing has changed: it stays held, and the two are tried again and fail again
    expect(fleet.play("rollout"), "stopped", "prod3", "failed in the same way")
    assert fleet.versions("prod3", "lab-plain") == "1.0"

    # one is repaired: what is left is one failure, which the gate bears, and the rest goes on
    fleet.lab.host("prod1").run(["umount", file])
    done = fleet.play("rollout")
    assert statuses(fleet) == {**dict.fromkeys(HOSTS, "verified"), "prod2": "failed"}, done.output
    assert "lab-plain" in reason(fleet, "prod2")
    fleet.lab.host("prod2").run(["umount", file])
    expect(fleet.play("rollout"), "done", "5 of 5 hosts verified")
    assert installed(fleet, "lab-plain", HOSTS[:4]) == dict.fromkeys(HOSTS[:4], "1.1")


ORDER = """\
rings:
  - {{name: test, hosts: ring_test, soak: 0h}}
  - {{name: production, hosts: ring_production, soak: 0h, batch: 100%, gate: {{max_failed: 1}}}}
order:
  clusters:
    - {{by: cluster, command: [cat, "{folder}/role-{{host}}"], roles: [standby, primary]}}
"""
VARIABLES = {"prod1": {"cluster": "db"}, "prod2": {"cluster": "db"}, "prod3": {"lockstep_criticality": "critical"}}


def test_the_urgent_go_first_and_a_primary_after_its_standby(make_fleet: Callable[..., Fleet]) -> None:
    fleet = make_fleet(production=HOSTS[1:4], publish=("1.0",))
    offer(fleet, "1.1", "lab-plain")
    document = yaml.safe_load(Path(fleet.lab.inventory).read_text())
    for group in document["all"]["children"].values():
        for host in group["hosts"]:
            group["hosts"][host] = {**(group["hosts"][host] or {}), **VARIABLES.get(host, {})}
    fleet.inventory = str(fleet.folder / "inventory.yml")
    Path(fleet.inventory).write_text(yaml.safe_dump(document))
    fleet.policy.write_text(ORDER.format(folder=fleet.folder))
    (fleet.folder / "role-prod1").write_text("primary\n")
    (fleet.folder / "role-prod2").write_text("asking\nstandby\n")
    file = "/usr/share/lab-plain/version"
    fleet.lab.host("prod2").run(["mount", "--bind", file, file])
    # the standby fails, which the gate bears; the primary is not touched, the urgent host is
    expect(fleet.play("rollout"), "stopped", "prod1", "in cluster=db it goes after prod2 (failed)", "resolve")
    assert installed(fleet, "lab-plain", HOSTS[:4]) == {"test1": "1.1", "prod1": "1.0", "prod2": "1.0", "prod3": "1.1"}
    plan = ledger_of(fleet).open_plan("default")
    assert plan is not None and plan["body"]["scope"][1]["hosts"] == ["prod3", "prod1", "prod2"]
    # a role that nobody can tell holds the host, and whoever may have to go before it does the same
    fleet.lab.host("prod2").run(["umount", file])
    (fleet.folder / "role-prod1").unlink()
    expect(fleet.play("rollout"), "stopped", "its role in cluster=db is unknown")
    assert installed(fleet, "lab-plain", HOSTS[1:3]) == {"prod1": "1.0", "prod2": "1.1"}
    (fleet.folder / "role-prod1").write_text("primary\n")
    expect(fleet.play("rollout"), "done", "4 of 4 hosts verified")
    gates = [row["body"]["hosts"] for row in ledger_of(fleet).evidence("default") if row["kind"] == "gate"]
    assert [hosts for hosts in gates if hosts][:2] == [["test1"], ["prod3", "prod2"]] and gates[-1] == ["prod1"]
