# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the progress display costs: its share of a run's processor time, without any host to reach.

A rollout of 10,000 hosts in 20 batches is played to it as Ansible does it: through the task queue manager, with an
answer for each host and each of five tasks, a look's answer in its size, drawing a foot of 200 columns. What one event
costs is set against what one host costs in one task of a real run: `detect` on hosts that refuse the connection, which
is the cheapest task there is. Prints the figures and writes tests/output/benchmark-progress.json. Exit status 1 when
the share is above 1 %.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ansible import constants, context
from ansible.executor import task_result
from ansible.executor.task_queue_manager import TaskQueueManager
from ansible.inventory.host import Host
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.task import Task
from ansible.plugins.loader import callback_loader, init_plugin_loader
from ansible.utils.context_objects import CLIArgs
from ansible.vars.manager import VariableManager

CHECKOUT = Path(__file__).resolve().parents[2]
LIMIT = 0.01
BATCHES = 20
TASKS = ("acquire", "transaction", "reboot", "verify")
STATES = {"acquire": "staged", "transaction": "installed", "reboot": "active", "verify": "verified"}
RAW = getattr(task_result, "_RawTaskResult", None) or task_result.TaskResult


class Screen(io.StringIO):
    encoding = "utf-8"


def simulate(count: int) -> tuple[float, int, int]:
    """`(seconds of processor, events, characters drawn)` of a rollout on this many hosts."""
    # Ansible's own loader must be there before the first import from a collection
    from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.foot import Foot
    from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import Run, RunFiles

    names = [f"host{number:05d}.example.org" for number in range(count)]
    size = -(-count // BATCHES)
    batches = [names[at : at + size] for at in range(0, count, size)]
    files = RunFiles(constants.DEFAULT_LOCAL_TMP)
    run = Run(1, "rollout", "default", "", "", "", 0, plan_id="5b402e292636")
    files.write("run", asdict(run))
    files.write("batches", [{"ring": "production", "hosts": batch} for batch in batches])
    needs = dict.fromkeys(names, 60_000)
    files.write("course", {"rings": [("production", "open", dict.fromkeys(names, "pending"))], "needs": needs})
    loader = DataLoader()
    inventory = InventoryManager(loader=loader, sources=["localhost,"])
    queue = TaskQueueManager(inventory, VariableManager(loader, inventory), loader, {}, forks=50)
    plugin = callback_loader.get("lockstep.patching.progress")
    if hasattr(plugin, "_init_callback_methods"):
        plugin._init_callback_methods()
    plugin.set_options()
    screen = Screen()
    plugin._foot = Foot(screen, lambda: (200, 50))
    queue._callback_plugins = [plugin]
    hosts = {name: Host(name) for name in names}
    # what a look gives back to the play: some kilobytes
    answer = {"unknown": [], "reasons": [{"signal": f"s{at}", "text": "x" * 40} for at in range(60)]}

    def task(action: str) -> Task:
        made = Task()
        made.action = f"lockstep.patching.{action}"
        queue.send_callback("v2_playbook_on_task_start", made, is_conditional=False)
        return made

    def result(host: str, done: Task, **values: Any) -> Any:
        return RAW(hosts[host], done, {"changed": False, **values}, {})

    began, events = time.process_time(), 0
    queue.send_callback("v2_playbook_on_play_start", SimpleNamespace(hosts=["localhost"]))
    queue.send_callback("v2_runner_on_ok", result(names[0], task("open")))
    queue.send_callback("v2_playbook_on_play_start", SimpleNamespace(hosts=names))
    looking = task("host_state")
    for name in names:
        queue.send_callback("v2_runner_on_ok", result(name, looking, answer=answer))
        events += 1
    queue.send_callback("v2_runner_on_ok", result(names[0], task("plan")))
    for batch in batches:
        queue.send_callback("v2_playbook_on_play_start", SimpleNamespace(hosts=batch))
        queue.send_callback("v2_runner_on_ok", result(batch[0], task("gate"), decision="go", why=""))
        for action in TASKS:
            going = task(action)
            for name in batch:
                values = {"status": STATES[action], "reason": "", "problem": None}
                if action == "verify" and name.endswith("77.example.org"):
                    values = {"status": "failed", "problem": f"{name}: no space left on device"}
                queue.send_callback("v2_runner_on_ok", result(name, going, **values))
                events += 1
    if plugin.disabled or "verify" not in screen.getvalue():
        sys.exit("the display ended before the run did")
    return time.process_time() - began, events, len(screen.getvalue())


def real(count: int) -> float:
    """Seconds of processor time of a real `detect` on this many hosts, without the display."""
    with tempfile.TemporaryDirectory() as folder:
        hosts = "".join(f"    host{number:05d}: {{}}\n" for number in range(count))
        settings = "ansible_host: 127.0.0.1, ansible_port: 1"
        Path(folder, "hosts.yml").write_text(f"all:\n  vars: {{{settings}}}\n  hosts:\n{hosts}")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "LOCKSTEP_"))}
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "hosts.yml", "lockstep.patching.detect"]
        done = subprocess.run(
            command,
            cwd=folder,
            env={**kept, "HOME": folder, "ANSIBLE_CONFIG": str(CHECKOUT / "tests" / "plain.cfg")},
            capture_output=True,
            text=True,
            check=False,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if "gave no answer" not in done.stdout:
        sys.exit(done.stdout + done.stderr)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=int, default=10_000, help="hosts of the rollout that is played (10000)")
    parser.add_argument("--real", type=int, default=(40, 240), nargs=2, help="hosts of the two real runs (40 240)")
    chosen = parser.parse_args()
    init_plugin_loader()
    context.CLIARGS = CLIArgs({"forks": 50})
    cpu, events, drawn = simulate(chosen.hosts)
    few, many = sorted(chosen.real)
    per_host = (real(many) - real(few)) / (many - few)  # without what a run costs whatever its hosts
    share = cpu / events / per_host
    figures = {
        "hosts": chosen.hosts,
        "events": events,
        "cpu_s": round(cpu, 2),
        "event_us": round(cpu / events * 1e6, 1),
        "drawn_bytes": drawn,
        "host_and_task_ms": round(per_host * 1000, 2),
        "share_percent": round(share * 100, 3),
        "limit_percent": LIMIT * 100,
    }
    print(json.dumps(figures, indent=1))
    output = CHECKOUT / "tests" / "output"
    output.mkdir(exist_ok=True)
    (output / "benchmark-progress.json").write_text(json.dumps(figures, indent=1) + "\n")
    return int(share > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
