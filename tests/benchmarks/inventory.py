# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The inventory plugin beside an inventory script and `constructed`, in turn, in one run, without any host.

One CMDB export with rules, ranges and a ledger that knows every host. The script prints the finished JSON of the same
inventory; `constructed` makes the same groups of the same variables. Prints seconds, memory and ratios (of CPU
seconds), and writes tests/output/benchmark-inventory.json. Exit status 1 when a ratio or the memory is above its limit.
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
from typing import NamedTuple

import sqlalchemy as sa

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger, content, schema

CHECKOUT = Path(__file__).resolve().parents[2]
NOW_MS = time.time_ns() // 1_000_000
SCRIPT_LIMIT, CONSTRUCTED_LIMIT, MEMORY_LIMIT_MB, LINEAR_LIMIT = 1.3, 0.1, 1024, 1.3
LIST_HOSTS, INVENTORY = ("ansible", "all", "--list-hosts"), ("ansible-inventory", "--list")
SOURCE = """\
plugin: lockstep.patching.fleet
ledger: {folder}/ledger.db
sources:
  - file: cmdb.csv
    fields: {{name: name, address: address, owner: owner, service: service, role: role, rack: rack}}
ranges:
{ranges}
rules:
  class:
    - {{when: "cmdb.role == 'db'", is: database}}
    - {{when: "cmdb.role == 'app'", is: application}}
    - {{is: server}}
  criticality:
{criticality}
    - {{when: "exposure == 'internet'", is: high}}
    - {{when: "site == 'site3' || site == 'site4'", is: low}}
    - {{is: normal}}
  owner:
    - {{when: "owner == ''", is: nobody}}
  ring:
    - {{when: "starts_with(name, 'host0000')", is: test}}
    - {{when: "criticality == 'low'", share: 20%, is: early}}
    - {{when: "criticality == 'normal'", share: 30%, is: early}}
    - {{when: "class == 'database'", is: late}}
    - {{is: production}}
"""


class Took(NamedTuple):
    """What a command took: wall seconds, seconds of CPU (which say more on a machine with other work), peak memory."""

    seconds: float
    cpu: float
    megabytes: float


def hosts(folder: Path, count: int) -> None:
    """The export, the ledger and the source file."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["name,address,owner,service,role,rack"]
    for at in range(count):
        address = f"10.{at % 200}.{at // 200 % 256}.{at % 250 + 1}"
        role = ("web", "db", "app", "web")[at % 4]
        lines.append(f"host{at:05d}.example.org,{address},team {at % 50},svc{at % 100},{role},R{at % 300}")
    (folder / "cmdb.csv").write_text("\n".join(lines) + "\n")
    ranges = [
        f"  - {{range: 10.{at}.0.0/16, site: site{at % 20}, zone: zone{at % 5}, exposure: "
        f"{'internet' if at % 10 == 0 else 'internal'}}}"
        for at in range(200)
    ]
    criticality = [f"    - {{when: \"contains(service, 'svc{at}')\", is: high}}" for at in range(10)]
    source = SOURCE.format(folder=folder, ranges="\n".join(ranges), criticality="\n".join(criticality))
    (folder / "cmdb.fleet.yml").write_text(source)
    know(folder / "ledger.db", count)


def know(path: Path, count: int) -> None:
    """A ledger in which every host has answered a minute ago."""
    with Ledger.open(f"sqlite:///{path}") as ledger:
        token = ledger.begin_run("default", "detect", "benchmark", None, "here", None, NOW_MS)
        platforms = [f"debian-{11 + at % 3}-amd64-{at:08x}" for at in range(6)]
        packed = {
            name: content.pack({"id": name, "os": "debian", "version": name.split("-")[1], "arch": "amd64"})
            for name in platforms
        }
        answers = [
            content.pack(
                {
                    "supported": True,
                    "pending": at % 40,
                    "security": at % 3,
                    "reboot": "yes" if at % 7 == 0 else "no",
                    "reboot_reasons": ["a newer kernel is installed"] if at % 7 == 0 else [],
                    "last_patched_ms": NOW_MS - at * 1000,
                    "platform": platforms[at % 6],
                    "unknown": [],
                }
            )
            for at in range(count)
        ]
        with ledger.database.write() as connection:
            content.store(connection, {item.digest: item for item in [*packed.values(), *answers]})
            rows = [
                {
                    "id": at + 1,
                    "fleet": "default",
                    "name": f"host{at:05d}.example.org",
                    "incarnation": 1,
                    "fingerprint": "{}",
                    "platform": platforms[at % 6],
                    "look_ms": NOW_MS - 60_000,
                    "tried_ms": NOW_MS - 60_000,
                    "tried_token": token,
                    "answer": answers[at].digest,
                }
                for at in range(count)
            ]
            connection.execute(sa.insert(schema.hosts), rows)
            parts = [
                {"host_id": at + 1, "section": "platform", "digest": packed[platforms[at % 6]].digest}
                for at in range(count)
            ]
            connection.execute(sa.insert(schema.sections), parts)


def run(folder: Path, bin_folder: Path, command: tuple[str, ...], *sources: str) -> tuple[Took, str]:
    """Seconds and peak memory of one command, and its output."""
    given = [text for source in sources for text in ("-i", str(folder / source))]
    start = time.monotonic()
    done = subprocess.run(
        ["/usr/bin/env", "time", "-f", "%U %S %M", str(bin_folder / command[0]), *given, *command[1:]],
        cwd=folder,
        env={**os.environ, "ANSIBLE_CONFIG": str(CHECKOUT / "tests" / "plain.cfg"), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - start
    if done.returncode or "WARNING" in done.stderr:
        sys.exit(f"{command} {sources} failed:\n{done.stderr[-3000:]}")
    user, system, memory = done.stderr.split()[-3:]
    return Took(seconds, float(user) + float(system), int(memory) / 1024), done.stdout


def groups(text: str) -> dict[str, set[str]]:
    """Hosts of each group that has some."""
    data = json.loads(text)
    return {name: set(group["hosts"]) for name, group in data.items() if name != "_meta" and group.get("hosts")}


def baselines(folder: Path, finished: str) -> None:
    """A script that prints the finished inventory, and a constructed source over a script that prints hosts only."""
    (folder / "finished.json").write_text(finished)
    data = json.loads(finished)
    bare = {"all": {"hosts": list(data["_meta"]["hostvars"])}, "_meta": data["_meta"]}
    (folder / "bare.json").write_text(json.dumps(bare))
    for name in ("finished", "bare"):
        script = folder / f"{name}.sh"
        script.write_text(f"#!/bin/sh\nexec cat {folder}/{name}.json\n")
        script.chmod(0o755)
    keyed = [
        {"key": f"lockstep_{key}", "prefix": key}
        for key in ("class", "site", "zone", "exposure", "criticality", "service", "ring", "platform")
    ]
    keyed += [{"key": "lockstep_os | split | first", "prefix": "os"}, {"key": "lockstep_os", "prefix": "os"}]
    source = {
        "plugin": "ansible.builtin.constructed",
        "strict": True,
        "keyed_groups": keyed,
        "groups": {
            "state_security_pending": "lockstep_security > 0",
            "state_reboot_needed": "lockstep_reboot_needed == 'yes'",
        },
    }
    (folder / "constructed.yml").write_text(json.dumps(source))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=50_000, help="for memory and growth; 0 leaves it out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bin", type=Path, default=Path(sys.executable).parent, help="where ansible-inventory is")
    arguments = parser.parse_args()
    figures: dict[str, object] = {"hosts": arguments.hosts, "cpus": os.cpu_count()}
    wrong = []
    with tempfile.TemporaryDirectory(prefix="lockstep-bench-") as name:
        folder = Path(name, "hosts")
        hosts(folder, arguments.hosts)
        _took, finished = run(folder, arguments.bin, INVENTORY, "cmdb.fleet.yml")
        baselines(folder, finished)
        members = groups(finished)
        print(f"{sum(map(len, members.values())) / arguments.hosts:.1f} groups a host, {len(members)} groups")
        for command in (LIST_HOSTS, INVENTORY):
            took: dict[str, list[Took]] = {"ours": [], "script": []}
            for _round in range(arguments.rounds):
                took["ours"].append(run(folder, arguments.bin, command, "cmdb.fleet.yml")[0])
                took["script"].append(run(folder, arguments.bin, command, "finished.sh")[0])
            ours, script = (statistics.median(each.cpu for each in took[name]) for name in ("ours", "script"))
            wall = [statistics.median(each.seconds for each in took[name]) for name in ("ours", "script")]
            print(
                f"{command[0]}: CPU ours {ours:.2f} s, script {script:.2f} s, ratio {ours / script:.2f}"
                f" ({SCRIPT_LIMIT}); wall {wall[0]:.2f} and {wall[1]:.2f} s"
            )
            figures[command[0]] = {name: [each._asdict() for each in many] for name, many in took.items()}
            if ours / script > SCRIPT_LIMIT:
                wrong.append(command[0])
            if command is LIST_HOSTS:
                built, _text = run(folder, arguments.bin, command, "bare.sh", "constructed.yml")
                print(f"constructed: CPU {built.cpu:.1f} s, ours is {ours / built.cpu:.3f} of it ({CONSTRUCTED_LIMIT})")
                figures["constructed"] = built._asdict()
                if ours / built.cpu > CONSTRUCTED_LIMIT:
                    wrong.append("constructed")
        if arguments.many:
            many = Path(name, "many")
            hosts(many, arguments.many)
            large = run(many, arguments.bin, LIST_HOSTS, "cmdb.fleet.yml")[0]
            small = run(folder, arguments.bin, LIST_HOSTS, "cmdb.fleet.yml")[0]
            growth = (large.cpu / small.cpu) / (arguments.many / arguments.hosts)
            print(f"{arguments.many} hosts: CPU {large.cpu:.1f} s, {large.megabytes:.0f} MB; {growth:.2f} of linear")
            figures["many"] = {"hosts": arguments.many, **large._asdict(), "of_linear": growth}
            if large.megabytes > MEMORY_LIMIT_MB or growth > LINEAR_LIMIT:
                wrong.append("many")
    output = CHECKOUT / "tests" / "output"
    output.mkdir(exist_ok=True)
    (output / "benchmark-inventory.json").write_text(json.dumps(figures, indent=1) + "\n")
    print("above its limit: " + ", ".join(wrong) if wrong else "within every limit")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
