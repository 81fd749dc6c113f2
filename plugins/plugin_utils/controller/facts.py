# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ledger rows in the shapes that policy takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.lockstep.patching.plugins.module_utils._model.state import is_unknown
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.candidates import Seen

State = dict[str, Any]


def state_of(kept: dict[str, Any] | None) -> State | None:
    """What the ledger has of a host.

    `{host, seen_ms, reachable, error, platform, incarnation, answer, tried_token, sections}`, None for no host.
    """
    if kept is None:
        return None
    meta = kept["meta"]
    return {
        "host": meta["host"],
        "seen_ms": meta["look_ms"],
        "reachable": meta["look_ms"] is not None and meta["error"] is None,
        "error": meta["error"],
        "platform": meta["platform"],
        "incarnation": meta["incarnation"],
        "answer": meta["answer"],
        "tried_token": meta["tried_token"],
        "sections": kept["sections"],
    }


def states_of(
    ledger: Ledger, fleet: str, hosts: Iterable[str] | None = None, sections: Iterable[str] | None = None
) -> dict[str, State]:
    """States of several hosts by name."""
    wanted = None if hosts is None else list(hosts)
    parts = None if sections is None else list(sections)
    return {host: state_of(kept) or {} for host, kept in ledger.states(fleet, wanted, parts)}


def statuses_of(ledger: Ledger, plan_id: str, hosts: Iterable[str] | None = None) -> dict[str, dict[str, Any]]:
    """Host records of a plan: `{status, phase, reason, at_ms, reboot, retired, detail}`."""
    return {
        host: record_of(row)
        for host, row in ledger.host_statuses(plan_id, None if hosts is None else list(hosts)).items()
    }


def record_of(row: dict[str, Any]) -> dict[str, Any]:
    """One of them; `at_ms` is the time of its last verdict or change."""
    detail = row["detail"]
    at_ms = detail.get("verified_ms") if row["status"] == "verified" and detail.get("verified_ms") else row["ms"]
    return {**row, "at_ms": at_ms, "reboot": detail.get("reboot", "unknown"), "retired": row["retired_ms"] is not None}


def rings_of(ledger: Ledger, plan_id: str) -> dict[str, dict[str, Any]]:
    """`{ring: {state, soak_from_ms, since_ms, reason}}`."""
    return {row["ring"]: {**row, "soak_from_ms": row["detail"].get("soak_from_ms")} for row in ledger.rings(plan_id)}


def note_seen(ledger: Ledger, fleet: str, states: Iterable[State], token: int, now_ms: int) -> None:
    """Note when the fleet first saw each candidate of these states."""
    rows: dict[str, set[Seen]] = {}
    for state in states:
        candidates = state.get("sections", {}).get("candidates") or []
        if not state.get("platform") or is_unknown(candidates):
            continue
        for item in candidates:
            if item.get("version"):
                dated = None if item.get("age_ms") is None else int(state["seen_ms"]) - int(item["age_ms"])
                rows.setdefault(state["platform"], set()).add(
                    Seen(
                        item["name"],
                        item["arch"],
                        item["version"],
                        bool(item["security"]),
                        dated,
                        item.get("installed") or "",
                    )
                )
    for platform, seen in rows.items():
        ledger.note_candidates(fleet, platform, sorted(seen, key=repr), token, now_ms)


def first_seen(ledger: Ledger, fleet: str, states: Iterable[State]) -> dict[tuple[str, str, str, str], tuple[int, str]]:
    """`{(platform, package, arch, version): (ms, basis)}` of the platforms of these states."""
    found = {}
    for platform in sorted({state["platform"] for state in states if state.get("platform")}):
        for (package, arch, version), sighting in ledger.first_seen(fleet, platform).items():
            found[platform, package, arch, version] = sighting
    return found
