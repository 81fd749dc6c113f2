# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Debian version numbers, compared as dpkg does (Debian policy 5.6.12)."""

import re

_PARTS = re.compile(r"(\d+)")
_END = ((0,), 0)  # a missing part counts as no text and the number 0


def version_key(version):
    """Return a value that sorts as dpkg sorts the version."""
    epoch, colon, rest = version.partition(":")
    if not colon or not epoch.isdigit():
        epoch, rest = "0", version
    upstream, dash, revision = rest.rpartition("-")
    if not dash:
        upstream, revision = rest, ""
    return int(epoch), _key(upstream), _key(revision)


def newer(left, right):
    """Say whether version left is newer than version right."""
    return version_key(left) > version_key(right)


def _key(text):
    # text and number parts alternate, text first; "~" sorts before the end, letters before everything else
    parts = _PARTS.split(text) + ["0"]
    pairs = [(tuple(_weight(char) for char in parts[at]) + (0,), int(parts[at + 1])) for at in range(0, len(parts), 2)]
    while pairs and pairs[-1] == _END:
        pairs.pop()
    return tuple(pairs) + (_END,)


def _weight(char):
    if char == "~":
        return -1
    return ord(char) if char.isalpha() else ord(char) + 65536
