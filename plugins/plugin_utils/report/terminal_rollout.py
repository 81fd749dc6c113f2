# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The terminal summary of a rollout. Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.report.layout import Layout
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.terminal_outside import outside_lines
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.text import names, plural
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.times import utc

HOSTS, REASONS, LEFT, CHANGES = 25, 8, 8, 12
STATUS_CSS = {"verified": "ok", "failed": "bad", "regressed": "bad", "unreachable": "bad", "rolled_back": "warn"}
RING_CSS = {"passed": "ok", "failed": "bad", "soaking": "warn", "open": "info"}


def rollout_lines(view: dict[str, Any], out: Layout) -> None:
    """Rings, hosts that need somebody, versions, and what is left."""
    plan, total = view["plan"], view["summary"]
    out.heading(f"Rollout of plan {plan['id'][:12]} in fleet {view['fleet']}, {utc(view['generated_ms'])}")
    statuses = [
        (f"{count:,} {status.replace('_', ' ')}", STATUS_CSS.get(status, ""))
        for status, count in total["statuses"].items()
        if count
    ]
    out.fact("Hosts", [(f"{total['hosts']:,}", "bold"), *statuses])
    changes = total["changes"]
    labels = (
        ("done", "as planned", "ok"),
        ("differs", "not as planned", "bad"),
        ("planned", "to come", ""),
        ("unknown", "unknown", "unk"),
    )
    out.fact(
        "Package changes",
        [(f"{changes[key]:,} {label}", css) for key, label, css in labels if changes[key]] or [("none", "")],
    )
    reboots = total["reboots"]
    kinds = (
        ("done", "done", "ok"),
        ("not_needed", "not needed", ""),
        ("owed", "owed", "warn"),
        ("unknown", "unknown", "unk"),
    )
    out.fact(
        "Reboots", [(f"{reboots[key]:,} {label}", css) for key, label, css in kinds if reboots[key]] or [("none", "")]
    )
    if total["left"]:
        out.fact("Left out", [(f"{count:,} {why.replace('_', ' ')}", "") for why, count in total["left_why"].items()])
    _rings(view, out)
    _hosts(view, out)
    _changes(view, out)
    _left(view, out)
    outside_lines(view, out)


def _rings(view: dict[str, Any], out: Layout) -> None:
    out.heading("Rings")
    for ring in view["rings"]:
        parts = [(ring["state"], RING_CSS.get(ring["state"], "")), (plural(ring["hosts"], "host"), "")]
        if ring["verdict"]:
            parts.append((f"gate: {ring['verdict']}", {"go": "ok", "stop": "bad"}.get(ring["verdict"], "warn")))
        for key in ("failed", "absent"):
            if ring[key] is not None:
                limit = f" of at most {ring['max_' + key]}" if ring["max_" + key] else ""
                parts.append((f"{ring[key]} {key}{limit}", "bad" if ring[key] and ring["state"] == "failed" else ""))
        if ring["soak_until_ms"] and ring["state"] == "soaking":
            parts.append((f"soaks until {utc(ring['soak_until_ms'])}", "warn"))
        out.fact(ring["name"], parts)
        if ring["reason"] and ring["verdict"] != "go":
            out.text(f"Why: {ring['reason']}", indent=6, hang=2)
        if ring["next"] and ring["verdict"] != "go":
            out.text(f"Next: {ring['next']}", indent=6, hang=2)


def _hosts(view: dict[str, Any], out: Layout) -> None:
    open_hosts = [row for row in view["hosts"] if row["status"] != "verified"]
    chosen = (
        view["hosts"]
        if len(view["hosts"]) <= HOSTS
        else sorted(open_hosts, key=lambda row: row["status"] in ("pending", "skipped"))
    )
    if chosen:
        out.heading("Hosts" if len(view["hosts"]) <= HOSTS else "Hosts that are not verified")
        rows = [
            [
                (row["host"], "bold"),
                (row["ring"] or "-", ""),
                (row["status"].replace("_", " "), STATUS_CSS.get(row["status"], "")),
                (f"{len(row['steps'])}", "") if row["steps_known"] else ("?", "unk"),
                (row["reboot"].replace("_", " "), "unk" if row["reboot"] == "unknown" else ""),
            ]
            for row in chosen[:HOSTS]
        ]
        out.table(["Host", "Ring", "Status", "Packages", "Reboot"], rows, right={3})
        out.more(len(chosen) - HOSTS, "hosts")
    grouped: dict[tuple[str, str | None], list[str]] = {}
    for row in open_hosts:
        if row["reason"] or row["next"]:
            grouped.setdefault((row["reason"] or row["status"].replace("_", " "), row["next"]), []).append(row["host"])
    for (why, then), hosts in list(grouped.items())[:REASONS]:
        out.text(f"{names(hosts, 3)}: {why}", indent=2, hang=4)
        if then:
            out.text(f"Next: {then}", indent=6, hang=2)
    out.more(len(grouped) - REASONS, "reasons")


def _changes(view: dict[str, Any], out: Layout) -> None:
    if not view["packages"]:
        return
    out.heading("Versions before and after")
    rows = [
        [
            (row["package"], "bold"),
            (names(row["before"], 1) or "-", "soft"),
            (row["planned"] or ("removed" if row["action"] == "remove" else "not planned"), ""),
            (f"{row['done']:,} of {row['hosts']:,}", "ok" if row["done"] == row["hosts"] else ""),
            (row["type"] if row["type"] != "unclassified" else "", "bad" if row["security"] else "soft"),
        ]
        for row in view["packages"][:CHANGES]
    ]
    out.table(["Package", "Before", "Planned", "Hosts", ""], rows, right={3}, stretch=0)
    out.more(len(view["packages"]) - CHANGES, "packages")


def _left(view: dict[str, Any], out: Layout) -> None:
    if not view["left"]:
        return
    out.heading("Left out, and why")
    for row in view["left"][:LEFT]:
        what = " ".join(part for part in (row["package"] or "all packages", row["version"]) if part)
        then = f" Next: {row['next']}" if row["next"] else ""
        out.text(f"{row['why'].replace('_', ' ')}: {what} on {names(row['hosts'], 3)}.{then}", indent=2, hang=4)
    out.more(len(view["left"]) - LEFT, "updates")
