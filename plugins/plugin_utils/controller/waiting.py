# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a run ends whose hosts wait: for a window, the end of a freeze, or their share of a budget."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sized
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import RunFiles
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.turns import Later, Turns, later, read_later
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names, plural, utc

BY_CLOCK = ("window", "freeze", "short", "never", "broken")
"""Kinds that only time or a mended policy ends; they are answered afresh when a run ends."""


def waiting_hosts(
    files: RunFiles, turns: Turns, rings: Mapping[str, str], hosts: Iterable[str], now_ms: int
) -> dict[str, Later]:
    """Which of these hosts wait and for what, as it is now. `rings` has each host's ring."""
    found = read_later(files, hosts)
    for host, reason in found.items():
        if reason["kind"] in BY_CLOCK:
            opening = turns.opening(host, rings[host], now_ms)
            found[host] = {**reason, "until_ms": now_ms} if opening.open else later(opening)
    return found


def decision(ring: str, waiting: Mapping[str, Later]) -> dict[str, Any]:
    """One gate's answer for hosts that all wait: `{decision, until_ms, why, next}`.

    It is `stop` where somebody waits for what no time brings.
    """
    groups: dict[tuple[Any, ...], list[str]] = {}
    for host, reason in waiting.items():
        known = reason["until_ms"] is not None or reason.get("until")
        groups.setdefault((bool(known), reason["why"], reason["next"], reason.get("until") or ""), []).append(host)
    stuck = sorted(key for key in groups if not key[0])
    chosen = stuck or sorted(groups)
    said = [f"{_count(groups[key])} ({names(groups[key])}): {key[1]}" for key in chosen]
    text = "; ".join(said[:3]) + (f"; and {len(said) - 3} more reasons" if len(said) > 3 else "")
    if stuck:
        rest = len(waiting) - sum(len(groups[key]) for key in stuck)
        more = f"; besides, {_count(range(rest))} for a time that is known" if rest else ""
        return {"decision": "stop", "until_ms": None, "why": f"ring '{ring}': {text}{more}", "next": stuck[0][2]}
    times = [reason["until_ms"] for reason in waiting.values() if reason["until_ms"] is not None]
    until = utc(min(times)) if times else next(key[3] for key in chosen)
    return {
        "decision": "wait",
        "until_ms": min(times, default=None),
        "why": f"ring '{ring}': {text} until {until}",
        "next": chosen[0][2],
    }


def _count(hosts: Sized) -> str:
    return f"{plural(len(hosts), 'host')} {'waits' if len(hosts) == 1 else 'wait'}"
