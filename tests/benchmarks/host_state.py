# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One look at a host beside the package manager's own check for updates, each by one Ansible command, in turn.

With what the host has (cached), and with a fetch of the metadata. Prints the medians; exit status 1 when a look takes
more than 1.3 times the check and 0.5 s besides.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[0] / "integration"))

from fleet import BIN, Lab  # noqa: E402
from modules import Modules  # noqa: E402

CHECKS = {
    "dnf": {"cached": "dnf -q -C check-update", "fetched": "dnf -q --refresh check-update"},
}
"""By the lab's base. dnf ends with 100 where something is pending."""
FACTOR, MORE = 1.3, 0.5
PACKAGES = 60


def publish(lab: Lab) -> None:
    """A host and a repository that are no toys, as far as a minute of building goes: each package twice."""
    with lab.repo.rpm.batch() as rpms:
        for number in range(PACKAGES):
            for version in ("1.0", "1.1"):
                rpms.publish(f"bench-{number:02}", version, files=((f"/usr/share/bench-{number:02}", version),))


def command(one: Modules, line: str) -> float:
    """Wall seconds of a shell line on the host, by Ansible."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    home = {"ANSIBLE_HOME": str(one.folder / "ansible"), "ANSIBLE_SSH_CONTROL_PATH_DIR": str(one.folder / "cp")}
    argv = [str(BIN / "ansible"), "-i", one.lab.inventory, one.name, "-m", "ansible.builtin.shell"]
    start = time.monotonic()
    done = subprocess.run(
        [*argv, "-a", line + "; test $? = 100"], env={**kept, **home}, capture_output=True, text=True, check=False
    )
    seconds = time.monotonic() - start
    if done.returncode:
        sys.exit(f"{line} failed:\n{done.stdout[-2000:]}{done.stderr[-1000:]}")
    return seconds


def look(one: Modules, refresh: str) -> float:
    start = time.monotonic()
    answer = one.call("host_state", refresh=refresh)["answer"]
    seconds = time.monotonic() - start
    if answer["pending"] is None or answer["pending"] < PACKAGES:
        sys.exit(f"the look did not see what is pending: {answer}")
    return seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    slow = []
    for base, lines in CHECKS.items():
        with tempfile.TemporaryDirectory(prefix="lockstep-bench-") as folder, Lab("bench") as lab:
            lab.up({"bench1": base})
            publish(lab)
            lab.refresh()
            host = lab.host("bench1")
            host.run(f"dnf -q -y install $(seq -f 'bench-%02g-1.0' 0 {PACKAGES - 1})")
            one = Modules(lab, "bench1", Path(folder))
            for kind, line in lines.items():
                refresh = {"cached": "never", "fetched": "always"}[kind]
                command(one, line)
                look(one, refresh)
                theirs, ours = [], []
                for _round in range(rounds):
                    theirs.append(command(one, line))
                    ours.append(look(one, refresh))
                check, mine = statistics.median(theirs), statistics.median(ours)
                limit = FACTOR * check + MORE
                print(f"{base} {kind}: host_state {mine:.2f} s, {line}: {check:.2f} s, limit {limit:.2f} s", flush=True)
                if mine > limit:
                    slow.append((base, kind))
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
