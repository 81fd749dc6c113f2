# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Jobs as AWX starts them: by ansible-runner from a private folder, with AWX's variables and inventory script."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from fleet import BIN, Fleet, Result
from proof import expect, installed, ledger_of, sound

pytestmark = pytest.mark.lab

HOSTS = ("test1", "prod1")
JOB, USER = "4711", "ann"
SCRIPT = "#! /usr/bin/env python3\n# -*- coding: utf-8 -*-\nprint(%r)\n"
"""As AWX writes an inventory: a script that prints what its database has."""


class Awx:
    """What a job template of AWX gives to a run, and what AWX takes from it."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        listed = subprocess.run(
            [str(BIN / "ansible-inventory"), "-i", fleet.inventory, "--list", "--export"],
            env=fleet.environment(), check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        self.inventory = json.dumps(json.loads(listed))

    def launch(self, job: str, playbook: str, mode: str = "pexpect", **survey: Any) -> Result:
        """Run a job to its end: runner's return code, and the output that AWX shows.

        That is the output of the job's events; runner's own file of it may lack what comes after the last event.

        survey: the extra variables that a person or a schedule gives. mode: pexpect (AWX's own) or subprocess (no
        terminal at all).
        """
        private = self.fleet.folder / f"awx_{job}"
        given = {
            "lockstep_policy": "lockstep-policy.yml",  # beside the playbook, in the project
            "lockstep_ledger": self.fleet.ledger_url,
            "lockstep_store": str(self.fleet.folder / "store"),
            "lockstep_report_dir": str(self.fleet.reports),
        }
        told = {
            f"{who}_{key}": value
            for who in ("awx", "tower")
            for key, value in {"job_id": int(job), "job_launch_type": "manual", "user_id": 7, "user_name": USER}.items()
        }
        files = {
            "project/rollout.yml": f"- ansible.builtin.import_playbook: lockstep.patching.{playbook}\n",
            "project/lockstep-policy.yml": self.fleet.policy.read_text(),
            "inventory/hosts": SCRIPT % self.inventory,
            "env/extravars": yaml.safe_dump({**told, **given, **survey}),
            "env/envvars": yaml.safe_dump(
                {
                    "JOB_ID": job,
                    "INVENTORY_ID": "3",
                    "PROJECT_REVISION": "0" * 40,
                    "AWX_HOST": "https://awx.example.org",
                    "AWX_PRIVATE_DATA_DIR": str(private),
                    "MAX_EVENT_RES": "700000",
                    "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
                    "ANSIBLE_HOME": str(private / ".ansible"),
                    "ANSIBLE_SSH_CONTROL_PATH_DIR": str(private / "cp"),
                }
            ),  # fmt: skip
            "env/settings": yaml.safe_dump({"idle_timeout": 600, "runner_mode": mode}),
        }
        for name, text in files.items():
            path = private / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (private / "inventory/hosts").chmod(0o700)
        environment = self.fleet.environment(PATH=f"{BIN}:{os.environ['PATH']}")
        subprocess.run(
            [str(BIN / "ansible-runner"), "run", str(private), "-p", "rollout.yml", "-i", job, "-q"],
            env=environment, stdin=subprocess.DEVNULL, check=False, timeout=600, capture_output=True,
        )  # fmt: skip
        artifacts = private / "artifacts" / job
        status = int((artifacts / "rc").read_text())
        assert (artifacts / "status").read_text() == ("successful" if status == 0 else "failed")
        shown = [event["stdout"] for event in self.events(job)]
        return Result(status, "\n".join(filter(None, shown)))

    def events(self, job: str) -> list[dict[str, Any]]:
        """What AWX keeps of a job in its database, in order."""
        folder = self.fleet.folder / f"awx_{job}" / "artifacts" / job / "job_events"
        found = [json.loads(path.read_text()) for path in folder.glob("*-*.json")]
        return sorted((event for event in found if "counter" in event), key=lambda event: event["counter"])


@pytest.fixture
def awx(make_fleet: Callable[..., Fleet]) -> Awx:
    return Awx(make_fleet(production=["prod1"]))


def test_a_job_patches_and_the_record_names_its_user_and_number(awx: Awx) -> None:
    fleet = awx.fleet
    fleet.policy.write_text(fleet.policy.read_text().replace("soak: 0h}", "soak: 1h}", 1))
    waiting = awx.launch("4710", "rollout")
    expect(waiting, "waiting", "soaks until")
    assert installed(fleet, "lab-web", HOSTS) == {"test1": "1.1", "prod1": "1.0"}

    # the same schedule in a workflow that branches on success; nothing has a terminal
    failed = awx.launch("4712", "rollout", mode="subprocess", lockstep_fail_on_wait=True)
    assert failed.status != 0 and failed.closing.startswith("waiting: "), failed.output

    fleet.policy.write_text(fleet.policy.read_text().replace("soak: 1h}", "soak: 0h}", 1))
    done = awx.launch(JOB, "rollout", mode="subprocess")
    expect(done, "done", "2 of 2 hosts verified")
    assert installed(fleet, "lab-web", HOSTS) == dict.fromkeys(HOSTS, "1.1")
    assert "\x1b" not in done.output, "where nobody looks there are no colours"
    assert len(done.output.splitlines()) < 4000
    sound(fleet)

    rows = ledger_of(fleet).evidence("default")
    assert {row["actor"] for row in rows} == {USER}
    assert [row["job"] for row in rows if row["kind"] == "run_begun"] == ["4710", "4712", JOB]
    assert {row["job"] for row in rows if row["subject"] == "prod1" and row["kind"] == "transaction_recorded"} == {JOB}
    # a host's full state goes to the ledger, never into a job's events and facts
    assert max(len(json.dumps(event)) for event in awx.events(JOB)) < 20_000
    assert not any("ansible_facts" in json.dumps(event.get("event_data", {}).get("res")) for event in awx.events(JOB))


def test_a_job_that_must_stop_fails_and_says_so_last(awx: Awx) -> None:
    awx.fleet.policy.write_text("rings:\n  - {name: test, hosts: ring_tset}\n")
    expect(awx.launch(JOB, "rollout"), "stopped", "ring_tset")
