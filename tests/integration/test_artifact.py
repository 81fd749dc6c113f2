# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The built artifact, installed where nothing else is: single roles inside somebody else's playbooks.

It is built from a clean copy of what git tracks, and used by a virtual environment that holds only ansible-core and
the installed requirements.txt, with a home folder and a working folder of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from fleet import BIN, CHECKOUT, Fleet, Lab, Result

TOP = {
    "CHANGELOG.rst", "FILES.json", "LICENSE", "MANIFEST.json", "README.md", "changelogs", "docs", "extensions",
    "inventories", "meta", "playbooks", "plugins", "requirements.txt", "roles",
}  # fmt: skip
NEEDED = (
    "meta/runtime.yml",
    "meta/execution-environment.yml",
    "plugins/plugin_utils/ledger/migrations/env.py",
    "plugins/plugin_utils/ledger/migrations/versions/v0001.py",
    "plugins/plugin_utils/report/assets/report.css",
    "plugins/plugin_utils/report/assets/report.js",
    "plugins/plugin_utils/report/templates/base.html.j2",
    "playbooks/stages/close.yml",
    "roles/detect/meta/argument_specs.yml",
)


class Foreign:
    """A controller with the installed collection, ansible-core and the requirements, and nothing of the checkout."""

    def __init__(self, folder: Path, artifact: Path) -> None:
        self.artifact = artifact
        self.home, self.work = folder / "home", folder / "work"
        self.collections, venv = folder / "collections", folder / "venv"
        for made in (self.home, self.work):
            made.mkdir()
        self.environment = {
            "HOME": str(self.home),
            "PATH": f"{venv / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "ANSIBLE_CONFIG": str(CHECKOUT / "tests" / "plain.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false",
            "ANSIBLE_NOCOLOR": "1",
        }
        installed = self.collections / "ansible_collections" / "lockstep" / "patching"
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        pip = [venv / "bin" / "pip", "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*pip, f"ansible-core=={version('ansible-core')}"], check=True)
        command = ["ansible-galaxy", "collection", "install", "--offline", artifact, "-p", self.collections]
        subprocess.run(command, check=True, cwd=self.work, env=self.environment, stdout=subprocess.DEVNULL)
        subprocess.run([*pip, "-r", installed / "requirements.txt"], check=True)

    def play(self, inventory: str, text: str, *arguments: str) -> Result:
        """Run a playbook of somebody who uses our roles."""
        (self.work / "site.yml").write_text(text)
        done = subprocess.run(
            ["ansible-playbook", "-i", inventory, "site.yml", *arguments],
            cwd=self.work,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )
        return Result(done.returncode, done.stdout)

    def ends(self, *stages: str) -> list[tuple[str, str, str]]:
        """Every recorded run of these stages, oldest first: stage, outcome, message."""
        with sqlite3.connect(self.home / ".local" / "share" / "lockstep" / "ledger.db") as ledger:
            rows = ledger.execute("select stage, outcome, message from runs order by token").fetchall()
        return [row for row in rows if row[0] in stages]


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Foreign:
    folder = tmp_path_factory.mktemp("artifact")
    source, built = folder / "source", folder / "built"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, check=True, capture_output=True).stdout
    for name in filter(None, os.fsdecode(tracked).split("\0")):
        if (CHECKOUT / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, source / name)
    command = [BIN / "ansible-galaxy", "collection", "build", "--output-path", built]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(CHECKOUT / "tests" / "plain.cfg")}
    subprocess.run(command, cwd=source, check=True, env=environment, stdout=subprocess.DEVNULL)
    (artifact,) = built.glob("lockstep-patching-*.tar.gz")
    return Foreign(folder, artifact)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    lab = Lab(f"art-{os.getpid()}")
    yield lab.up(["test1", "prod1", "other"], groups={"ring_test": ["test1"], "ring_production": ["prod1"]})
    lab.down()


@pytest.fixture
def plan(lab: Lab, tmp_path: Path) -> Iterator[str]:
    """A plan file made elsewhere, with a policy and a ledger that the foreign controller never sees."""
    elsewhere = Fleet(tmp_path / "elsewhere", lab)
    made = elsewhere.play("plan")
    assert made.status == 0, made.output
    (file,) = elsewhere.reports.glob("plan-*.json")
    yield str(file)
    lab.reset()


def site(*roles: str, hosts: str = "test1", **variables: str) -> str:
    """Somebody else's playbook, as JSON, which is YAML too."""
    return json.dumps([{"hosts": hosts, "become": True, "gather_facts": False, "vars": variables,
                        "roles": [f"lockstep.patching.{role}" for role in roles]}])  # fmt: skip


def test_it_holds_what_its_users_need_and_nothing_of_its_development(foreign: Foreign) -> None:
    with tarfile.open(foreign.artifact) as archive:
        names = archive.getnames()
    assert {name.split("/")[0] for name in names} <= TOP
    assert not set(NEEDED) - set(names)
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".db", ".png"))]
    assert foreign.artifact.stat().st_size < 1_000_000


def test_detect_needs_no_policy_and_no_ledger_variable(foreign: Foreign, lab: Lab) -> None:
    packages = {name: lab.host(name).versions() for name in ("test1", "prod1", "other")}
    result = foreign.play(lab.inventory, site("detect", hosts="all"))
    assert result.status == 0, result.output
    assert (foreign.home / ".local" / "share" / "lockstep" / "ledger.db").exists()
    assert packages == {name: lab.host(name).versions() for name in packages}

    reported = foreign.play(lab.inventory, site("report", hosts="all"))
    assert reported.status == 0, reported.output
    report = json.loads((foreign.work / "lockstep-report" / "detect.json").read_text())
    assert {host["host"] for host in report["hosts"]} == set(packages)
    assert all(host["security"] > 0 for host in report["hosts"])
    assert (foreign.work / "lockstep-report" / "detect.html").exists()


def test_detect_fails_for_a_host_that_does_not_answer(foreign: Foreign, lab: Lab) -> None:
    lab.host("other").power_off()
    try:
        result = foreign.play(lab.inventory, site("detect", hosts="test1,other"))
    finally:
        lab.host("other").power_on()
    assert result.status != 0, result.output
    assert "other gave no answer" in result.output
    assert "test1                      : ok=" in result.output


def test_deploy_and_verify_need_only_a_plan_file(foreign: Foreign, lab: Lab, plan: str) -> None:
    boot = lab.host("test1").boot_id()
    result = foreign.play(lab.inventory, site("deploy", "verify", plan=plan))
    assert result.status == 0, result.output
    for package in ("lab-web", "lab-plain", "lab-app", "lab-conf"):
        assert lab.host("test1").version(package) == "1.1"
        assert lab.host("prod1").version(package) == "1.0", "the play names test1 alone"
    assert lab.host("test1").boot_id() != boot, "lab-boot asks for a reboot"

    boot = lab.host("test1").boot_id()
    again = foreign.play(lab.inventory, site("deploy", "verify", plan=plan))
    assert again.status == 0, again.output
    assert lab.host("test1").boot_id() == boot
    ends = foreign.ends("role deploy", "role verify")
    assert len(ends) >= 4 and {end[1:] for end in ends} == {("done", "")}, ends


def test_a_host_outside_the_plan_fails_and_is_not_touched(foreign: Foreign, lab: Lab, plan: str) -> None:
    before = lab.host("other").versions()
    for role in ("deploy", "verify"):
        result = foreign.play(lab.inventory, site(role, hosts="other", plan=plan))
        assert result.status != 0, result.output
        assert "the host is not in the scope of plan" in result.output
        _stage, outcome, message = foreign.ends(f"role {role}")[-1]
        assert outcome == "stopped" and "the host is not in the scope of plan" in message
    assert lab.host("other").versions() == before


def test_without_a_plan_deploy_fails_and_says_what_to_give(foreign: Foreign, lab: Lab) -> None:
    foreign.environment["HOME"] = str(foreign.home / "empty")
    try:
        result = foreign.play(lab.inventory, site("deploy"))
    finally:
        foreign.environment["HOME"] = str(foreign.home)
    assert result.status != 0, result.output
    assert "give a plan file" in result.output


def test_a_deploy_that_fails_fails_its_task_each_time(foreign: Foreign, lab: Lab, plan: str) -> None:
    host = lab.host("prod1")
    host.lock_dpkg()
    try:
        for _attempt in range(2):
            result = foreign.play(
                lab.inventory, site("deploy", hosts="prod1", plan=plan), "-e", "deploy_lock_timeout=2"
            )
            assert result.status != 0, result.output
            assert "prod1" in result.output and "failed=1" in result.output, result.output
            assert host.version("lab-web") == "1.0"
    finally:
        host.unlock_dpkg()
    mended = foreign.play(lab.inventory, site("deploy", "verify", hosts="prod1", plan=plan))
    assert mended.status == 0, mended.output
    assert host.version("lab-web") == "1.1"
