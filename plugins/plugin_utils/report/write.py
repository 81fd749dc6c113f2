# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put a view into a folder: HTML, JSON and CSV, each file replaced in one step, so that nobody reads half of one."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.assess_tables import assess_files
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.page import page
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.tables import csv_files

KINDS = ("html", "json", "csv")
STEM = {"detect": "detect", "rollout": "report", "assess": "assess"}


class ReportError(LockstepError):
    """The report could not be written."""


def write(view: dict[str, Any], directory: str, kinds: Iterable[str] = KINDS) -> dict[str, str]:
    """Write the view and return the paths: `{"html": path, "json": path, "hosts_csv": path, "packages_csv": path, …}`.

    The names are stable: `detect.html`, `detect.json`, `detect-hosts.csv`, … of fleet_view and `report.html`,
    `report.json`, `report-hosts.csv`, … of rollout_view. Raises ReportError where a file cannot be written, and
    ValueError for a kind that is none of KINDS.
    """
    kinds = tuple(kinds)
    wrong = sorted(set(kinds) - set(KINDS))
    if wrong:
        raise ValueError(f"a report has no kind {', '.join(wrong)}; kinds are {', '.join(KINDS)}")
    stem = STEM[view["kind"]]
    directory = os.path.abspath(directory)
    _make(directory)
    files = assess_files if view["kind"] == "assess" else csv_files
    tables = files(view) if "csv" in kinds else {}
    paths: dict[str, str] = {}
    if "csv" in kinds:
        paths.update(
            (f"{name}_csv", _replace(directory, f"{stem}-{name}.csv", content)) for name, content in tables.items()
        )
    if "json" in kinds:
        text = json.dumps(view, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        paths["json"] = _replace(directory, f"{stem}.json", text + "\n")
    if "html" in kinds:
        # only links to files that are there
        beside = [f"{stem}.json"] * ("json" in kinds) + [f"{stem}-{name}.csv" for name in tables]
        paths["html"] = _replace(directory, f"{stem}.html", page(view, beside))
    return paths


def _make(directory: str) -> None:
    try:
        if not os.path.isdir(directory):
            os.makedirs(directory)
            os.chmod(directory, 0o755)  # whatever the umask: others than the operator read reports
    except OSError as error:
        raise _error("the report folder", directory, error) from error


def _replace(directory: str, name: str, content: str) -> str:
    path = os.path.join(directory, name)
    partial = None
    try:
        handle, partial = tempfile.mkstemp(prefix=f".{name}.", dir=directory)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(partial, 0o644)
        os.replace(partial, path)
    except OSError as error:
        if partial is not None and os.path.lexists(partial):
            os.unlink(partial)
        raise _error("the report", path, error) from error
    return path


def _error(what: str, path: str, error: OSError) -> ReportError:
    why = f"{what} could not be written: {error.strerror or error}"
    return ReportError(why, path, "free space, or set lockstep_report_dir to a folder that you may write")
