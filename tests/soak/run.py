# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Random faults, several at once, on real lab hosts, for a bounded time: `run.py --seed 1 --seconds 600`.

Each round publishes a new version and rolls it out while faults strike; then everything is mended and the rollout must
come to its end. After every run the invariants are checked (tests/soak/invariants.py). The first violation ends the
soak with exit status 1 and leaves the ledger and the logs where it says.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]

import invariants  # noqa: E402
import yaml  # noqa: E402
from fleet import Fleet, Lab  # noqa: E402

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.points import VARIABLE  # noqa: E402
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.machine import HOST, RING  # noqa: E402

POLICY = """\
rings:
  - {name: test, hosts: ring_test, soak: 0h}
  - {name: production, hosts: ring_production, soak: 0h, batch: 100%, gate: {max_failed: 1, max_absent: 1}}
budgets: [{by: service, max_out: 1}]
reboot: {mode: when_needed, timeout: 60s}
"""
GROUPS = {"ring_test": ["test1"], "ring_production": ["prod1", "prod2", "prod3"]}
HOSTS = [host for members in GROUPS.values() for host in members]
SERVICES = {"test1": "lab", "prod1": "web", "prod2": "web", "prod3": "db"}
BUDGETS = {"service=web": (1, ["prod1", "prod2"])}
WORST_S = 300
"""No run may take longer."""
MENDED_RUNS = 4
"""In so many runs a fleet that is whole again must be done."""
Undo = Callable[[], Any]


class Soak:
    """A fleet, a dice, and what has been broken."""

    def __init__(self, fleet: Fleet, seed: int) -> None:
        self.fleet, self.dice = fleet, random.Random(seed)
        self.since_ms = int(time.time() * 1000)
        self.undo: list[Undo] = []
        self.lost: list[dict[str, Any]] = []
        self.copies: list[Path] = []
        self.twins: list[subprocess.Popen[str]] = []
        self.struck: dict[str, int] = {}
        self.began = time.monotonic()

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self.began:7.1f} s  {text}", flush=True)

    # faults of hosts, in the middle of a run

    def power(self) -> None:
        host = self.fleet.lab.host(self.dice.choice(HOSTS))
        host.kill()
        self.undo.append(host.power_on)

    def blink(self) -> None:
        """The power is back before the run has ended."""
        host = self.fleet.lab.host(self.dice.choice(HOSTS))
        host.kill()
        host.power_on(wait=False)

    def network(self) -> None:
        host = self.fleet.lab.host(self.dice.choice(HOSTS))
        host.cut_network()
        self.undo.append(host.restore_network)

    def network_back(self) -> None:
        host = self.fleet.lab.host(self.dice.choice(HOSTS))
        host.cut_network()
        threading.Timer(self.dice.uniform(1, 20), host.restore_network).start()

    def ssh(self) -> None:
        self.fleet.lab.host(self.dice.choice(HOSTS)).drop_ssh()

    def disk(self) -> None:
        host = self.fleet.lab.host("prod1")
        host.fill_disk(self.dice.choice([0, 100_000, 5_000_000]))
        self.undo.append(host.free_disk)

    def dpkg(self) -> None:
        host = self.fleet.lab.host(self.dice.choice(HOSTS))
        host.lock_dpkg()
        threading.Timer(self.dice.uniform(1, 15), lambda: host.is_on() and host.unlock_dpkg()).start()

    # faults of the controller, in the middle of a run

    def controller(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)

    def twin(self) -> None:
        self.twins.append(self.start("twin"))

    def locked(self) -> None:
        """Somebody else has the ledger for a while."""
        if not self.fleet.ledger.exists():
            return
        other = sqlite3.connect(self.fleet.ledger, timeout=5, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(self.dice.uniform(1, 20), other.close).start()

    def full(self) -> None:
        """The disk of the ledger is full for a while."""
        filler = self.fleet.ledger.parent / "filler"
        subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=4k"], capture_output=True, check=False)
        threading.Timer(self.dice.uniform(1, 10), lambda: filler.unlink(missing_ok=True)).start()
        self.undo.append(lambda: filler.unlink(missing_ok=True))

    # faults between two runs

    def older_copy(self) -> None:
        """The ledger is replaced by the copy of an earlier moment, as after a restored backup."""
        if not self.copies:
            return
        copy = self.dice.choice(self.copies)
        self.lost += invariants.ledger_of(self.fleet.ledger)["evidence"]
        for name in ("", "-wal", "-shm"):
            Path(f"{self.fleet.ledger}{name}").unlink(missing_ok=True)
        shutil.copy(copy, self.fleet.ledger)

    def read_only(self) -> None:
        folder = str(self.fleet.ledger.parent)
        done = subprocess.run(["mount", "-o", "remount,ro", folder], check=False, capture_output=True)
        if done.returncode == 0:
            self.undo.append(lambda: subprocess.run(["mount", "-o", "remount,rw", folder], check=True))

    # a round

    def start(self, name: str, **env: str) -> subprocess.Popen[str]:
        with open(self.fleet.folder / f"{name}.log", "a") as log:
            return subprocess.Popen(
                self.fleet.command("rollout", "-e", "deploy_reconnect=20"),
                cwd=self.fleet.folder,
                env=self.fleet.environment(**env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    def strike(self, faults: list[Callable[[], None]]) -> None:
        fault = self.dice.choice(faults)
        name = fault.__name__
        self.struck[name] = self.struck.get(name, 0) + 1
        self.say(f"fault: {name}")
        try:
            fault()
        except (RuntimeError, OSError, sqlite3.Error) as error:  # a host that is off cannot be broken further
            self.say(f"  not possible now: {str(error).splitlines()[0]}")

    def point(self) -> dict[str, str]:
        """Sometimes the controller dies at a point by name."""
        if self.dice.random() > 0.4:
            return {}
        names = ["transaction_begun", "transaction_recorded", "leases_taken", "leases_released", "gate=go"]
        names += [f"host_status={state}" for state in HOST] + [f"ring_state={state}" for state in RING]
        point = f"{self.dice.choice(['before', 'after'])} {self.dice.choice(names)}"
        self.say(f"point: {point}")
        return {VARIABLE: point}

    def trouble(self) -> None:
        """One run with faults."""
        if self.dice.random() < 0.3:
            self.strike([self.older_copy, self.read_only])
        self.process = self.start("rollout", **self.point())
        inside = [
            self.power, self.blink, self.network, self.network_back, self.ssh, self.disk, self.dpkg,
            self.controller, self.twin, self.locked, self.full,
        ]  # fmt: skip
        for _turn in range(self.dice.randint(1, 3)):
            try:
                self.process.wait(self.dice.uniform(1, 25))
                break
            except subprocess.TimeoutExpired:
                self.strike(inside)
        self.settle()

    def settle(self) -> None:
        """Wait for the ends of all that runs."""
        for process in [self.process, *self.twins]:
            process.wait(WORST_S)
        self.twins.clear()
        self.say(f"run ended with {self.process.returncode}: {self.last()}")

    def last(self) -> str:
        lines = (self.fleet.folder / "rollout.log").read_text().rstrip().splitlines()
        return lines[-1][:300] if lines else ""

    def mend(self) -> None:
        time.sleep(20)  # what comes back by itself is back
        while self.undo:
            self.undo.pop()()
        for host in HOSTS:
            if not self.fleet.lab.host(host).is_on():
                self.fleet.lab.host(host).power_on()
            self.fleet.lab.host(host).wait_ssh()

    def round(self, number: int) -> None:
        version = f"1.{number}"
        self.say(f"round {number}")
        with self.fleet.lab.repo.batch():
            self.fleet.lab.repo.publish("lab-plain", version)
            self.fleet.lab.repo.publish("lab-slow", version, postinst="sleep 3")
            if number % 2:
                self.fleet.lab.repo.publish("lab-boot", version)
        for _turn in range(self.dice.randint(1, 3)):
            self.trouble()
            self.check()
            if self.dice.random() < 0.5:
                self.mend()
            self.copy(number)
        self.mend()
        for _turn in range(MENDED_RUNS):
            self.process = self.start("rollout")
            self.settle()
            self.check()
            if self.process.returncode == 0 and {self.version(host) for host in HOSTS} == {version}:
                return
        raise AssertionError(f"all is mended, and after {MENDED_RUNS} runs: {self.last()}")

    def version(self, host: str) -> str:
        return self.fleet.versions(host, "lab-plain")

    def copy(self, number: int) -> None:
        if self.fleet.ledger.exists() and self.dice.random() < 0.5:
            path = self.fleet.folder / f"copy-{number}-{len(self.copies)}.db"
            with sqlite3.connect(f"file:{self.fleet.ledger}?mode=ro", uri=True) as source, sqlite3.connect(path) as to:
                source.backup(to)
            self.copies = [path]

    def check(self) -> None:
        if not self.fleet.ledger.exists():
            return
        found = invariants.violations(facts_of(self.fleet, self.since_ms, self.lost))
        if found:
            raise AssertionError("\n".join(found))


def facts_of(fleet: Fleet, since_ms: int, lost: list[dict[str, Any]] | None = None) -> invariants.Facts:
    """Everything that is judged. `lost` is evidence of ledgers that were replaced by older copies."""
    hosts = {}
    for name in HOSTS:
        host = fleet.lab.host(name)
        hosts[name] = invariants.host_of(host.root, host.log.read_text(errors="replace"), since_ms)
    ledger = invariants.ledger_of(fleet.ledger)
    ledger["evidence"] = [*(lost or []), *ledger["evidence"]]
    return invariants.Facts(hosts=hosts, windows=None, budgets=BUDGETS, **ledger)


def make_fleet(folder: Path, lab: Lab) -> Fleet:
    """Four hosts of two services, one with a small disk."""
    entries: dict[str, Any] = {name: {"disk": "700M"} if name == "prod1" else {} for name in HOSTS}
    fleet = Fleet(folder, lab.up(entries, groups=GROUPS, publish=("1.0",)))
    fleet.policy.write_text(POLICY)
    document = yaml.safe_load(Path(lab.inventory).read_text())
    for group in document["all"]["children"].values():
        for host in group["hosts"]:
            group["hosts"][host] = {**(group["hosts"][host] or {}), "service": SERVICES[host]}
    path = folder / "inventory.yml"
    path.write_text(yaml.safe_dump(document))
    fleet.inventory = str(path)
    return fleet


def main() -> int:
    parser = argparse.ArgumentParser(description="Random faults on real lab hosts for a bounded time.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=600)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix=f"soak-{given.seed}-"))
    small = folder / "ledger"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "soak", str(small)], check=True)
    problem = ""
    try:
        with Lab(f"soak-{given.seed}") as lab:
            fleet = make_fleet(folder, lab)
            fleet.ledger = small / "ledger.db"
            fleet.ledger_url = f"sqlite:///{fleet.ledger}"
            soak = Soak(fleet, given.seed)
            number = 0
            try:
                while time.monotonic() - soak.began < given.seconds:
                    number += 1
                    soak.round(number)
            except (AssertionError, subprocess.TimeoutExpired) as error:
                problem = str(error)
                subprocess.run(["cp", "-a", str(small), str(folder / "ledger-kept")], check=False)
            struck = ", ".join(f"{name} {count}" for name, count in sorted(soak.struck.items()))
            soak.say(f"seed {given.seed}: {number} rounds; faults: {struck}")
    finally:
        subprocess.run(["umount", "-l", str(small)], check=False)
    if problem:
        print(f"soak: seed {given.seed}: {problem}\nsoak: ledger and logs are kept in {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    print(f"soak: seed {given.seed}: every invariant held")
    return 0


if __name__ == "__main__":
    sys.exit(main())
