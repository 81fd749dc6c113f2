# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Views as CSV for spreadsheets. Pure: texts in, texts out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.report.times import iso

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def cell(value: Any) -> str:
    """One cell. None is `unknown`, never empty or 0; text that a spreadsheet would run as a formula gets an
    apostrophe before it."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple)):
        value = "; ".join(str(item) for item in value)
    text = str(value)
    return "'" + text if text.lstrip(" ").startswith(_FORMULA) else text


def table(header: list[str], rows: Iterable[list[Any]]) -> str:
    """CSV as RFC 4180 has it, with a header line."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows([cell(value) for value in row] for row in rows)
    return out.getvalue()


def csv_files(view: dict[str, Any]) -> dict[str, str]:
    """`{name: content}` of every table of a view."""
    files = _detect(view) if view["kind"] == "detect" else _rollout(view)
    if view["outside"]:
        rows = ([host, row["what"], row["why"], row["next"]] for row in view["outside"] for host in row["hosts"])
        files["outside"] = table(["host", "what", "why", "next"], rows)
    return files


def _reasons(items: list[dict[str, str]], key: str) -> str:
    return "; ".join(dict.fromkeys(item[key] for item in items))


def _detect(view: dict[str, Any]) -> dict[str, str]:
    hosts = [
        [
            row["host"],
            row["status"],
            row["os"],
            row["platform"],
            row["groups"],
            iso(row["seen_ms"]),
            row["security"],
            row["other"],
            row["reboot"],
            row["reboot_reasons"],
            row["services"],
            [item["name"] for item in row["outdated"]],
            row["held"],
            row["index_state"],
            None if row["index_fetched_ms"] is None else iso(row["index_fetched_ms"]),
            None if row["last_patched_ms"] is None else iso(row["last_patched_ms"]),
            row["history_missing"] or "",
            row["kernel"]["running"],
            _reasons(row["unknown"], "why"),
            _reasons(row["unknown"], "next"),
        ]
        for row in view["hosts"]
    ]
    header = [
        "host",
        "status",
        "os",
        "platform",
        "groups",
        "seen",
        "security_pending",
        "other_pending",
        "reboot",
        "reboot_reasons",
        "services_on_old_files",
        "services",
        "held",
        "index_state",
        "index_fetched",
        "last_patched",
        "history_missing",
        "kernel_running",
        "unknown",
        "next",
    ]
    names = ["package", "arch", "source", "action", "installed", "version", "security"]
    names += ["type", "type_note", "origin", "phased", "kept_back"]
    files = {
        "hosts": table(header, hosts),
        "packages": table(["host", *names], _steps(view, names)),
        "holds": table(
            ["host", "package", "kind", "reason", "where"],
            (
                [row["host"], hold["package"], hold["kind"], hold["reason"], hold["where"]]
                for row in view["hosts"]
                for hold in row["holds"]
            ),
        ),
    }
    if view["drift"]:
        files["untested"] = table(
            ["package", "arch", "version", "before", "first", "hosts"],
            (
                [row["package"], row["arch"], row["version"], row["from_versions"], iso(row["first_ms"]), row["hosts"]]
                for row in view["drift"]["rows"]
            ),
        )
    return files


def _steps(view: dict[str, Any], names: list[str]) -> Iterator[list[Any]]:
    # an absent version is a fact (not installed before, removed after), not an unknown
    absent = {"installed": "", "version": "", "phased": "", "kept_back": "", "before": "", "after": "", "planned": ""}
    for row in view["hosts"]:
        for number in row["steps"]:
            step = view["steps"][number]
            yield [row["host"], *(absent.get(name) if step[name] is None else step[name] for name in names)]


def _rollout(view: dict[str, Any]) -> dict[str, str]:
    plan = view["plan"]["id"]
    hosts = (
        [
            row["host"],
            row["ring"] or "",
            row["platform"],
            row["status"],
            row["phase"] or "",
            row["reason"] or "",
            row["next"] or "",
            row["reboot"],
            row["boot_before"],
            row["boot_after"],
            row["kernel"] or "",
            len(row["steps"]) if row["steps_known"] else None,
            row["left"],
            [f"{item['check']}: {'ok' if item['ok'] else 'failed'}" for item in row["findings"]],
            row["notes"],
            None if row["ms"] is None else iso(row["ms"]),
            plan,
        ]
        for row in view["hosts"]
    )
    header = [
        "host",
        "ring",
        "platform",
        "status",
        "phase",
        "reason",
        "next",
        "reboot",
        "boot_before",
        "boot_after",
        "kernel",
        "packages",
        "left",
        "findings",
        "notes",
        "recorded",
        "plan",
    ]
    names = ["package", "arch", "source", "action", "before", "after", "planned", "result", "security"]
    names += ["type", "type_note", "origin"]
    left = (
        [host, row["package"], row["arch"], row["version"] or "", row["why"], row["next"] or ""]
        for row in view["left"]
        for host in row["hosts"]
    )
    return {
        "hosts": table(header, hosts),
        "packages": table(["host", *names], _steps(view, names)),
        "left": table(["host", "package", "arch", "version", "why", "next"], left),
    }
