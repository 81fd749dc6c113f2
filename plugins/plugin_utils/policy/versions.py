# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Order of Debian package versions, as deb-version(7) defines it. Pure.

The controller may be no Debian machine and hosts differ, so no host's tool can be asked.
"""

from __future__ import annotations

from functools import cmp_to_key, lru_cache

Parts = tuple[int, tuple["str | int", ...], tuple["str | int", ...]]


def _weight(char: str) -> int:
    """`~` sorts before the end, the end before letters, letters before the rest."""
    if char == "~":
        return -1
    return ord(char) if char.isalpha() else ord(char) + 256


def _pieces(text: str) -> tuple[str | int, ...]:
    """Alternating runs of non-digits and numbers, starting with non-digits."""
    pieces: list[str | int] = []
    at = 0
    while at < len(text):
        start = at
        while at < len(text) and not text[at].isdigit():
            at += 1
        pieces.append(text[start:at])
        start = at
        while at < len(text) and text[at].isdigit():
            at += 1
        pieces.append(int(text[start:at] or "0"))
    return tuple(pieces)


@lru_cache(maxsize=65536)
def _split(version: str) -> Parts:
    epoch, colon, rest = version.partition(":")
    if not colon or not epoch.isdigit():
        epoch, rest = "0", version
    upstream, _dash, revision = rest.rpartition("-")
    if not upstream:
        upstream, revision = revision, ""
    return int(epoch), _pieces(upstream), _pieces(revision)


def _compare_text(one: str, two: str) -> int:
    for at in range(max(len(one), len(two))):
        first = _weight(one[at]) if at < len(one) else 0
        second = _weight(two[at]) if at < len(two) else 0
        if first != second:
            return -1 if first < second else 1
    return 0


def _compare_pieces(one: tuple[str | int, ...], two: tuple[str | int, ...]) -> int:
    for at in range(max(len(one), len(two))):
        if at % 2 == 0:
            order = _compare_text(str(one[at]) if at < len(one) else "", str(two[at]) if at < len(two) else "")
        else:
            first, second = int(one[at]) if at < len(one) else 0, int(two[at]) if at < len(two) else 0
            order = (first > second) - (first < second)
        if order:
            return order
    return 0


def compare(one: str, two: str) -> int:
    """-1, 0 or 1: is `one` older than, as old as, or newer than `two`?"""
    if one == two:
        return 0
    first, second = _split(one), _split(two)
    if first[0] != second[0]:
        return -1 if first[0] < second[0] else 1
    return _compare_pieces(first[1], second[1]) or _compare_pieces(first[2], second[2])


order = cmp_to_key(compare)
"""Sort key of versions, oldest first."""
