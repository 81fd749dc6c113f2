# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Text that hosts supply, made harmless, and its width on a terminal. Pure."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any

_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[PX^_][^\x1b\n]*\x1b\\|[ -/]*[0-~])"
)
_BLANK = re.compile("[\t\n\x0b\x0c\r\x85\u2028\u2029]+")
# C0 and C1 controls, zero-width and bidirectional marks, tags: they hide text or show it in an order that is not its
# own
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e01ef]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
LIMIT = 2000


@lru_cache(maxsize=65536)
def clean(text: str) -> str:
    """One line without escape sequences, controls, bidirectional marks or lone surrogates, of at most LIMIT
    characters."""
    if text.isascii() and text.isprintable() and len(text) <= LIMIT:
        return text
    text = _BLANK.sub(" ", _SEQUENCE.sub("", text))
    text = _SURROGATE.sub("\ufffd", _HIDDEN.sub("", text))
    return text if len(text) <= LIMIT else text[: LIMIT - 1] + "…"


def say(value: Any, default: str = "") -> str:
    """Any value as clean text; None is the default."""
    return default if value is None else clean(value if isinstance(value, str) else str(value))


def width(text: str) -> int:
    """Terminal columns of clean text."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def fit(text: str, columns: int) -> str:
    """The text in at most that many columns; what is cut off shows as an ellipsis."""
    if width(text) <= columns:
        return text
    kept, used = [], 0
    for char in text:
        used += _columns(char)
        if used > columns - 1:
            break
        kept.append(char)
    return "".join(kept) + "…" if columns > 0 else ""


def pad(text: str, columns: int, right: bool = False) -> str:
    """The text in exactly that many columns."""
    text = fit(text, columns)
    blank = " " * (columns - width(text))
    return blank + text if right else text + blank


def wrap(text: str, columns: int) -> list[str]:
    """Lines of at most that many columns, broken at spaces, and inside words only where a word is longer than a
    line."""
    lines, line = [], ""
    for word in text.split():
        while width(word) > columns:
            head = fit(word, columns + 1)[:-1] if not line else ""
            if line:
                lines.append(line)
                line = ""
                continue
            lines.append(head)
            word = word[len(head) :]
        joined = f"{line} {word}" if line else word
        if width(joined) > columns:
            lines.append(line)
            line = word
        else:
            line = joined
    if line or not lines:
        lines.append(line)
    return lines


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 host`, `3 hosts`, `12,000 hosts`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def names(hosts: list[str], show: int) -> str:
    """The first names, and how many more there are."""
    more = len(hosts) - show
    return ", ".join(hosts[:show]) + (f" … and {more:,} more" if more > 0 else "")
