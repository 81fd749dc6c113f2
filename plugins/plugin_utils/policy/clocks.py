# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Do the clocks of hosts and of the controller agree? Pure; times are UTC milliseconds.

Windows, soaks and ages go by the controller's clock, and nothing on the controller says whether it is right. The hosts
that a run talks to do: where half of them and more have another time, one of the two is wrong, and nothing is started.
"""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names, plural

LIMIT_MS = 5 * 60 * 1000
DISAGREE = "and this controller's do not agree"
NEXT = "compare with a clock that you trust, set the wrong one (timedatectl), and run again; nothing was started"


def offset(told_ms: int, before_ms: int, after_ms: int) -> int:
    """How far a host's clock is ahead of the controller's (negative: behind), 0 when it agrees within five minutes.

    told_ms: what the host says; before_ms, after_ms: the controller's clock when the host was asked and had answered.
    """
    if told_ms < before_ms - LIMIT_MS:
        return told_ms - before_ms
    if told_ms > after_ms + LIMIT_MS:
        return told_ms - after_ms
    return 0


def disagreement(off: Mapping[str, int], asked: int) -> str:
    """Why nothing may start by this controller's clock, or "". off: host to offset, those that agree left out."""
    if not off or 2 * len(off) < asked:
        return ""
    return f"the clocks of {len(off)} of {plural(asked, 'host')} {DISAGREE} ({_told(off)})"


def note(off: Mapping[str, int]) -> str:
    """What the closing line says of hosts whose clock is wrong, or ""."""
    return f"clocks differ from this controller's: {_told(off)}" if off else ""


def _told(off: Mapping[str, int]) -> str:
    return names([f"{host} is {span(ms)}" for host, ms in sorted(off.items())])


def span(ms: int) -> str:
    """'3 days ahead', '2 h behind', '7 min ahead'."""
    minutes = round(abs(ms) / 60_000)
    days, hours = round(minutes / 1440), round(minutes / 60)
    long = plural(days, "day") if minutes > 47 * 60 else f"{hours} h" if minutes > 119 else f"{minutes} min"
    return f"{long} {'ahead' if ms > 0 else 'behind'}"
