# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""RPM versions ([epoch:]version[-release]), compared as rpm does (rpmvercmp, with tilde and caret)."""

import re

_SEGMENTS = re.compile(r"[0-9]+|[A-Za-z]+|~|\^")
_VALID = re.compile(r"(?:[0-9]{1,9}:)?[0-9A-Za-z._+%{}~^]+(?:-[0-9A-Za-z._+%{}~^]+)?\Z")
_TILDE, _END, _CARET, _LETTERS, _NUMBER = "\x01", "\x02", "\x03", "\x04", "\x05"


def version_key(version):
    """Return text that sorts as rpm sorts the version; no epoch is 0, no release is before every release."""
    epoch, colon, rest = version.partition(":")
    if not colon or not epoch.isdigit():
        epoch, rest = "0", version
    number, dash, release = rest.rpartition("-")
    if not dash:
        return _number(epoch) + _key(rest)
    return _number(epoch) + _key(number) + _key(release)


def newer(left, right):
    """Say whether version left is newer than version right."""
    return version_key(left) > version_key(right)


def valid(version):
    """Say whether rpm could have such a version: what is not one is never compared, but called unknown."""
    return bool(_VALID.match(version)) and len(version) <= 256


def _key(text):
    # separators only separate; a number is after letters, and "~" before the end
    return "".join(_segment(part) for part in _SEGMENTS.findall(text)) + _END


def _segment(part):
    if part == "~":
        return _TILDE
    if part == "^":
        return _CARET
    if part[0].isdigit():
        return _NUMBER + _number(part)
    return _LETTERS + part + "\x00"


def _number(digits):
    # longer numbers are bigger; never int(), which refuses very long ones
    digits = digits.lstrip("0")
    return chr(len(digits)) + digits
