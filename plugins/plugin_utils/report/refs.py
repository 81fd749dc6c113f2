# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which rows of a page belong together: short references that filters and opened rows follow. Pure.

`f-…` are the filters, `s3` is step 3 of the view, `n5` is note 5 of the page. Each step and note is on the page once.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.report.distinct import Distinct
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.text import names

DETECT_FILTERS = (
    ("f-security", "with security updates"),
    ("f-other", "with other updates"),
    ("f-reboot", "that owe a reboot"),
    ("f-services", "with services on old libraries"),
    ("f-held", "with held packages"),
    ("f-unknown", "with something unknown"),
    ("f-unreachable", "that did not answer"),
)

ASSESS_FILTERS = (
    ("f-overdue", "that are overdue"),
    ("f-kev", "with known exploited ones"),
    ("f-open", "with open vulnerabilities"),
    ("f-excepted", "with exceptions"),
    ("f-stale", "known by an older look"),
    ("f-unknown", "that are unknown"),
)


SHOWN_HOSTS = 2000
"""Hosts of an assessment that its page has; a browser has enough of those, and the files beside it have all."""


def host_refs(view: dict[str, Any]) -> tuple[list[str], list[dict[str, Any]]]:
    """For each host on the page its references as the page's attribute, and the notes `[{label, text}]`."""
    notes = Distinct()
    tell = {"detect": _detect, "assess": _assess, "rollout": _rollout}[view["kind"]]
    rows = view["hosts"] if view["kind"] != "assess" else view["hosts"][:SHOWN_HOSTS]
    return [_attribute(host_steps(row, view), *tell(row), notes) for row in rows], notes.rows


def host_steps(row: dict[str, Any], view: dict[str, Any]) -> list[int]:
    """The steps of a host: its own list, or those of its lots."""
    steps: list[int] = row["steps"] if "steps" in row else [step for lot in row["lots"] for step in view["lots"][lot]]
    return steps


def shown_steps(view: dict[str, Any]) -> set[int]:
    """The steps of the hosts that are on the page of an assessment."""
    lots = {lot for row in view["hosts"][:SHOWN_HOSTS] for lot in row["lots"]}
    return {step for lot in lots for step in view["lots"][lot]}


def step_refs(numbers: list[int]) -> str:
    """The references of steps as the page's attribute."""
    return " ".join(f"s{number}" for number in numbers)


def _attribute(steps: list[int], filters: list[str], told: list[tuple[str, str]], notes: Distinct) -> str:
    numbers = [notes.add({"label": label, "text": text}) for label, text in told]
    return " ".join(
        [*filters, *(f"s{number}" for number in steps), *(f"n{number}" for number in dict.fromkeys(numbers))]
    )


def _detect(row: dict[str, Any]) -> tuple[list[str], list[tuple[str, str]]]:
    holds = (
        ("security", row["security"]),
        ("other", row["other"]),
        ("reboot", row["reboot"] == "yes"),
        ("services", row["services"] or row["services_seen"]),
        ("held", row["held"]),
        ("unknown", row["unknown"]),
        ("unreachable", row["status"] in ("unreachable", "stale")),
    )
    told = [(f"Unknown: {item['what']}", item["why"]) for item in row["unknown"]]
    told += [("Reboot", reason) for reason in row["reboot_reasons"]]
    told += [("Old files in use", f"{item['name']}: {names(item['files'], 6)}") for item in row["outdated"]]
    told += [
        ("Held" if hold["kind"] == "hold" else hold["kind"].capitalize(), hold_text(hold)) for hold in row["holds"]
    ]
    told += [("Index", problem) for problem in row["index_problems"]]
    if row["history_missing"]:
        told.append(("History", row["history_missing"]))
    if row["kernel"]["running"]:
        newest = row["kernel"]["newest"]
        told.append(("Kernel", f"runs {row['kernel']['running']}" + (f", newest installed {newest}" if newest else "")))
    return [f"f-{name}" for name, there in holds if there], told


def _assess(row: dict[str, Any]) -> tuple[list[str], list[tuple[str, str]]]:
    filters = [f"f-{name}" for name in ("overdue", "kev", "open", "excepted") if row[name]]
    filters += [f"f-{row['status']}"] * (row["status"] != "assessed")
    if row["unknown"] and "f-unknown" not in filters:
        filters.append("f-unknown")
    told = [("Unknown", text) for text in row["unknown"]]
    return filters, told + [("Control", text) for text in row["controls"]]


def hold_text(hold: dict[str, Any]) -> str:
    """`linux-image-amd64: reason (where)`."""
    text = hold["package"] + (f": {hold['reason']}" if hold["reason"] else "")
    return text + (f" ({hold['where']})" if hold["where"] else "")


def _rollout(row: dict[str, Any]) -> tuple[list[str], list[tuple[str, str]]]:
    filters = [f"f-{row['status']}"]
    if row["reboot"] in ("owed", "unknown"):
        filters.append(f"f-reboot-{row['reboot']}")
    if row["left"]:
        filters.append("f-left")
    told = []
    if row["boot_before"] or row["boot_after"]:
        told.append(("Boot id", f"{row['boot_before'] or 'unknown'} before, {row['boot_after'] or 'unknown'} after"))
    if row["kernel"]:
        told.append(("Kernel", row["kernel"]))
    told += [
        ("Passed" if item["ok"] else "Failed", item["check"] + (f": {item['detail']}" if item["detail"] else ""))
        for item in row["findings"]
    ]
    told += [("Note", text) for text in row["notes"]]
    return filters, told
