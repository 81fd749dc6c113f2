# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A lab of real hosts with a policy, a ledger and a store of its own, and playbooks run against it as a user would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "molecule" / "shared"))

from lab import Lab  # noqa: E402

BIN = Path(sys.executable).parent
POLICY = """\
rings:
  - {name: test, hosts: ring_test, soak: 0h}
  - {name: production, hosts: ring_production, soak: 0h, batch: 100%}
"""


class Result(NamedTuple):
    """What a playbook run left."""

    status: int
    output: str

    @property
    def closing(self) -> str:
        """The last line of the output."""
        lines = [line for line in self.output.splitlines() if line.strip()]
        return lines[-1] if lines else ""


class Fleet:
    """Hosts and everything that a controller keeps about them."""

    def __init__(self, folder: Path, lab: Lab) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.lab = lab
        self.inventory = lab.inventory
        self.policy = folder / "policy.yml"
        self.policy.write_text(POLICY)
        self.ledger = folder / "ledger.db"
        self.prefix: list[str] = []
        """What comes before ansible-playbook on the command line."""
        self.ledger_url = f"sqlite:///{self.ledger}"
        self.reports = folder / "report"

    def command(self, playbook: str, *arguments: str) -> list[str]:
        """Arguments of ansible-playbook; playbook is a name of ours or a path."""
        name = playbook if "/" in playbook else f"lockstep.patching.{playbook}"
        given = {
            "lockstep_policy": str(self.policy),
            "lockstep_ledger": self.ledger_url,
            "lockstep_store": str(self.folder / "store"),
            "lockstep_report_dir": str(self.reports),
        }
        extra = [text for key, value in given.items() for text in ("-e", f"{key}={value}")]
        return [*self.prefix, str(BIN / "ansible-playbook"), "-i", self.inventory, *extra, name, *arguments]

    def environment(self, **changes: str) -> dict[str, str]:
        """The environment of a plain shell: no setting of the developer's own."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "LOCKSTEP_"))}
        home = {
            "ANSIBLE_CONFIG": str(CHECKOUT / "tests" / "plain.cfg"),
            "ANSIBLE_HOME": str(self.folder / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return {**kept, **home, "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.folder / "cp"), **changes}

    def play(self, playbook: str, *arguments: str, timeout: float = 600, **env: str) -> Result:
        """Run a playbook to its end."""
        done = subprocess.run(
            self.command(playbook, *arguments),
            cwd=self.folder,
            env=self.environment(**env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=timeout,
        )
        return Result(done.returncode, done.stdout)

    def start(self, playbook: str, *arguments: str, **env: str) -> subprocess.Popen[str]:
        """Start a playbook in a session of its own, so that a test can kill the controller."""
        log = open(self.folder / f"{playbook}.log", "w")  # noqa: SIM115 - the process keeps it
        return subprocess.Popen(
            self.command(playbook, *arguments),
            cwd=self.folder,
            env=self.environment(**env),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def versions(self, host: str, package: str) -> str:
        """The version that dpkg has on the host itself, "" when it is not installed."""
        return self.lab.host(host).version(package)

    def report(self) -> dict[str, Any]:
        """The JSON report."""
        return json.loads((self.reports / "report.json").read_text())
