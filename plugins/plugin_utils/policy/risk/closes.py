# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an upgrade closes, as `select.closes` asks for it and as a plan shows it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.model import Closes
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.words import SEVERITY
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names, utc

Assessment = Mapping[str, Any]
"""The data of an assessment's report: `steps`, `lots`, `hosts` and `work` of docs/assess.schema.json."""


def wanted_sources(data: Assessment, closes: Closes, now_ms: int) -> dict[str, set[str]]:
    """{host: packages whose upgrade closes a finding there that meets one of the conditions}."""
    if closes.advisories:
        asked = set(closes.advisories)
        named = [row["vuln"] for row in data["vulnerabilities"] if asked & set(row["advisories"])]
        closes = replace(closes, vulns=(*closes.vulns, *named))
    wanted = [
        any(finding["closes"] and _meets(finding, closes, now_ms) for finding in step["findings"])
        for step in data["steps"]
    ]
    sources = [{data["steps"][number]["upgrade"] for number in lot if wanted[number]} for lot in data["lots"]]
    return {row["host"]: set().union(*(sources[lot] for lot in row["lots"])) for row in data["hosts"]}


def _meets(finding: Mapping[str, Any], closes: Closes, now_ms: int) -> bool:
    if finding["vuln"] in closes.vulns:
        return True
    if finding["exception"] is not None:
        return False
    due, within = finding["due_ms"], closes.due_within_ms
    return (
        (closes.kev and finding["kev"] == "yes")
        or finding["decision"] in closes.decisions
        or (within is not None and due is not None and due <= now_ms + within)
        or (closes.severity is not None and _at_least(finding["severity"], closes.severity))
    )


def _at_least(severity: str, least: str) -> bool:
    """Not rated is not less severe: nobody knows."""
    return severity not in SEVERITY or SEVERITY.index(severity) >= SEVERITY.index(least)


def closes_text(data: Assessment, body: Mapping[str, Any]) -> list[str]:
    """Lines that say what the lines of a plan close, the first deadline first."""
    planned = {
        (line["source"], version) for line in body["lines"] for version in (line["source_version"], line["version"])
    }
    told = []
    for row in data["work"]:
        if row["to"] is None or not row["open"] or (row["source"], row["to"]) not in planned:
            continue
        due = f"first deadline {utc(row['first_due_ms'])}" if row["first_due_ms"] is not None else "no deadline"
        count = "1 vulnerability" if row["open"] == 1 else f"{row['open']} vulnerabilities"
        kev = f", {len(row['kev'])} in KEV ({names(row['kev'], 3)})" if row["kev"] else ""
        told.append(f"  {row['source']} {row['to']}: {count}{kev}, {due}; {names(row['vulns'], 3)}")
    return ["closes", *told] if told else []
