# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ledger rows in the shapes that the report's views take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy import safeguard
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.gate import Verdict
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.summary import HOST, SKIPPED

REBOOTS = {"done": "done", "no": "not_needed", "yes": "owed", "owed": "owed"}


def host_results(statuses: dict[str, dict[str, Any]], held: dict[str, str]) -> Iterable[dict[str, Any]]:
    """`host_statuses` of rollout_view. `held`: why the safeguard holds hosts."""
    for host, row in statuses.items():
        detail = row.get("detail") or {}
        yield {
            "host": host,
            "status": row["status"],
            "phase": row.get("phase"),
            "reason": held.get(host) or row.get("reason"),
            "next": safeguard.NEXT if host in held else HOST[row["status"]].next if row["status"] in HOST else None,
            "reboot": REBOOTS.get(detail.get("reboot", ""), "unknown") if row["status"] != "skipped" else "not_needed",
            "boot_before": detail.get("boot_before"),
            "boot_after": detail.get("boot_after"),
            "findings": detail.get("findings") or [],
            "notes": [*(detail.get("notes") or []), *_conffiles(detail)],
            "ms": row.get("at_ms"),
        }


def _conffiles(detail: dict[str, Any]) -> list[str]:
    """What a person should look at some time: the admin's configuration beside the package's new one."""
    kept = sorted((detail.get("conffiles") or {}).items())
    return [f"{path} keeps the version changed on the host; the package's is {new}" for path, new in kept]


def untested_drift(statuses: dict[str, dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """What hosts have that is newer than the plan, in the shape of what the plan leaves out."""
    for host, record in statuses.items():
        for item in (record.get("detail") or {}).get("drift") or []:
            kept = {"host": host, "package": item["package"], "arch": item["arch"], "version": item["version"]}
            yield {**kept, "why": "newer", "next": SKIPPED["newer"].next}


def ring_results(
    plan: dict[str, Any], rings: dict[str, Any], verdicts: list[Verdict], policy: Policy
) -> Iterable[dict[str, Any]]:
    """`rings` of rollout_view."""
    by_ring = {verdict.ring: verdict for verdict in verdicts}
    for entry in plan["body"]["scope"]:
        name, record = entry["ring"], rings.get(entry["ring"], {})
        verdict, settings = by_ring.get(name), policy.ring(name)
        decision = {"passed": "go", "soaking": "wait", "failed": "stop"}.get(verdict.state if verdict else "")
        yield {
            "name": name,
            "state": verdict.state if verdict else record.get("state", "waiting"),
            "verdict": decision,
            "reason": verdict.why if verdict else record.get("reason"),
            "next": verdict.next if verdict else None,
            "failed": len(verdict.failed) if verdict else None,
            "absent": len(verdict.absent) if verdict else None,
            "max_failed": str(settings.gate.max_failed) if settings else None,
            "max_absent": str(settings.gate.max_absent) if settings else None,
            "opened_ms": record.get("opened_ms"),
            "closed_ms": record.get("since_ms") if record.get("state") in ("passed", "failed") else None,
            "soak_until_ms": verdict.until_ms if verdict else None,
        }


def transaction_results(ledger: Ledger, plan_id: str) -> Iterable[dict[str, Any]]:
    """`transactions` of rollout_view, oldest first."""
    for row in ledger.transactions(plan_id=plan_id):
        packages = (row.get("result") or {}).get("packages") or []
        versions = [
            {"package": item["name"], "arch": item["arch"], "before": item["before"], "after": item["after"]}
            for item in packages
            if isinstance(item, dict)
        ]
        yield {"host": row["host"], "versions": versions}


def run_results(ledger: Ledger, fleet: str) -> Iterable[dict[str, Any]]:
    """`runs` of rollout_view."""
    for row in ledger.runs(fleet, 50):
        yield {
            "token": row["token"],
            "playbook": row["stage"],
            "actor": row["actor"],
            "job": row["job"] or None,
            "started_ms": row["began_ms"],
            "ended_ms": row["ended_ms"],
            "closing": row["message"],
        }
