# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Call the host modules as the actions do, over SSH, on lab hosts."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from fleet import BIN, Lab

HERE = Path(__file__).resolve().parent
PLAN = "0f" * 32


class Modules:
    """The modules on one host of a lab, and plan lines of the lab's packages."""

    def __init__(self, lab: Lab, name: str, folder: Path) -> None:
        self.lab, self.name, self.folder = lab, name, folder
        self.host = lab.host(name)
        self.number = 0

    def start(self, module: str, check: bool = False, **given: Any) -> tuple[subprocess.Popen[str], Path]:
        """Start a module; returns ansible's process and where the result will be."""
        self.number += 1
        result = self.folder / f"{self.name}-{self.number}.json"
        arguments = {"module": module, "given": json.dumps(given), "result": str(result)}
        kept = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
        environment = {
            **kept,
            "ANSIBLE_HOME": str(self.folder / "ansible"),
            "ANSIBLE_ACTION_PLUGINS": str(HERE / "bare"),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.folder / "cp"),
            "ANSIBLE_NOCOLOR": "1",
        }
        command = [str(BIN / "ansible"), "-i", self.lab.inventory, self.name, "-m", "bare", "-a", json.dumps(arguments)]
        process = subprocess.Popen(
            command + (["--check"] if check else []),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return process, result

    def call(self, module: str, check: bool = False, **given: Any) -> dict[str, Any]:
        """Run a module to its end and return its result."""
        process, result = self.start(module, check, **given)
        output = process.communicate(timeout=600)[0]
        assert result.exists(), output
        answer = json.loads(result.read_text())
        assert not answer.get("failed"), answer
        return answer

    def lines(self, version: str, *names: str, action: str = "upgrade") -> list[dict[str, Any]]:
        """Plan lines of published packages."""
        return [self.line(name, version, action) for name in names]

    def line(self, name: str, version: str, action: str = "upgrade") -> dict[str, Any]:
        item = next(each for each in self.lab.repo._items() if (each["name"], each["version"]) == (name, version))
        path = self.lab.repo.www / item["file"]
        known = {"platform": "lab", "source": name, "source_version": version, "security": True, "phased": None}
        known.update(origin="Lab", label="Lab", codename="lab", component="main")
        size, checksum = path.stat().st_size, self.lab.repo.sha256(name, version)
        wanted = {"package": name, "arch": "all", "action": action, "from": ["1.0"], "version": version}
        return {**known, **wanted, "size": size, "sha256": checksum}

    def acquire(self, lines: list[dict[str, Any]], token: int = 1, check: bool = False, **more: Any) -> dict[str, Any]:
        return self.call("acquire", check, plan_id=PLAN, ledger_id="lab", token=token, lines=lines, **more)

    def request(self, lines: list[dict[str, Any]], transaction: str, token: int = 1, **more: Any) -> dict[str, Any]:
        return {"plan_id": PLAN, "ledger_id": "lab", "token": token, "lines": lines, "transaction": transaction, **more}

    def transact(
        self, lines: list[dict[str, Any]], transaction: str = "t1", token: int = 1, check: bool = False, **more: Any
    ) -> dict[str, Any]:
        return self.call("transaction", check, **self.request(lines, transaction, token, **more))
