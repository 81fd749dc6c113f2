# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Small texts that every message shares. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone
from difflib import get_close_matches


def plain(text: object, limit: int = 300) -> str:
    """Text that a host or a file supplied, safe on a terminal: one line, controls and bidirectional marks shown as
    `?`."""
    line = "".join(char if char.isprintable() else " " if char in "\n\t" else "?" for char in str(text))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def one_line(text: str) -> str:
    """A message of several lines as one: what a colon announces follows it, everything else is parted by semicolons."""
    line = ""
    for part in (" ".join(piece.split()) for piece in text.splitlines()):
        if part:
            line += part if not line else f" {part}" if line.endswith((":", ";")) else f"; {part}"
    return line


def names(items: Iterable[str], show: int = 5) -> str:
    """`a, b, c and 4 more`."""
    known = [plain(item, 100) for item in items]
    more = len(known) - show
    return ", ".join(known[:show]) + (f" and {more} more" if more > 0 else "")


def plural(number: int, one: str) -> str:
    """`1 host`, `0 hosts`."""
    return f"{number} {one}{'' if number == 1 else 's'}"


def utc(ms: int) -> str:
    """`2026-11-21 14:05 UTC`; a time that the calendar lacks is given as its number."""
    try:
        return datetime.fromtimestamp(ms / 1000, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError, OSError):
        return f"{ms} ms"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing where no known word is near."""
    near = get_close_matches(str(word), list(known), n=1, cutoff=0.6)
    return f"; did you mean '{plain(near[0], 100)}'?" if near else ""
