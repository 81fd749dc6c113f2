# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A view as a calm summary for a terminal or a log. Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.report.layout import Cell, Layout
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.terminal_assess import assess_lines
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.terminal_outside import outside_lines
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.terminal_rollout import rollout_lines
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.text import names, plural
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.times import age, day, utc

HOSTS, PLATFORMS, REASONS, VERSIONS = 25, 12, 8, 8
ANSWERS = {"answered": ("answered", "ok"), "partly": ("in part", "unk"), "stale": ("old", "unk")}


def terminal(view: dict[str, Any], width: int = 80, color: bool = False) -> str:
    """The summary, no line wider than `width` columns (40 at least); the closing line is not in it, as the run
    prints that last."""
    out = Layout(width, color)
    if view["kind"] == "rollout":
        rollout_lines(view, out)
        return str(out)
    if view["kind"] == "assess":
        assess_lines(view, out)
        return str(out)
    total = view["summary"]
    out.heading(f"Patch status of fleet {view['fleet']}, {utc(view['generated_ms'])}")
    _glance(total, view["generated_ms"], out)
    _table(view, out)
    _unknown(view, out)
    _drift(view, out)
    outside_lines(view, out)
    return str(out)


def _glance(total: dict[str, Any], now_ms: int, out: Layout) -> None:
    hosts = [(f"{total['hosts']:,}", "bold"), (f"{total['answered']:,} answered", "ok" if total["answered"] else "")]
    hosts += [(f"{total['partly']:,} in part", "unk")] * bool(total["partly"])
    hosts += [(f"{total['unreachable']:,} unreachable", "unk")] * bool(total["unreachable"])
    hosts += [(f"{total['stale']:,} not seen lately", "unk")] * bool(total["stale"])
    out.fact("Hosts", hosts)
    if not total["hosts"]:
        out.text("No host was looked at, so nothing is known. Check the inventory and --limit.", "unk", indent=2)
        return
    out.fact("Security updates", _tally(total["security"], "bad"))
    out.fact("Other updates", _tally(total["other"], "info"))
    reboot = total["reboot"]
    owed = [(f"{reboot['yes']:,} owed", "warn" if reboot["yes"] else "ok"), (f"{reboot['no']:,} not needed", "")]
    if not reboot["yes"] and not reboot["no"]:
        owed = []
    out.fact("Reboots", owed + [_unknown_hosts(reboot["unknown"])] * bool(reboot["unknown"]))
    out.fact("Services on old files", _tally(total["services"], "warn"))
    out.fact("Held packages", _tally(total["held"], "info"))
    indexes = [
        (f"{name} on {plural(count, 'host')}", "ok" if name == "ok" else "unk")
        for name, count in sorted(total["indexes"]["states"].items())
    ]
    if total["indexes"]["oldest_ms"]:
        indexes.append((f"oldest fetched {age(total['indexes']['oldest_ms'], now_ms)}", ""))
    out.fact("Package indexes", indexes)
    incomplete = total["history"]["incomplete"]
    out.fact(
        "Package logs",
        [(f"complete on {plural(total['history']['complete'], 'host')}", "")]
        + [(f"gaps on {incomplete:,}", "unk")] * bool(incomplete),
    )


def _unknown_hosts(count: int) -> Cell:
    return f"unknown on {plural(count, 'host')}", "unk"


def _tally(tally: dict[str, Any], css: str) -> list[Cell]:
    unknown = [_unknown_hosts(tally["hosts_unknown"])] * bool(tally["hosts_unknown"])
    if tally["count"] is None:
        return unknown or [("unknown", "unk")]
    least = "at least " if unknown and tally["count"] else ""
    if not tally["count"]:
        return [(f"0 on {plural(tally['hosts_without'], 'host')}", "ok"), *unknown]
    return [(f"{least}{tally['count']:,} on {plural(tally['hosts_with'], 'host')}", css), *unknown]


def _number(value: int | None, css: str, at_least: int = 0) -> Cell:
    if value is None:
        return (f"{at_least}+", css) if at_least else ("?", "unk")
    return f"{value:,}", css if value else ""


def _table(view: dict[str, Any], out: Layout) -> None:
    now_ms = view["generated_ms"]
    if not view["hosts"]:
        return
    if len(view["hosts"]) > HOSTS:
        _platforms(view, out)
    # what needs somebody comes first, when not all can be shown
    chosen = view["hosts"]
    if len(chosen) > HOSTS:
        chosen = sorted(
            chosen,
            key=lambda row: (-(row["security"] or 0), row["status"] == "answered", row["reboot"] != "yes", row["host"]),
        )[:HOSTS]
    out.heading(
        "Hosts"
        if len(chosen) == len(view["hosts"])
        else f"Hosts with most security updates ({len(chosen)} of {len(view['hosts']):,})"
    )
    rows = []
    for row in chosen:
        reboot = {"yes": ("yes", "warn"), "no": ("no", "")}.get(row["reboot"], ("?", "unk"))
        patched = "?" if row["last_patched_ms"] is None else day(row["last_patched_ms"])
        rows.append(
            [
                (row["host"], "bold"),
                _number(row["security"], "bad"),
                _number(row["other"], "info"),
                reboot,
                _number(row["services"], "warn", row["services_seen"]),
                _number(row["held"], ""),
                (patched, "unk" if patched == "?" else ""),
                ANSWERS.get(row["status"], ("unreachable", "unk")),
                (row["os"] or "", "soft"),
            ]
        )
    head = ["Host", "Security", "Other", "Reboot", "Services", "Held", "Last patched", "Answer", "System"]
    if out.columns < 110:
        head, rows = head[:-1], [row[:-1] for row in rows]
    out.table(head, rows, right={1, 2, 4, 5})
    out.more(len(view["hosts"]) - len(chosen), "hosts")
    if any(text == "?" for row in rows for text, _css in row):
        out.text("? is unknown: not 0, and not fine.", "soft", indent=2)
    oldest = view["summary"]["indexes"]["oldest_ms"]
    if oldest is not None and now_ms - oldest > 7 * 86_400_000:
        out.text(f"The oldest package index is from {utc(oldest)}: newer updates do not show in it.", "warn", indent=2)


def _platforms(view: dict[str, Any], out: Layout) -> None:
    out.heading("Platforms")
    rows = []
    for row in view["platforms"][:PLATFORMS]:
        reboot = row["reboot"]
        owed = _tally_number(
            {"count": reboot["yes"] if reboot["yes"] or reboot["no"] else None, "hosts_unknown": reboot["unknown"]},
            "warn",
        )
        rows.append(
            [
                (row["platform"] or "unknown", "" if row["platform"] else "unk"),
                (f"{row['hosts']:,}", ""),
                _tally_number(row["security"], "bad"),
                _tally_number(row["other"], "info"),
                owed,
                _tally_number(row["services"], "warn"),
                (f"{row['not_answered']:,}", "unk" if row["not_answered"] else ""),
            ]
        )
    out.table(
        ["Platform", "Hosts", "Security", "Other", "Reboot", "Services", "Not in full"], rows, right={1, 2, 3, 4, 5, 6}
    )
    out.more(len(view["platforms"]) - PLATFORMS, "platforms")


def _tally_number(tally: dict[str, Any], css: str) -> Cell:
    if tally["count"] is None:
        return "?", "unk"
    return f"{tally['count']:,}" + ("+" if tally["hosts_unknown"] else ""), css if tally["count"] else ""


def _unknown(view: dict[str, Any], out: Layout) -> None:
    if not view["unknown"]:
        return
    out.heading("Not known, and what to do next")
    for item in view["unknown"][:REASONS]:
        out.text(f"{item['what']} of {names(item['hosts'], 3)}: {item['why']}", "unk", indent=2, hang=4)
        out.text(f"Next: {item['next']}", indent=6, hang=2)
    out.more(len(view["unknown"]) - REASONS, "reasons")


def _drift(view: dict[str, Any], out: Layout) -> None:
    drift = view["drift"]
    if drift is None:
        return
    since = f"since {day(drift['from_ms'])}"
    out.heading(f"Reached production ({drift['production']}) {since} before any test host ({drift['test']}) ran it")
    for row in drift["rows"][:VERSIONS]:
        out.text(
            f"{row['package']} {row['version']} on {day(row['first_ms'])}: {names(row['hosts'], 3)}",
            "bad",
            indent=2,
            hang=4,
        )
    out.more(len(drift["rows"]) - VERSIONS, "versions")
    for side in ("test", "production"):
        if not drift[f"{side}_hosts"]:
            out.text(
                f"Unknown: the {side} pattern {drift[side]} matches no host. Next: correct lockstep_{side}.",
                "unk",
                indent=2,
                hang=4,
            )
    if drift["complete"] and not drift["rows"]:
        out.text("None: every version had been on a test host first.", "ok", indent=2)
    if drift["gaps"]:
        lost = names([f"{gap['host']} ({gap['why']})" for gap in drift["gaps"]], 3)
        out.text(f"Not the whole story, as records are missing: {lost}", "unk", indent=2, hang=4)
