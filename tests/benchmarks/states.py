# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What it costs the controller to keep the states of a big fleet: processor time and disk.

Every host has 1,500 packages of Debian's archive, and no two hosts have the same list, so that nothing is stored once
for many. The first time each host sends everything; the second time nothing has changed and hosts send digests alone.
Prints the figures and writes tests/output/states.json. Exit status 1 when one is above its limit.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import digest, pack, unpack_each
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger

CHECKOUT = Path(__file__).resolve().parents[2]
LIMITS = {"first_cpu_s": 60.0, "second_cpu_s": 15.0, "second_disk_percent": 5.0}
PER = 10_000
"""Hosts that the limits of time are for; fewer hosts have their share of it."""
PACKAGES = 1500
AT_ONCE = 100
FLEET = "default"


def base() -> list[dict[str, Any]]:
    """Packages as Debian's archive has them now, by this machine's own indexes (`apt-get update` fetches them)."""
    asked = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, text=True, check=True).stdout
    known: dict[str, dict[str, Any]] = {}
    for stanza in asked.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and line[0] != " ")
        if "Package" in fields:
            version = fields["Version"]
            source, _space, other = fields.get("Source", fields["Package"]).partition(" ")
            row = {"name": fields["Package"], "arch": fields["Architecture"], "version": version, "source": source}
            row |= {
                "source_version": other.strip("()") or version,
                "auto": True,
                "status": "installed",
                "vendor": "Debian",
            }
            known[row["name"]] = row
    if len(known) < PACKAGES:
        sys.exit(f"the package indexes of this machine name {len(known)} packages; run apt-get update first")
    chosen = random.Random(7).sample(sorted(known), PACKAGES)
    return [known[name] for name in sorted(chosen)]


def state(number: int, packages: list[dict[str, Any]]) -> dict[str, Any]:
    """A host state with the sections that a look has, in their real sizes."""
    own = list(packages)
    own[number % PACKAGES] = {**own[number % PACKAGES], "version": f"99.{number}-1"}
    events = [
        {
            "ms": 1_790_000_000_000 + at,
            "name": row["name"],
            "arch": "amd64",
            "action": "upgrade",
            "from": "1",
            "to": "2",
        }
        for at, row in enumerate(packages[:200])
    ]
    units = [
        {"name": f"unit{at}.service", "active": "active", "sub": "running", "result": "success"} for at in range(90)
    ]
    return {
        "os": {"id": "debian", "version": "12", "machine_id": f"{number:032x}", "hostname": f"host{number}"},
        "boot": {"boot_id": f"{number:032x}", "booted_ms": 1_790_000_000_000 + number, "kernel_running": "6.1.0-18"},
        "packages": own,
        "candidates": [],
        "health": {"units": units, "ports": [], "failed_units": []},
        "history": {"events": events, "last_patched_ms": number},
        "space": [{"path": "/", "what": "root", "free": number * 4096, "total": 10**11, "inodes_free": number}],
        "network": {"addresses": [f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"], "interfaces": []},
        "use": {"packages": {row["name"]: {"running": False, "mapped": True} for row in packages[:150]}},
    }


def store(ledger: Ledger, token: int, first: int, messages: list[tuple[dict[str, str], str]], now_ms: int) -> float:
    """Keep what hosts have sent, as the action host_state does; return the seconds of processor time."""
    begin = time.process_time()
    for number, (digests, text) in enumerate(messages, first):
        host = f"host{number}"
        ledger.known_digests(FLEET, host)
        sections, raw = unpack_each(text)
        given = {"digests": digests, "sections": sections, "raw": raw, "answer": {"pending": 0}}
        known = {"machine_id": sections["os"]["machine_id"]} if "os" in sections else {}
        ledger.record_look(FLEET, host, token, now_ms, fingerprint=known, platform="debian-12-amd64-1", **given)
    return time.process_time() - begin


def size(path: Path) -> int:
    return sum(each.stat().st_size for each in path.parent.glob(path.name + "*"))


def run(path: Path, hosts: int) -> dict[str, float]:
    packages = base()
    seconds = [0.0, 0.0]
    sizes = []
    named: dict[int, dict[str, str]] = {}  # nothing changes until the second time, so nothing is hashed again
    with Ledger.open(f"sqlite:///{path}") as ledger:
        for time_ in (0, 1):
            token = ledger.begin_run(FLEET, "detect", "bench", "", "bench", None, 1_795_000_000_000 + time_)
            for first in range(0, hosts, AT_ONCE):
                messages = []
                for number in range(first, min(first + AT_ONCE, hosts)):
                    if time_ == 0:
                        sections = state(number, packages)
                        named[number] = {name: digest(value) for name, value in sections.items()}
                    messages.append((named[number], pack({} if time_ else sections)))
                seconds[time_] += store(ledger, token, first, messages, 1_795_000_000_000 + time_)
            sizes.append(size(path))
    return {
        "hosts": hosts,
        "first_cpu_s": round(seconds[0], 1),
        "second_cpu_s": round(seconds[1], 1),
        "bytes_a_host": round(sizes[0] / hosts),
        "second_disk_percent": round((sizes[1] - sizes[0]) * 100 / sizes[0], 2),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=int, default=PER)
    hosts = parser.parse_args().hosts
    with tempfile.TemporaryDirectory(prefix="lockstep-bench-") as folder:
        figures = run(Path(folder, "ledger.db"), hosts)
    slow = []
    for name, limit in LIMITS.items():
        allowed = limit * hosts / PER if name.endswith("_s") else limit
        print(f"{name}: {figures[name]} (limit {allowed:.1f})")
        if figures[name] > allowed:
            slow.append(name)
    print(f"{hosts} hosts, {figures['bytes_a_host']} bytes of ledger each")
    output = CHECKOUT / "tests" / "output"
    output.mkdir(exist_ok=True)
    (output / "states.json").write_text(json.dumps({**figures, "cpus": os.cpu_count()}, indent=1) + "\n")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
