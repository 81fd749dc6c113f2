# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Playbooks run as a user runs them, on hosts that are this process's own folders (local connection)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

BIN = Path(sys.executable).parent
CHECKOUT = Path(__file__).resolve().parents[3]
HOSTS = ["web1", "web2", "web3"]


class Result(NamedTuple):
    status: int
    output: str

    @property
    def lines(self) -> list[str]:
        return [line for line in self.output.splitlines() if line.strip()]


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., Result]:
    """`play(what, *arguments, **env)`: what is the name of a playbook of ours, or plays as Python data."""
    inventory = {
        "all": {
            "vars": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable},
            "hosts": dict.fromkeys(HOSTS, {}),
            "children": {
                "ring_test": {"hosts": {"web1": {}}},
                "ring_production": {"hosts": {"web2": {}, "web3": {}}},
                "empty": {},
            },
        }
    }
    (tmp_path / "hosts.json").write_text(json.dumps(inventory))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "LOCKSTEP_"))}
    environment = {
        **kept,
        "HOME": str(tmp_path),
        "ANSIBLE_CONFIG": str(CHECKOUT / "tests" / "plain.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    def run(what: str | list[Any], *arguments: str, **env: str) -> Result:
        name = f"lockstep.patching.{what}"
        if not isinstance(what, str):
            name = str(tmp_path / "site.yml")
            (tmp_path / "site.yml").write_text(json.dumps(what))
        done = subprocess.run(
            [str(BIN / "ansible-playbook"), "-i", "hosts.json", name, *arguments],
            cwd=tmp_path,
            env={**environment, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        return Result(done.returncode, done.stdout)

    return run
