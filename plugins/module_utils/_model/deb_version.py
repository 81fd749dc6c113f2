# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Debian version numbers, compared as dpkg does (Debian policy 5.6.12)."""

import re

_PARTS = re.compile(r"([0-9]+)")
_VALID = re.compile(r"(?:[0-9]{1,9}:)?[0-9A-Za-z][0-9A-Za-z.+~-]*\Z")
_END = "\x02"  # ends a text part: after "~", before everything else
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_WEIGHTS = {code: chr(code + 256) for code in range(256) if chr(code) not in _LETTERS}
_WEIGHTS[ord("~")] = "\x01"


def version_key(version):
    """Return text that sorts as dpkg sorts the version."""
    epoch, colon, rest = version.partition(":")
    if not colon or not epoch.isdigit():
        epoch, rest = "0", version
    upstream, dash, revision = rest.rpartition("-")
    if not dash:
        upstream, revision = rest, ""
    return _number(epoch) + _key(upstream) + _key(revision)


def newer(left, right):
    """Say whether version left is newer than version right."""
    return version_key(left) > version_key(right)


def valid(version):
    """Say whether dpkg could have such a version: what is not one is never compared, but called unknown."""
    return bool(_VALID.match(version)) and not version.endswith("-") and len(version) <= 256


def _key(text):
    # text and number parts alternate, text first; what is missing counts as no text and the number 0
    parts = _PARTS.split(text) + ["0"]
    pairs = [(parts[at], parts[at + 1].lstrip("0")) for at in range(0, len(parts), 2)]
    while len(pairs) > 1 and pairs[-1] == ("", ""):
        pairs.pop()
    return "".join(part.translate(_WEIGHTS) + _END + _number(number) for part, number in pairs) + _END + _number("")


def _number(digits):
    # longer numbers are bigger; never int(), which refuses very long ones
    digits = digits.lstrip("0")
    return chr(len(digits)) + digits
