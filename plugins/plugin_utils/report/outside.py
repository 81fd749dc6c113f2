# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts that no rollout reaches, and hosts that only one of inventory and record knows. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.report.text import say
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.times import utc

UNASSIGNED, UNMANAGED, NOT_IN_CMDB = "unassigned", "unmanaged", "not_in_cmdb"
"""Groups of the inventory plugin."""
TEXTS: dict[str, tuple[str, str]] = {
    UNASSIGNED: (
        "no ring rule of the inventory matches, so no rollout gets there",
        "give them a ring in the inventory's rules, or the class of what Lockstep does not patch",
    ),
    "never_reached": ("in the inventory, but no answer has ever come", "make them reachable, then run detect"),
    "stale": ("the last answer is older than looks.max_age allows, so nothing is known now", "run detect"),
    NOT_IN_CMDB: (
        "in the inventory, but in no export of the CMDB",
        "enter them there, or take them out here",
    ),
    "not_in_inventory": (
        "answered before, but not in the inventory",
        "enter them in the CMDB or the inventory; nothing looks at them now",
    ),
    UNMANAGED: ("of a class that Lockstep does not patch", "patch them by other means"),
}
"""What each kind means and what to do next, in the order in which a report has them."""


def outside_rows(
    groups: Mapping[str, Collection[str]], looked: Mapping[str, int | None], now_ms: int, max_age_ms: int
) -> list[dict[str, Any]]:
    """`[{what, why, next, hosts, oldest_ms}]` of the kinds that have hosts.

    `groups`: the inventory's, with `all`. `looked`: for each host of the ledger when it last answered (UTC
    milliseconds), None for one that never has.
    """
    everyone = set(groups.get("all", ()))
    unmanaged = everyone.intersection(groups.get(UNMANAGED, ()))
    managed = everyone - unmanaged
    answered = {host: ms for host, ms in looked.items() if ms is not None}
    found: dict[str, Collection[str]] = {
        UNASSIGNED: managed.intersection(groups.get(UNASSIGNED, ())),
        "never_reached": managed - answered.keys(),
        "stale": {host for host in managed if now_ms - answered.get(host, now_ms) > max_age_ms},
        NOT_IN_CMDB: managed.intersection(groups.get(NOT_IN_CMDB, ())),
        "not_in_inventory": answered.keys() - everyone,
        UNMANAGED: unmanaged,
    }
    rows = []
    for what, (why, then) in TEXTS.items():
        hosts = sorted(found[what])
        if hosts:
            times = [answered[host] for host in hosts if host in answered]
            rows.append(
                {
                    "what": what,
                    "why": why,
                    "next": then,
                    "hosts": [say(host) for host in hosts],
                    "oldest_ms": min(times, default=None),
                }
            )
    return rows


def mark_stale(states: Collection[dict[str, Any]], now_ms: int, max_age_ms: int) -> list[dict[str, Any]]:
    """The states; those whose answer is older than allowed get `stale`, why nothing of it holds any more."""
    return [
        {**state, "stale": f"it last answered at {utc(state['seen_ms'])}, longer ago than looks.max_age allows"}
        if state.get("reachable") and state.get("seen_ms") is not None and now_ms - state["seen_ms"] > max_age_ms
        else state
        for state in states
    ]
