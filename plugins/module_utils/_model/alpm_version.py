# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Versions of pacman packages ([epoch:]version-release), compared as pacman's vercmp does."""

import re

# how much separates a segment from the one before counts too: 1.0rc is before 1.0, 1.0.rc after it
_SEGMENTS = re.compile(r"([^0-9A-Za-z]*)([0-9]+|[A-Za-z]+)")
_VALID = re.compile(r"(?:[0-9]{1,9}:)?[0-9A-Za-z](?:[0-9A-Za-z._+~]*[0-9A-Za-z])?-[0-9]+(?:\.[0-9]+)*\Z")
_LETTERS, _END, _NUMBER, _SEPARATOR = "\x01", "\x02", "\x03", "\x04"


def version_key(version):
    """Return text that sorts as vercmp sorts the version; no epoch is 0, no release is before every release."""
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
    """Say whether makepkg could have made such a version: what is not one is never compared, but called unknown."""
    return bool(_VALID.match(version)) and len(version) <= 256


def _key(text):
    # ASCII only: pacman's own isalnum() in the C locale
    return "".join(_segment(gap, part) for gap, part in _SEGMENTS.findall(text)) + _END


def _segment(gap, part):
    kind = _NUMBER + _number(part) if part[0].isdigit() else _LETTERS + part + "\x00"
    return (_SEPARATOR + chr(len(gap)) if gap else "") + kind


def _number(digits):
    # longer numbers are bigger; never int(), which refuses very long ones
    digits = digits.lstrip("0")
    return chr(len(digits)) + digits
