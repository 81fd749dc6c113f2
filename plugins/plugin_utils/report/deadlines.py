# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Deadlines kept, missed and open in a period, as CSV; written row by row, since a fleet has many."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.report.tables import cell
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.text import say
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.times import iso
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.write import ReportError

NAME = "assess-deadlines.csv"
HEADER = (
    "host",
    "vulnerability",
    "package",
    "installed",
    "decision",
    "opened",
    "deadline",
    "closed",
    "why",
    "outcome",
    "deadline_changes",
    "from",
    "to",
)


def write_deadlines(directory: str, rows: Iterable[tuple[str, Any]], from_ms: int, to_ms: int) -> str:
    """Write the rows (host, life) of `policy.risk.deadlines` and return the path; ReportError where it cannot be."""
    path = os.path.join(os.path.abspath(directory), NAME)
    partial = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(partial, "w", encoding="utf-8", newline="") as handle:
            writer = csv.writer(handle)
            writer.writerow(HEADER)
            for host, life in rows:
                texts = (host, life.vuln, life.source, life.version, life.decision)
                writer.writerow(
                    [
                        *(cell(say(text)) for text in texts),
                        iso(life.opened_ms),
                        "none" if life.due_ms is None else iso(life.due_ms),
                        "" if life.closed_ms is None else iso(life.closed_ms),
                        life.why,
                        life.outcome,
                        life.changes,
                        iso(from_ms),
                        iso(to_ms),
                    ]
                )
        os.chmod(partial, 0o644)
        os.replace(partial, path)
    except OSError as error:
        raise ReportError(
            f"the deadlines could not be written: {error.strerror or error}",
            path,
            "free space, or set lockstep_report_dir to a folder that you may write",
        ) from error
    finally:
        if os.path.exists(partial):
            os.unlink(partial)
    return path
