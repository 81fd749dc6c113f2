# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The view of `detect`: what every host was found to have and lack. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.report.distinct import Distinct
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.host import host_row, step_rows
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.text import say
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.times import DAY, moment

PATCHED = (("last 7 days", 7), ("8 to 30 days ago", 30), ("31 to 90 days ago", 90), ("over 90 days ago", None))


def fleet_view(
    states: Iterable[dict[str, Any]],
    policy: dict[str, Any] | None,
    now_ms: int,
    fleet: str,
    drift: dict[str, Any] | None = None,
    closing: str | None = None,
    outside: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """The document of detect.schema.json.

    `states`: `{host, groups, seen_ms, reachable, error, platform, answer, sections}` as in docs/architecture.md.
    `policy`: `{path}` or None where there is none.
    `drift`: None where nobody asked, else `{test, production, from_ms, test_hosts, production_hosts, rows, gaps}` with
    the two patterns, the hosts' names, rows `{host, package, arch, version, ms, from_version}` and gaps
    `{host, why, from_ms, to_ms}`.
    `closing`: the last line of the run, where it is known.
    `outside`: rows of `outside_rows`.
    """
    steps, hosts = Distinct(), []
    for state in states:
        row = host_row(state)
        # a host that did not answer now has nothing pending that anybody knows of
        row["steps"] = (
            [] if row["status"] in ("unreachable", "stale") else [steps.add(step) for step in step_rows(state)]
        )
        hosts.append(row)
    hosts.sort(key=lambda row: row["host"])
    return {
        "schema": 1,
        "kind": "detect",
        "fleet": say(fleet, "default"),
        "generated_ms": now_ms,
        "policy": None if not policy or policy.get("path") is None else say(policy["path"]),
        "closing": None if closing is None else say(closing),
        "summary": summary(hosts, now_ms),
        "platforms": platforms(hosts),
        "unknown": unknown_reasons(hosts),
        "hosts": hosts,
        "steps": steps.rows,
        "packages": packages(hosts, steps.rows),
        "drift": None if drift is None else drift_view(drift),
        "outside": outside or [],
    }


def tally(values: Iterable[int | None]) -> dict[str, Any]:
    """Counts of many hosts: `{count, hosts_with, hosts_without, hosts_unknown}`; count is what is known, None when
    no host knows."""
    with_some, without, unknown, count = 0, 0, 0, 0
    for value in values:
        if value is None:
            unknown += 1
        elif value:
            with_some, count = with_some + 1, count + value
        else:
            without += 1
    return {
        "count": count if with_some + without else None,
        "hosts_with": with_some,
        "hosts_without": without,
        "hosts_unknown": unknown,
    }


def summary(hosts: list[dict[str, Any]], now_ms: int) -> dict[str, Any]:
    """The fleet at a glance."""
    status = [row["status"] for row in hosts]
    reboot = [row["reboot"] for row in hosts]
    fetched = [row["index_fetched_ms"] for row in hosts if row["index_fetched_ms"] is not None]
    states: dict[str, int] = {}
    for row in hosts:
        states[row["index_state"]] = states.get(row["index_state"], 0) + 1
    return {
        "hosts": len(hosts),
        "answered": status.count("answered"),
        "partly": status.count("partly"),
        "unreachable": status.count("unreachable"),
        "stale": status.count("stale"),
        "security": tally(row["security"] for row in hosts),
        "other": tally(row["other"] for row in hosts),
        "reboot": {value: reboot.count(value) for value in ("yes", "no", "unknown")},
        "services": tally(
            row["services"] if row["services"] is not None or not row["services_seen"] else row["services_seen"]
            for row in hosts
        ),
        "held": tally(row["held"] for row in hosts),
        "indexes": {"states": states, "oldest_ms": min(fetched, default=None), "newest_ms": max(fetched, default=None)},
        "patched": patched(hosts, now_ms),
        "history": {
            "complete": sum(row["history_missing"] is None for row in hosts),
            "incomplete": sum(row["history_missing"] is not None for row in hosts),
        },
    }


def patched(hosts: list[dict[str, Any]], now_ms: int) -> list[dict[str, Any]]:
    """How many hosts were last patched when: `[{label, hosts}]`, the unknown ones last."""
    counts = [0] * (len(PATCHED) + 1)
    for row in hosts:
        if row["last_patched_ms"] is None:
            counts[-1] += 1
            continue
        days = (now_ms - row["last_patched_ms"]) / DAY
        counts[next(place for place, (_label, most) in enumerate(PATCHED) if most is None or days <= most)] += 1
    return [
        {"label": label, "hosts": count}
        for (label, _most), count in zip((*PATCHED, ("unknown", None)), counts, strict=True)
    ]


def platforms(hosts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row for each platform; hosts whose platform nobody knows are one row of their own."""
    groups: dict[str | None, list[dict[str, Any]]] = {}
    for row in hosts:
        groups.setdefault(row["platform"], []).append(row)
    found = []
    for name, rows in groups.items():
        reboot = [row["reboot"] for row in rows]
        latest = [row["last_patched_ms"] for row in rows if row["last_patched_ms"] is not None]
        found.append(
            {
                "platform": name,
                "os": next((row["os"] for row in rows if row["os"]), None),
                "hosts": len(rows),
                "not_answered": sum(row["status"] != "answered" for row in rows),
                "security": tally(row["security"] for row in rows),
                "other": tally(row["other"] for row in rows),
                "reboot": {value: reboot.count(value) for value in ("yes", "no", "unknown")},
                "services": tally(row["services"] for row in rows),
                "held": tally(row["held"] for row in rows),
                "oldest_patched_ms": min(latest, default=None) if len(latest) == len(rows) else None,
            }
        )
    return sorted(found, key=lambda row: (row["platform"] is None, -row["hosts"], row["platform"] or ""))


def unknown_reasons(hosts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """`[{what, why, next, hosts}]`, the one with most hosts first. Reasons that differ only in the host's own name
    are one."""
    groups: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in hosts:
        own = re.compile(rf"(?<![\w.-]){re.escape(row['host'])}(?![\w-]|\.\w)")
        for item in row["unknown"]:
            general = {key: own.sub("the host", item[key]) for key in ("what", "why", "next")}
            entry = groups.setdefault(tuple(general.values()), {**item, "hosts": []})
            if entry["hosts"]:
                entry.update(general)
            entry["hosts"].append(row["host"])
    return sorted(groups.values(), key=lambda item: (-len(item["hosts"]), item["what"], item["why"]))


def packages(hosts: list[dict[str, Any]], steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row for each package and version on offer: `{package, arch, source, action, installed: [version], version,
    security, type, type_note, origin,
    kept_back, hosts, steps}`, security first, then by how many hosts it is for."""
    uses = [0] * len(steps)
    for row in hosts:
        for number in row["steps"]:
            uses[number] += 1
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    for number, step in enumerate(steps):
        same = ("package", "arch", "version", "action", "origin", "security", "type", "type_note")
        key = tuple(step[name] for name in same)
        entry = groups.setdefault(
            key,
            {
                **{name: step[name] for name in ("package", "arch", "source", "action")},
                "installed": [],
                **{name: step[name] for name in ("version", "security", "type", "type_note", "origin")},
                "kept_back": [],
                "hosts": 0,
                "steps": [],
            },
        )
        if step["installed"] and step["installed"] not in entry["installed"]:
            entry["installed"].append(step["installed"])
        if step["kept_back"] and step["kept_back"] not in entry["kept_back"]:
            entry["kept_back"].append(step["kept_back"])
        entry["hosts"] += uses[number]
        entry["steps"].append(number)
    return sorted(groups.values(), key=lambda row: (not row["security"], -row["hosts"], row["package"], row["arch"]))


def drift_view(drift: dict[str, Any]) -> dict[str, Any]:
    """Versions that reached production before any test host had them, one row for each package version, the newest
    first.

    A gap in the records is never read as "nothing happened": it is listed, and `complete` is then false.
    """
    groups: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in drift.get("rows") or []:
        key = (say(row.get("package")), say(row.get("arch")), say(row.get("version")))
        entry = groups.setdefault(
            key, dict(zip(("package", "arch", "version"), key, strict=True), first_ms=None, from_versions=[], hosts=[])
        )
        when, before = moment(row.get("ms")), say(row.get("from_version"))
        if when is not None and (entry["first_ms"] is None or when < entry["first_ms"]):
            entry["first_ms"] = when
        if before and before not in entry["from_versions"]:
            entry["from_versions"].append(before)
        if say(row.get("host")) not in entry["hosts"]:
            entry["hosts"].append(say(row.get("host")))
    gaps = [
        {
            "host": say(gap.get("host")),
            "why": say(gap.get("why"), "no reason given"),
            "from_ms": moment(gap.get("from_ms")),
            "to_ms": moment(gap.get("to_ms")),
        }
        for gap in drift.get("gaps") or []
    ]
    return {
        "test": say(drift.get("test")),
        "production": say(drift.get("production")),
        "from_ms": moment(drift.get("from_ms")),
        "test_hosts": len(drift.get("test_hosts") or []),
        "production_hosts": len(drift.get("production_hosts") or []),
        "complete": not gaps and bool(drift.get("test_hosts")) and bool(drift.get("production_hosts")),
        "rows": sorted(groups.values(), key=lambda row: (-(row["first_ms"] or 0), row["package"], row["arch"])),
        "gaps": gaps,
    }
