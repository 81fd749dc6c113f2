# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""UTC milliseconds as people read them. Pure: now is an argument."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

DAY = 86_400_000
_LATEST = 253_402_300_799_000


def moment(value: Any) -> int | None:
    """A time that a person can be shown, or None: hosts can send anything."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _LATEST:
        return None
    return value


def _date(ms: int) -> datetime:
    return datetime.fromtimestamp(ms // 1000, tz=timezone.utc)


def utc(ms: int | None) -> str:
    """`2026-11-21 00:37 UTC`, or `unknown`."""
    return "unknown" if ms is None else _date(ms).strftime("%Y-%m-%d %H:%M UTC")


def day(ms: int | None) -> str:
    """`2026-11-21`, or `unknown`."""
    return "unknown" if ms is None else _date(ms).strftime("%Y-%m-%d")


def iso(ms: int | None) -> str:
    """`2026-11-21T00:37:25Z` for machines, or an empty text."""
    return "" if ms is None else _date(ms).strftime("%Y-%m-%dT%H:%M:%SZ")


def length(ms: int) -> str:
    """A length of time in its two largest units: `3 d 4 h`, `12 min`, `45 s`."""
    seconds = abs(ms) // 1000
    for size, name, small, under in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            rest = seconds % size // small
            many = seconds // size
            return f"{many} {name} {rest} {under}" if rest and many < 10 else f"{many} {name}"
    return f"{seconds} s"


def age(ms: int | None, now_ms: int) -> str:
    """`12 days ago`, `3 h ago`, `in 2 h`, or `unknown`."""
    if ms is None:
        return "unknown"
    past = now_ms - ms
    if past < 0:
        return f"in {length(past)}"
    if past >= 2 * DAY:
        return f"{past // DAY} days ago"
    return f"{length(past)} ago" if past >= 60_000 else "just now"
