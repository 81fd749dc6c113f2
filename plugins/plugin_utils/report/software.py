# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Software of the fleet as a terminal table, CSV and JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.report.layout import Cell, Layout
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.tables import table
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.text import names, plural
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.times import age, iso, utc

ROWS = 60
HEADER = ["host", "kind", "name", "version", "arch", "source", "vendor", "os", "in_use", "exposed", "offered"]
HEADER += ["seen", "imported"]


def csv_text(items: Iterable[dict[str, Any]]) -> str:
    """One line for each piece of software on each host."""
    return table(
        HEADER,
        (
            [
                item["host"],
                item["kind"],
                item["name"],
                item["version"],
                item["arch"],
                item["source"],
                item["vendor"],
                item["release"],
                item["in_use"],
                item["exposed"],
                item["offered"],
                iso(item["seen_ms"]),
                item["imported"],
            ]
            for item in items
        ),
    )


def text(view: dict[str, Any], columns: int, color: bool) -> str:
    """The installations by version, for a terminal."""
    out = Layout(columns, color)
    out.heading(f"Software of fleet {view['fleet']}, {utc(view['generated_ms'])}")
    asked = [f"{key} {value}" for key, value in view["query"].items() if value]
    out.fact("Asked for", [(", ".join(asked) or "everything", "")])
    found = [(f"{len(view['software']):,} found", "bold"), (f"on {plural(view['hosts_with'], 'host')}", "")]
    out.fact("Answer", [*found, (f"of {view['hosts_known']:,} that are known", "")])
    if view["oldest_ms"]:
        out.fact("Oldest look", [(age(view["oldest_ms"], view["generated_ms"]), "")])
    if view["imported"]:
        out.fact("Imported", [(names(view["imported"], 5), "info")])
    if view["unknown"]:
        out.fact(
            "Unknown", [(f"{plural(len(view['unknown']), 'host')} never looked at: {names(view['unknown'], 5)}", "unk")]
        )
    one = len({row["release"] for row in view["software"]}) == 1
    rows: list[Any] = []
    left = 0
    for row in view["software"]:
        for at, version in enumerate(row["versions"]):
            if len(rows) >= ROWS:
                left += 1
                continue
            rows.append(_row(row, version, first=at == 0, one=one))
    if rows:
        out.blank()
        head = ["software", "for", "version", "hosts", "in use", "newest known"]
        out.table(head[:1] + head[1 + one :], rows, {3 - one, 4 - one})
    out.more(left, "versions")
    return str(out)


def _row(row: dict[str, Any], version: dict[str, Any], first: bool, one: bool) -> list[Cell]:
    newest = {True: ("this", "ok"), False: (row["newest"] or "", "warn"), None: ("?", "unk")}[version["newest"]]
    used = (str(version["in_use"]), "bold" if version["in_use"] else "")
    if version["use_unknown"]:
        used = (f"{version['in_use']}+?" if version["in_use"] else "?", "unk")
    name = (row["name"] if first else "", "bold")
    release = [] if one else [(row["release"], "")]
    return [name, *release, (version["version"] or "?", ""), (f"{version['hosts']:,}", ""), used, newest]
