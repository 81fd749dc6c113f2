# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long a rollout takes to find that nothing is left to do: `resume.py [HOSTS]`.

The hosts are simulated, the ledger is a real one: a plan of which every host is verified, whose last ring soaks. The
playbook `rollout` must contact no host, and take less than 5 s for 10,000 hosts. Beside it: a play
without tasks on the same inventory, which is what Ansible itself takes.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
for folder in ("policy", "ledger"):
    sys.path.insert(0, str(CHECKOUT / "tests" / "unit" / "plugins" / "plugin_utils" / folder))

import ledger_samples  # noqa: E402
from policy_facts import NOW, candidate, policy, scope, state  # noqa: E402

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger  # noqa: E402
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.plan import build_plan  # noqa: E402

LIMIT_S = 5.0
ROUNDS = 3
POLICY = """\
rings:
  - {name: test, hosts: ring_test, soak: 0h}
  - {name: production, hosts: ring_production, soak: 24h}
"""
BIN = Path(sys.executable).parent


def fleet(folder: Path, number: int) -> None:
    """An inventory, a policy and a ledger in which every host is verified."""
    now = int(time.time() * 1000)
    test = [f"test{at:05d}" for at in range(max(1, number // 100))]
    production = [f"prod{at:05d}" for at in range(number - len(test))]
    groups = {"ring_test": test, "ring_production": production}
    rows = [line for name, hosts in groups.items() for line in (f"[{name}]", *hosts)]
    (folder / "hosts").write_text("\n".join(rows) + "\n")
    (folder / "policy.yml").write_text(POLICY)
    (folder / "plain.yml").write_text("- {hosts: all, gather_facts: false, tasks: []}\n")
    one = state(*(candidate(name) for name in ("vim", "nginx", "openssl", "curl", "bash", "sudo")))
    body, left = build_plan(
        "default", policy(), scope(test, production), dict.fromkeys([*test, *production], one), {}, NOW
    )
    with Ledger.open(f"sqlite:///{folder}/ledger.db") as ledger:
        token = ledger_samples.begin(ledger, now)
        plan_id = ledger_samples.digest(body)
        ledger.save_plan(plan_id, body, left, "default", "ann", token, now)
        for host in (*test, *production):
            ledger_samples.look(ledger, host, token, one["sections"], now)
            detail = {"verified_ms": now, "skip": [], "notes": [], "findings": [], "drift": [], "reboot": "no"}
            for status in ("installed", "verified"):
                ledger.set_host(plan_id, host, status, "", "", detail, token, now)
        for ring in ("test", "production"):
            ledger.set_ring(plan_id, ring, "open", "go", token, now)
        ledger.set_ring(plan_id, "test", "passed", "every host is verified", token, now)
        ledger.end_run(token, "waiting", "soaks", now)


def timed(folder: Path, *arguments: str) -> tuple[float, float, str]:
    """Wall and processor seconds of an ansible-playbook, and its output."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "LOCKSTEP_"))}
    environment = {**kept, "ANSIBLE_CONFIG": str(CHECKOUT / "tests" / "plain.cfg"), "ANSIBLE_NOCOLOR": "1"}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [str(BIN / "ansible-playbook"), "-i", "hosts", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(done.stdout[-3000:] + done.stderr[-2000:])
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory(prefix="lockstep-bench-") as scratch:
        folder = Path(scratch)
        fleet(folder, number)
        options = ("-e", "lockstep_policy=policy.yml", "-e", f"lockstep_ledger=sqlite:///{scratch}/ledger.db")
        best: list[float] = []
        for _round in range(ROUNDS):
            ours, cpu, said = timed(folder, "lockstep.patching.rollout", *options)
            theirs, plain_cpu, _said = timed(folder, "plain.yml")
            closing = said.rstrip().splitlines()[-1]
            tasks = said.count("\nTASK [")
            mine = f"rollout {ours:.2f} s ({cpu:.2f} s CPU), {tasks} tasks"
            print(f"{number} hosts: {mine}; no task {theirs:.2f} s ({plain_cpu:.2f} s CPU)")
            if f"{number} of {number} hosts verified" not in closing:
                sys.exit(said[-3000:])
            best.append(ours)
        print(closing)
    if number <= 10_000 and sorted(best)[ROUNDS // 2] > LIMIT_S:
        sys.exit(f"above {LIMIT_S} s")


if __name__ == "__main__":
    main()
