# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a lab remembers on disk. It is written before each effect, so that a crash leaves nothing unknown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .errors import LabError
from .names import LabNames, state_dir
from .shell import write_atomic

SCHEMA = 1


def load(names: LabNames) -> dict[str, Any]:
    """The state of a lab: {} when there is none. LabError when it was written by another version."""
    path = names.state / "state.json"
    if not path.is_file():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as exc:
        raise LabError(f"{path} cannot be read: {exc}", f"lab.py down --name {names.lab}") from exc
    if data.get("schema") != SCHEMA:
        raise LabError(f"{path} is from another version of the lab", f"lab.py down --name {names.lab}")
    return data


def save(names: LabNames, data: dict[str, Any]) -> None:
    """Write the state so that it survives a crash at any moment."""
    write_atomic(names.state / "state.json", json.dumps({**data, "schema": SCHEMA}, indent=1) + "\n", 0o600)


def labs() -> list[str]:
    """Names of all labs that have a folder."""
    folder = state_dir()
    return (
        sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")) if folder.is_dir() else []
    )


def lab_of(path: str) -> str:
    """Name of the lab whose state folder this is; "" when it is not one of ours."""
    candidate = Path(path)
    return candidate.name if candidate.parent == state_dir() else ""
