# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The view of `assess`: what to patch first, where it is the most urgent, and what is new. Pure.

It says nothing that it was not given; it makes text of hosts and feeds harmless, counts, and cuts long lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.report.text import say

NEWS_ITEMS = 2000
"""Single changes that the view keeps; the gathered ones are always complete."""


def assess_view(given: Mapping[str, Any]) -> dict[str, Any]:
    """The document of assess.schema.json.

    `given`: {fleet, now_ms, policy, closing, scheme, feeds, unknown, assumptions, hosts, lots, steps, work,
    vulnerabilities, news, exceptions} as `controller/assess_data.py` makes it; its keys are those of the view.
    """
    data = _safe(given)
    hosts, vulns = data["hosts"], data["vulnerabilities"]
    open_vulns = [row for row in vulns if row["open"]]
    due = [row["first_due_ms"] for row in data["work"] if row["first_due_ms"] is not None]
    return {
        "schema": 1,
        "kind": "assess",
        "fleet": data["fleet"] or "default",
        "generated_ms": data["now_ms"],
        "policy": data["policy"],
        "closing": data["closing"],
        "summary": {
            "hosts": len(hosts),
            "assessed": sum(row["status"] == "assessed" for row in hosts),
            "stale": sum(row["status"] == "stale" for row in hosts),
            "unknown": sum(row["status"] == "unknown" for row in hosts),
            "with_open": sum(bool(row["open"]) for row in hosts),
            "overdue_hosts": sum(bool(row["overdue"]) for row in hosts),
            "vulnerabilities": len({row["vuln"] for row in open_vulns}),
            "kev": len({row["vuln"] for row in open_vulns if row["kev"] == "yes"}),
            "kev_hosts": sum(bool(row["kev"]) for row in hosts),
            "overdue": len({(row["vuln"], row["source"]) for row in open_vulns if row["overdue"]}),
            "excepted": sum(bool(row["excepted"]) for row in vulns),
            "upgrades": sum(row["to"] is not None and bool(row["open"]) for row in data["work"]),
            "first_due_ms": min(due, default=None),
            "severity": _severities(open_vulns),
        },
        "scheme": data["scheme"],
        "feeds": data["feeds"],
        "unknown": data["unknown"],
        "assumptions": data["assumptions"],
        "work": data["work"],
        "hosts": hosts,
        "lots": data["lots"],
        "steps": data["steps"],
        "vulnerabilities": vulns,
        "news": {**data["news"], "items": data["news"]["items"][:NEWS_ITEMS]},
        "exceptions": data["exceptions"],
    }


def _severities(vulns: list[dict[str, Any]]) -> dict[str, int]:
    worst = {row["vuln"]: row["severity"] for row in vulns}
    counts = dict.fromkeys(("critical", "high", "medium", "low", "none", "unknown"), 0)
    for severity in worst.values():
        counts[severity] += 1
    return counts


def _safe(value: Any, made: dict[int, Any] | None = None) -> Any:
    """The same with every text made harmless; a mapping that is there many times stays one."""
    made = {} if made is None else made
    if isinstance(value, str):
        return say(value)
    if isinstance(value, Mapping):
        if id(value) not in made:
            made[id(value)] = {say(key): _safe(item, made) for key, item in value.items()}
        return made[id(value)]
    if isinstance(value, (list, tuple)):
        return [_safe(item, made) for item in value]
    return value
