# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A first result on somebody's own fleet: no policy, no ledger set-up, nothing changed, and silence is no good news."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fleet import BIN, Fleet, Lab, Result

HOSTS = ["test1", "prod1", "prod2"]
GROUPS = {"ring_test": ["test1"], "ring_production": ["prod1", "prod2"]}
SUMS = (
    "find /etc /usr /var/lib/dpkg /var/lib/apt /var/cache/apt /boot /root -xdev -type f -not -name '*.pyc' -print0"
    " | sort -z | xargs -0 sha256sum"
)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Three hosts with security updates pending, of which their indexes know."""
    with Lab(f"de-{os.getpid()}") as made:
        made.up(HOSTS, groups=GROUPS)
        made.refresh()
        yield made


@pytest.fixture
def fleet(lab: Lab, tmp_path: Path) -> Fleet:
    return Fleet(tmp_path, lab)


def detect(fleet: Fleet, *arguments: str) -> Result:
    """Run detect as somebody does who has just installed the collection: an inventory and nothing else."""
    home = fleet.folder / "home"
    home.mkdir(exist_ok=True)
    command = [str(BIN / "ansible-playbook"), "-i", fleet.inventory, "lockstep.patching.detect", *arguments]
    environment = fleet.environment(HOME=str(home))
    environment.pop("XDG_DATA_HOME", None)
    done = subprocess.run(
        command,
        cwd=fleet.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    return Result(done.returncode, done.stdout)


def report(fleet: Fleet) -> dict[str, Any]:
    return json.loads((fleet.folder / "lockstep-report" / "detect.json").read_text())


def rows(fleet: Fleet) -> dict[str, dict[str, Any]]:
    return {row["host"]: row for row in report(fleet)["hosts"]}


def test_detect_needs_an_inventory_only_and_changes_nothing_on_a_host(fleet: Fleet) -> None:
    before = {name: fleet.lab.host(name).run(SUMS).stdout for name in HOSTS}
    result = detect(fleet)
    assert result.status == 0, result.output
    assert result.closing == "done: 3 hosts answered", result.output
    after = {name: fleet.lab.host(name).run(SUMS).stdout for name in HOSTS}
    for name in HOSTS:
        assert before[name].count("\n") > 1000, "the checksums cover something"
        changed = set(before[name].splitlines()) ^ set(after[name].splitlines())
        assert not changed
        assert not fleet.lab.host(name).run("ls /var/lib/lockstep /var/cache/lockstep", check=False).stdout.strip()
    assert {host: row["security"] for host, row in rows(fleet).items()} == dict.fromkeys(HOSTS, 7)
    assert (fleet.folder / "home/.local/share/lockstep/ledger.db").exists()
    kinds = {path.suffix for path in (fleet.folder / "lockstep-report").iterdir()}
    assert kinds == {".html", ".json", ".csv"}


def test_a_host_that_gives_no_answer_is_unknown_and_never_fine(fleet: Fleet) -> None:
    fleet.lab.host("prod2").cut_network()
    try:
        result = detect(fleet, "-T", "3")
    finally:
        fleet.lab.host("prod2").restore_network()
    assert result.status != 0, result.output
    assert result.closing.startswith("stopped: 1 of 3 hosts gave no answer (prod2: "), result.output
    assert "run detect again" in result.closing
    found = rows(fleet)
    assert found["prod2"]["status"] == "unreachable" and found["prod2"]["security"] is None
    assert [found[name]["security"] for name in ("test1", "prod1")] == [7, 7]
    again = detect(fleet)
    assert again.status == 0 and again.closing == "done: 3 hosts answered", again.output


def test_what_a_host_cannot_say_is_named_in_the_last_line(fleet: Fleet) -> None:
    host = fleet.lab.host("prod1")
    host.run("mkdir /run/lists; mv /var/lib/apt/lists/* /run/lists/")
    try:
        result = detect(fleet)
    finally:
        host.run("mv /run/lists/* /var/lib/apt/lists/; rmdir /run/lists")
    assert result.status == 0, result.output
    assert result.closing.startswith("done: 3 hosts answered, 1 host has unknown parts (prod1: "), result.output
    found = rows(fleet)
    assert found["prod1"]["security"] is None and found["prod1"]["other"] is None
    assert found["prod2"]["security"] == 7


def logged(when: datetime, package: str, old: str, new: str) -> str:
    """What dpkg writes of one upgrade that ended well."""
    stamp = f"{when:%Y-%m-%d %H:%M:%S}"
    return f"{stamp} upgrade {package}:all {old} {new}\n{stamp} status installed {package}:all {new}\n"


def test_versions_that_reached_production_before_any_test_host_are_listed(fleet: Fleet) -> None:
    now = datetime.now()
    begin = now - timedelta(days=300)
    logs = {
        # the test host had 3.0 of alpha a week before production, and never 2.1 of beta
        "test1": [(40, "lab-alpha", "2.0", "3.0"), (20, "lab-beta", "2.0", "3.0")],
        "prod1": [(33, "lab-alpha", "2.0", "3.0"), (30, "lab-beta", "2.0", "2.1")],
        "prod2": [(47, "lab-alpha", "2.0", "2.5")],
    }
    for name, entries in logs.items():
        host = fleet.lab.host(name)
        old = logged(begin, "lab-first", "1", "2") + "".join(
            logged(now - timedelta(days=days), *rest) for days, *rest in entries if days > 31
        )
        recent = [logged(now - timedelta(days=days), *rest) for days, *rest in entries if days <= 31]
        host.write("/var/log/dpkg.log", "".join(recent))
        host.write("/var/log/dpkg.log.1", "")
        host.path("/var/log/dpkg.log.2.gz").write_bytes(gzip.compress(old.encode()))
    result = detect(fleet, "-e", "lockstep_test=ring_test", "-e", "lockstep_production=ring_production")
    assert result.status == 0, result.output
    found = report(fleet)["drift"]
    assert sorted((row["hosts"], row["package"], row["version"]) for row in found["rows"]) == [
        (["prod1"], "lab-beta", "2.1"),
        (["prod2"], "lab-alpha", "2.5"),
    ]
    assert "lab-beta" in result.output and "2.1" in result.output
    assert found["complete"] and not found["gaps"]
    fleet.lab.host("test1").path("/var/log/dpkg.log.1").unlink()
    fleet.lab.host("prod1").path("/var/log/dpkg.log.2.gz").unlink()
    detect(fleet, "-e", "lockstep_test=ring_test", "-e", "lockstep_production=ring_production")
    found = report(fleet)["drift"]
    gaps = {gap["host"]: gap["why"] for gap in found["gaps"]}
    assert "dpkg.log.1 is gone" in gaps["test1"] and "no dpkg log before" in gaps["prod1"], "a hole is said to be one"
    assert not found["complete"]


def test_a_pattern_that_matches_nothing_stops(fleet: Fleet) -> None:
    result = detect(fleet, "-e", "lockstep_test=ring_tset", "-e", "lockstep_production=ring_production")
    assert result.status != 0
    assert result.closing.startswith("stopped: lockstep_test: the pattern 'ring_tset' matches no host"), result.output
