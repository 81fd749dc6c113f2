# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Standards and drift as a terminal table and CSV. Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.report.layout import Layout
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.tables import table
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.text import names, plural
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.times import utc

ROWS = 30


def csv_files(view: dict[str, Any]) -> dict[str, str]:
    """`{name: text}` of `standards-hosts.csv`, `standards-changes.csv` and `standards-endings.csv`."""
    hosts = [
        [row["standard"], row["host"], row["what"], row["name"], row["has"], row["wants"], row["unknown"]]
        for row in view["deviations"]
    ]
    changes = [
        [
            row["standard"],
            row["release"],
            row["name"],
            row["arch"],
            row["version"],
            row["has"],
            row["hosts"],
            row["unused"],
        ]
        for row in view["changes"]
    ]
    endings = [
        [row["what"], row["name"], row["stage"], row["ends"], row["days"], row["source"], row["hosts"]]
        for row in view["endings"]
    ]
    return {
        "standards-hosts.csv": table(["standard", "host", "what", "name", "has", "wants", "unknown"], hosts),
        "standards-changes.csv": table(
            ["standard", "os", "package", "arch", "version", "replaces", "hosts", "unused_on"], changes
        ),
        "standards-endings.csv": table(["what", "name", "stage", "ends", "days", "source", "hosts"], endings),
    }


def text(view: dict[str, Any], columns: int, color: bool) -> str:
    """The summary for a terminal."""
    out = Layout(columns, color)
    out.heading(f"Standards of fleet {view['fleet']}, {utc(view['generated_ms'])}")
    for row in view["standards"]:
        cells = [(plural(row["hosts"], "host"), "bold"), (f"{row['as_wanted']:,} as wanted", "ok")]
        cells += [(f"{row['off']:,} off by {row['distance']:,}", "warn")] * bool(row["off"])
        cells += [(f"{row['unknown']:,} unknown", "unk")] * bool(row["unknown"])
        out.fact(row["name"], cells)
    _list(out, "Off the standard", ["host", "what", "name", "has", "wants"], view["deviations"], 4)
    rows = [
        {**row, "on": f"{len(row['hosts'])} of {row['of']}", "old": ", ".join(row["has"])} for row in view["changes"]
    ]
    _list(out, "Fewest changes to one version", ["standard", "name", "version", "old", "on"], rows, 1)
    rows = [{**row, "left": _left(row["days"]), "on": names(list(row["hosts"]), 3)} for row in view["endings"]]
    _list(out, "End of support", ["name", "stage", "ends", "left", "on"], rows, 4)
    if view["eol_unlisted"]:
        out.blank()
        out.text(f"No date is known for {names(view['eol_unlisted'], 5)}.", "unk", indent=2)
    return str(out)


def _left(days: int) -> str:
    return f"{-days} d ago" if days < 0 else f"in {days} d"


def _list(out: Layout, title: str, columns: list[str], rows: list[dict[str, Any]], stretch: int) -> None:
    if not rows:
        return
    out.heading(title)
    shown = [[(str(row[name]), "unk" if row.get("unknown") else "") for name in columns] for row in rows[:ROWS]]
    out.table(columns, shown, set(), stretch)
    out.more(len(rows) - ROWS, "rows")
