# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bad input: a policy, a ring, an inventory, a ledger or a plan that does not fit.

No host is touched, and the message says what to mend.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from fleet import POLICY, Fleet, Lab, Result

HOSTS = ["test1", "prod1", "prod2"]
GROUPS = {"ring_test": ["test1"], "ring_production": ["prod1", "prod2"]}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Three hosts that every test here leaves as they are."""
    with Lab(f"fi-{os.getpid()}") as made:
        made.up(HOSTS, groups=GROUPS, publish=("1.0",))
        made.repo.publish_standard("1.1", only=["lab-lib", "lab-web", "lab-app", "lab-plain"])
        yield made


@pytest.fixture
def fleet(lab: Lab, tmp_path: Path) -> Iterator[Fleet]:
    """A policy, a ledger and a report folder of its own on the shared hosts.

    Whatever the test does, dpkg must say the same after it.
    """
    before = packages(lab)
    yield Fleet(tmp_path, lab)
    assert packages(lab) == before


def packages(lab: Lab) -> dict[str, str]:
    return {name: lab.host(name).run("dpkg-query -W").stdout for name in HOSTS}


def stopped(result: Result, *parts: str) -> None:
    """The run failed, and its last line says why and what to do."""
    assert result.status != 0, result.output
    assert result.closing.startswith("stopped: "), result.output
    for part in parts:
        assert part in result.closing, result.closing


def inventory(fleet: Fleet, change: str) -> str:
    """A copy of the lab's inventory with something changed in it."""
    path = fleet.folder / "inventory.yml"
    path.write_text(change)
    return str(path)


def is_planned(fleet: Fleet) -> None:
    """Without the fault the same command line with the same ledger makes the plan."""
    fleet.policy.write_text(POLICY)
    mended = fleet.play("plan")
    assert mended.status == 0, mended.output
    assert mended.closing.startswith("done: plan ") and "3 hosts" in mended.closing, mended.output


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param(
            POLICY + "freeze: []\n",
            ["policy.yml:4: freeze: unknown key 'freeze'", "did you mean 'freezes'"],
            id="unknown",
        ),
        pytest.param(
            POLICY.replace("batch:", "bacht:"),
            ["policy.yml:3", "unknown key 'bacht'; did you mean 'batch'?"],
            id="unknown-in-ring",
        ),
        pytest.param(
            POLICY + "routine: monthly\n",
            ["policy.yml:4: routine", "not built yet", "take it out"],
            id="not-built",
        ),
        pytest.param(
            POLICY + "freezes: [{from: 2026-12-20, to: 2027-01-04}]\n",
            ["policy.yml:4: freezes[0]", "reason"],
            id="freeze-without-reason",
        ),
        pytest.param("rings: [\n  - {name: test\n", ["policy.yml:2: not valid YAML"], id="not-yaml"),
        pytest.param("", ["policy.yml:1: the policy is empty"], id="empty"),
    ],
)
def test_a_policy_that_cannot_be_used_is_refused_with_file_and_line(fleet: Fleet, text: str, parts: list[str]) -> None:
    fleet.policy.write_text(text)
    stopped(fleet.play("rollout"), *parts, "mend what is named and run again")
    assert not fleet.reports.exists(), "a run that has seen nothing has no report to write"
    is_planned(fleet)


def test_a_policy_that_is_not_there(fleet: Fleet) -> None:
    fleet.policy.unlink()
    stopped(
        fleet.play("rollout"),
        f"{fleet.policy}: the policy file cannot be read",
        "No such file",
        "init writes a first one",
    )
    is_planned(fleet)


@pytest.mark.parametrize(
    ("pattern", "parts"),
    [
        pytest.param(
            "ring_prodution", ["'ring_prodution' matches nothing", "did you mean 'ring_production'?"], id="misspelt"
        ),
        pytest.param("ring_none", ["the group 'ring_none' has no hosts"], id="empty-group"),
        pytest.param("ring_production:!all", ["its pattern 'ring_production:!all' leaves no host"], id="nothing-left"),
        pytest.param(
            "ring_production:test1",
            ["test1: in ring 'test' and in ring 'production'", "a host has one ring"],
            id="two-rings",
        ),
    ],
)
def test_a_ring_that_does_not_fit_the_inventory(fleet: Fleet, pattern: str, parts: list[str]) -> None:
    empty = inventory(fleet, "all: {children: {ring_none: {hosts: {}}}}\n")
    fleet.policy.write_text(POLICY.replace("ring_production", f'"{pattern}"'))
    result = fleet.play("rollout", "-i", empty)
    stopped(
        result,
        str(fleet.policy),
        "ring 'production'",
        *parts,
        "mend the patterns or the inventory; no host was touched",
    )
    assert not fleet.reports.exists()
    is_planned(fleet)


def test_limit_to_production_without_a_plan_makes_none(fleet: Fleet) -> None:
    result = fleet.play("rollout", "--limit", "ring_production")
    stopped(result, "--limit hides 1 of 3 hosts of the rings (test1)", "run without --limit")
    is_planned(fleet)


def test_an_inventory_that_is_suddenly_empty(fleet: Fleet) -> None:
    nothing = inventory(fleet, "all: {hosts: {}}\n")
    fleet.inventory = nothing
    stopped(fleet.play("rollout"), "ring 'test'", "'ring_test' matches nothing in the inventory", "no host was touched")
    stopped(fleet.play("detect"), "the inventory has no hosts", "check -i INVENTORY")
    fleet.inventory = fleet.lab.inventory
    is_planned(fleet)


def test_a_ledger_that_is_not_a_database_is_left_as_it_is(fleet: Fleet) -> None:
    fleet.ledger.write_text("dear diary\n" * 100)
    stopped(fleet.play("rollout"), str(fleet.ledger), "not a database")
    assert fleet.ledger.read_text() == "dear diary\n" * 100
    fleet.ledger.unlink()
    is_planned(fleet)


def test_a_ledger_in_a_place_that_cannot_be_written(fleet: Fleet) -> None:
    stopped(
        fleet.play("rollout", "-e", "lockstep_ledger=/proc/lockstep/ledger.db"), "/proc/lockstep", "lockstep_ledger"
    )
    is_planned(fleet)


def test_a_ledger_of_a_newer_version_is_not_touched(fleet: Fleet) -> None:
    is_planned(fleet)
    with sqlite3.connect(fleet.ledger) as database:
        database.execute("update lockstep_schema set version_num = '9999'")
    runs = count(fleet, "runs")
    stopped(fleet.play("rollout"), str(fleet.ledger), "newer")
    assert count(fleet, "runs") == runs


def count(fleet: Fleet, table: str) -> int:
    with sqlite3.connect(fleet.ledger) as database:
        return int(database.execute(f"select count(*) from {table}").fetchone()[0])


def plan_file(fleet: Fleet) -> Path:
    return next(path for path in fleet.reports.glob("plan-*.json"))


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        pytest.param('"version": "1.1"', '"version": "6.6"', ["is stated: it was changed"], id="another-version"),
        pytest.param('"sha256": "', '"sha256": "xx', ["].sha256"], id="no-checksum"),
        pytest.param('"lines"', '"line"', ["'line'"], id="unknown-key"),
        pytest.param("}", "", ["cannot be read as JSON", "line 29"], id="not-json"),
    ],
)
def test_a_plan_file_that_somebody_edited_is_refused(fleet: Fleet, old: str, new: str, parts: list[str]) -> None:
    is_planned(fleet)
    text = plan_file(fleet).read_text()
    assert old in text
    edited = fleet.folder / "edited.json"
    edited.write_text(text.replace(old, new))
    # also where this controller has no plan yet that could contradict
    for ledger in (fleet.ledger, fleet.folder / "other.db"):
        result = fleet.play("rollout", "-e", f"plan={edited}", "-e", f"lockstep_ledger={ledger}")
        stopped(result, str(edited), *parts, "a plan is never edited")


def test_a_plan_file_that_is_not_there_or_is_another_plan(fleet: Fleet) -> None:
    is_planned(fleet)
    stopped(fleet.play("rollout", "-e", "plan=nowhere.json"), "nowhere.json: there is no such plan file")
    body = json.loads(plan_file(fleet).read_text())["plan"]
    body["lines"] = body["lines"][:1]
    other = fleet.folder / "other.json"
    other.write_text(json.dumps(body))
    stopped(fleet.play("rollout", "-e", f"plan={other}"), "the plan ", " is open", "lockstep_supersede=REASON")


def test_a_report_folder_that_cannot_be_written(fleet: Fleet) -> None:
    file = fleet.folder / "file"
    file.write_text("")
    result = fleet.play("plan", "-e", f"lockstep_report_dir={file}/report")
    stopped(result, f"{file}/report", "lockstep_report_dir")
    again = fleet.play("plan")
    assert again.status == 0 and again.closing.startswith("done: plan "), again.output


def test_init_writes_a_policy_that_plans_and_never_overwrites(fleet: Fleet) -> None:
    fleet.policy.unlink()
    first = fleet.play("init")
    assert first.status == 0, first.output
    assert first.closing.startswith(f"done: wrote {fleet.policy}"), first.output
    text = fleet.policy.read_text()
    planned = fleet.play("plan")
    assert planned.status == 0 and planned.closing.startswith("done: plan "), planned.output
    again = fleet.play("init")
    stopped(again, f"{fleet.policy}: there is a file already, and it is left as it is", "another place")
    assert fleet.policy.read_text() == text
