# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Durations and counts as people write them in a policy. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

DURATION = r"^(0|[0-9]{1,6}(s|m|h|d|w))$"
"""`90m`, `24h`, `7d`, `2w`, `30s`, `0`: a whole number and one unit."""
PERCENT = r"^(100|[0-9]{1,2})%$"

_UNIT_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


class Count(NamedTuple):
    """A number of hosts, or a share of a group of hosts."""

    value: int
    percent: bool

    def of(self, total: int) -> int:
        """How many of `total` hosts that is, rounded down: 1 % of 4 hosts allows none."""
        return total * self.value // 100 if self.percent else self.value

    def __str__(self) -> str:
        return f"{self.value}%" if self.percent else str(self.value)


def duration_ms(text: str | int) -> int:
    """Milliseconds of a duration; ValueError if it is none."""
    text = str(text)
    if not re.match(DURATION, text):
        raise ValueError(f"{text!r} is no duration; write 90m, 24h or 7d")
    return 0 if text == "0" else int(text[:-1]) * _UNIT_MS[text[-1]]


def duration_text(ms: int) -> str:
    """The shortest way to write a duration, rounded down to its largest two units: `1d 6h`, `45m`, `0`."""
    parts: list[str] = []
    for unit in "dhms":
        count, ms = divmod(ms, _UNIT_MS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0"


def count(value: str | int) -> Count:
    """A count of a policy, `3` or `"10%"`; ValueError if it is neither."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError(f"{value!r} is no count; write 3 or 10%")
    if isinstance(value, int):
        if value < 0:
            raise ValueError(f"{value} is negative; write 3 or 10%")
        return Count(value, False)
    if re.match(PERCENT, value):
        return Count(int(value[:-1]), True)
    raise ValueError(f"{value!r} is no count; write 3 or 10%")
