# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Dates as publishers write them."""

from __future__ import annotations

from datetime import datetime, timezone


def milliseconds(text: object) -> int | None:
    """UTC milliseconds of an ISO 8601 date or time; None for what is none. Without a zone it is UTC."""
    if not isinstance(text, str) or not 10 <= len(text) <= 40:
        return None
    plain = text.strip().replace("Z", "+00:00")
    head, dot, rest = plain.partition(".")
    if dot:  # Python 3.10 reads only 3 or 6 digits of a second
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        plain = head + rest[len(digits) :]
    if len(plain) > 5 and plain[-5] in "+-" and plain[-4:].isdigit():
        plain = plain[:-2] + ":" + plain[-2:]
    try:
        when = datetime.fromisoformat(plain)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=timezone.utc)
    try:
        return int(when.timestamp()) * 1000
    except (OverflowError, OSError, ValueError):
        return None
