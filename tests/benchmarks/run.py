# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lockstep and a plain play side by side on the same kind of lab hosts, in turn, in one run.

`detect`: wall time of the two playbooks on the same 4 warm hosts, A B A B. `rollout`: for every round fresh hosts with
real pending updates, package lists and files warm; Lockstep is timed from the first gate to the last verdict (from its
own record), the plain play as a whole. Prints each figure and the ratio of the medians, and writes
tests/output/benchmark.json. Exit status 1 when a ratio is above its limit.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
sys.path.insert(0, str(CHECKOUT / "tests" / "integration"))

from fleet import BIN, Fleet, Lab  # noqa: E402

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger  # noqa: E402

LIMITS = {"detect": 0.4, "rollout": 1.25}
HOSTS = ["bench1", "bench2", "bench3", "bench4"]
POLICY = """\
rings:
  - {name: test, hosts: all, soak: 0h, batch: 100%}
"""


def timed(fleet: Fleet, command: list[str]) -> float:
    """Wall seconds of one command that must succeed."""
    start = time.monotonic()
    done = subprocess.run(
        command, cwd=fleet.folder, env=fleet.environment(), capture_output=True, text=True, check=False
    )
    seconds = time.monotonic() - start
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}{done.stderr[-2000:]}")
    return seconds


def plain(fleet: Fleet, name: str) -> list[str]:
    return [str(BIN / "ansible-playbook"), "-i", fleet.lab.inventory, str(HERE / f"{name}.yml")]


def detect(folder: Path, rounds: int) -> dict[str, list[float]]:
    """Both detections on the same hosts, in turn, after one warm-up of each."""
    seconds: dict[str, list[float]] = {"lockstep": [], "plain": []}
    with Lab("bench").up(HOSTS, mode="real", groups={"all_hosts": HOSTS}) as lab:
        fleet = Fleet(folder, lab)
        fleet.policy.write_text(POLICY)
        for number in range(rounds + 1):
            ours, theirs = timed(fleet, fleet.command("detect")), timed(fleet, plain(fleet, "plain_detect"))
            print(f"detect {number}: lockstep {ours:.2f} s, plain {theirs:.2f} s", flush=True)
            if number:
                seconds["lockstep"].append(ours)
                seconds["plain"].append(theirs)
    return seconds


def window(fleet: Fleet) -> float:
    """Seconds from the first gate to the last verdict of a host, as the run recorded them in its evidence."""
    with Ledger.open(f"sqlite:///{fleet.ledger}", create=False) as ledger:
        gates = ledger.evidence("default", kind="gate")
        verdicts = [row for row in ledger.evidence("default", kind="host_status") if row["body"]["after"] == "verified"]
    if len(verdicts) != len(HOSTS):
        sys.exit(f"{len(verdicts)} of {len(HOSTS)} hosts were verified")
    return (verdicts[-1]["ms"] - gates[0]["ms"]) / 1000


def rollout(folder: Path, rounds: int) -> dict[str, list[float]]:
    """Fresh hosts for every run: a host can be patched only once."""
    seconds: dict[str, list[float]] = {"lockstep": [], "plain": []}
    for number in range(rounds):
        for kind in ("lockstep", "plain"):
            with Lab("bench").up(HOSTS, mode="real", warm="files") as lab:
                fleet = Fleet(folder / f"{kind}{number}", lab)
                fleet.policy.write_text(POLICY)
                pending = lab.host(HOSTS[0]).run("apt-get -s full-upgrade").stdout.count("\nInst ")
                if kind == "lockstep":
                    timed(fleet, fleet.command("rollout"))
                    seconds[kind].append(window(fleet))
                else:
                    seconds[kind].append(timed(fleet, plain(fleet, "plain_upgrade")))
                print(f"rollout {number}: {kind} {seconds[kind][-1]:.2f} s with {pending} updates pending", flush=True)
    return seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", choices=["detect", "rollout", []], help="default: both")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    figures = {}
    with tempfile.TemporaryDirectory(prefix="lockstep-bench-") as folder:
        for name, measure in (("detect", detect), ("rollout", rollout)):
            if not arguments.what or name in arguments.what:
                Path(folder, name).mkdir()
                figures[name] = measure(Path(folder, name), arguments.rounds)
    slow = []
    for name, seconds in figures.items():
        ours, theirs = statistics.median(seconds["lockstep"]), statistics.median(seconds["plain"])
        print(f"{name}: lockstep {ours:.2f} s, plain {theirs:.2f} s, ratio {ours / theirs:.2f} (limit {LIMITS[name]})")
        if ours / theirs > LIMITS[name]:
            slow.append(name)
    output = CHECKOUT / "tests" / "output"
    output.mkdir(exist_ok=True)
    (output / "benchmark.json").write_text(json.dumps({"seconds": figures, "cpus": os.cpu_count()}, indent=1) + "\n")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
