# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The view of a rollout: what the plan froze, how far each ring and host is, what is left and why. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.report.changes import (
    changed_packages,
    host_changes,
    plan_lines,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.distinct import Distinct
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.text import say
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.times import moment

STATUSES = (
    "verified",
    "active",
    "installed",
    "staged",
    "pending",
    "skipped",
    "rolled_back",
    "regressed",
    "failed",
    "unreachable",
)
BAD = ("rolled_back", "regressed", "failed", "unreachable")
NO_RESULT = "no result is recorded for this host"
GO_ON = "run rollout again: it goes on from where the fleet is"
REBOOTS = ("done", "not_needed", "owed", "unknown")


def rollout_view(
    plan: dict[str, Any],
    left_out: Iterable[dict[str, Any]],
    host_statuses: Iterable[dict[str, Any]],
    rings: Iterable[dict[str, Any]],
    transactions: Iterable[dict[str, Any]],
    runs: Iterable[dict[str, Any]],
    states: Iterable[dict[str, Any]],
    now_ms: int,
    closing: str | None,
    outside: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """The document of report.schema.json. Every host of the plan's scope has a row, with or without a result.

    `plan`: `{id, document, created_ms, state}` (document as in docs/architecture.md).
    `left_out`: `[{host, platform, package, arch, version, why, next}]`.
    `host_statuses`: `[{host, platform, status, phase, reason, next, reboot: "done"|"not_needed"|"owed"|"unknown",
    boot_before, boot_after, kernel, findings: [text or {check, ok, detail}], notes: [text], ms}]`; all but host and
    status may be missing.
    `rings`: `[{name, state, verdict: "go"|"wait"|"stop"|None, reason, next, failed, absent, max_failed, max_absent,
    opened_ms, closed_ms, soak_until_ms}]`; limits are numbers of hosts or texts such as `1%`.
    `transactions`: `[{host, versions: [{package, arch, before, after}]}]`, oldest first.
    `runs`: `[{token, playbook, actor, job, started_ms, ended_ms, closing}]`.
    `outside`: rows of `outside_rows`.
    `states`: as for fleet_view; they give each host's platform and what hosts without a transaction have installed.
    """
    document = plan.get("document") or {}
    scope = {host: say(ring.get("ring")) for ring in document.get("scope") or [] for host in ring.get("hosts") or []}
    statuses = {item.get("host"): item for item in host_statuses}
    looks = {item.get("host"): item for item in states}
    left = [_left(item) for item in left_out]
    left_of = Counter(item["host"] for item in left)
    lines, steps, hosts = plan_lines(document), Distinct(), []
    taken: dict[Any, list[dict[str, Any]]] = {}
    for transaction in transactions:
        taken.setdefault(transaction.get("host"), []).append(transaction)
    for name in [*scope, *sorted(str(host) for host in statuses if host not in scope)]:
        row = _host(name, scope.get(name), statuses.get(name), looks.get(name))
        changes = host_changes(
            lines.get(row["platform"], {}) if row["platform"] else None, taken.get(name, []), looks.get(name)
        )
        row["steps_known"] = changes is not None
        row["steps"] = [steps.add(change) for change in changes or []]
        row["left"] = left_of.get(row["host"], 0)
        hosts.append(row)
    return {
        "schema": 1,
        "kind": "rollout",
        "fleet": say(document.get("fleet"), "default"),
        "generated_ms": now_ms,
        "closing": None if closing is None else say(closing),
        "plan": _plan(plan, document),
        "summary": _summary(hosts, steps.rows, left),
        "rings": [_ring(ring, hosts) for ring in _all_rings(rings, document)],
        "hosts": hosts,
        "steps": steps.rows,
        "packages": changed_packages(hosts, steps.rows),
        "left": _grouped(left),
        "runs": [_run(run) for run in runs],
        "outside": outside or [],
    }


def _text(value: Any) -> str | None:
    return None if value in (None, "") else say(value)


def _plan(plan: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    lines = document.get("lines") or []
    return {
        "id": say(plan.get("id")),
        "state": say(plan.get("state"), "open"),
        "created_ms": moment(plan.get("created_ms")),
        "policy": _text(document.get("policy")),
        "platforms": sorted(say(name) for name in document.get("platforms") or {}),
        "lines": len(lines),
        "security": sum(bool(line.get("security")) for line in lines),
        "removals": sum(line.get("action") == "remove" for line in lines),
        "hosts": sum(len(ring.get("hosts") or []) for ring in document.get("scope") or []),
    }


def _host(name: str, ring: str | None, result: dict[str, Any] | None, look: dict[str, Any] | None) -> dict[str, Any]:
    result = result or {"status": "pending", "reason": NO_RESULT, "next": GO_ON}
    status = say(result.get("status"))
    reboot = result.get("reboot")
    return {
        "host": say(name),
        "ring": ring,
        "platform": _text((look or {}).get("platform") or result.get("platform")),
        "status": status if status in STATUSES else "pending",
        "phase": _text(result.get("phase")),
        "reason": _text(result.get("reason"))
        if status in STATUSES
        else f"the recorded result {status!r} has no meaning here",
        "next": _text(result.get("next")),
        "reboot": reboot if reboot in REBOOTS else "unknown",
        "boot_before": _text(result.get("boot_before")),
        "boot_after": _text(result.get("boot_after")),
        "kernel": _text(result.get("kernel")),
        "findings": [_finding(item) for item in result.get("findings") or []],
        "notes": [say(text) for text in result.get("notes") or []],
        "ms": moment(result.get("ms")),
    }


def _finding(item: Any) -> dict[str, Any]:
    if not isinstance(item, dict):
        return {"check": say(item), "ok": False, "detail": None}
    return {"check": say(item.get("check")), "ok": item.get("ok") is True, "detail": _text(item.get("detail"))}


def _left(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "host": say(item.get("host")),
        "package": say(item.get("package")),
        "arch": say(item.get("arch")),
        "version": _text(item.get("version")),
        "why": say(item.get("why"), "unknown"),
        "next": _text(item.get("next")),
    }


def _grouped(left: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """`[{package, arch, version, why, next, hosts: [name]}]`; untested and unknown first, as they need a person."""
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    for item in left:
        what = {key: value for key, value in item.items() if key != "host"}
        groups.setdefault(tuple(what.values()), {**what, "hosts": []})["hosts"].append(item["host"])
    order = ("untested", "unknown")
    return sorted(
        groups.values(), key=lambda row: (row["why"] not in order, row["why"], -len(row["hosts"]), row["package"])
    )


def _all_rings(rings: Iterable[dict[str, Any]], document: dict[str, Any]) -> list[dict[str, Any]]:
    """The recorded rings in the plan's order; one that has no record yet waits."""
    recorded = {say(ring.get("name")): ring for ring in rings}
    planned = [say(ring.get("ring")) for ring in document.get("scope") or []]
    return [
        recorded.get(name, {"name": name, "state": "waiting"})
        for name in [*planned, *(name for name in recorded if name not in planned)]
    ]


def _ring(ring: dict[str, Any], hosts: list[dict[str, Any]]) -> dict[str, Any]:
    name = say(ring.get("name"))
    counts = Counter(row["status"] for row in hosts if row["ring"] == name)
    verdict = ring.get("verdict")
    return {
        "name": name,
        "state": say(ring.get("state"), "waiting"),
        "verdict": verdict if verdict in ("go", "wait", "stop") else None,
        "reason": _text(ring.get("reason")),
        "next": _text(ring.get("next")),
        "hosts": sum(counts.values()),
        "counts": {status: counts[status] for status in STATUSES if counts[status]},
        **{key: _number(ring.get(key)) for key in ("failed", "absent")},
        **{key: _text(ring.get(key)) for key in ("max_failed", "max_absent")},
        **{key: moment(ring.get(key)) for key in ("opened_ms", "closed_ms", "soak_until_ms")},
    }


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _run(run: dict[str, Any]) -> dict[str, Any]:
    return {
        "token": _number(run.get("token")),
        **{key: _text(run.get(key)) for key in ("playbook", "actor", "job")},
        **{key: moment(run.get(key)) for key in ("started_ms", "ended_ms")},
        "closing": _text(run.get("closing")),
    }


def _summary(hosts: list[dict[str, Any]], steps: list[dict[str, Any]], left: list[dict[str, Any]]) -> dict[str, Any]:
    statuses, reboots = Counter(row["status"] for row in hosts), Counter(row["reboot"] for row in hosts)
    results: Counter[str] = Counter()
    security = 0
    for row in hosts:
        for number in row["steps"]:
            results[steps[number]["result"]] += 1
            security += steps[number]["security"] and steps[number]["result"] == "done"
    return {
        "hosts": len(hosts),
        "verified": statuses["verified"],
        "bad": sum(statuses[status] for status in BAD),
        "statuses": {status: statuses[status] for status in STATUSES},
        "changes": {result: results[result] for result in ("done", "differs", "planned", "unknown")},
        "security_done": security,
        "reboots": {value: reboots[value] for value in REBOOTS},
        "left": len(left),
        "left_why": dict(sorted(Counter(item["why"] for item in left).items())),
    }
