# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Versions of apk packages, compared as apk-package(5) says: number{.number}{letter}{_suffix{number}}{~hash}{-rN}."""

import re

_VERSION = re.compile(
    r"(?P<first>[0-9]+)(?P<numbers>(?:\.[0-9]+)*)(?P<letter>[a-z]?)"
    r"(?P<suffixes>(?:_(?:alpha|beta|pre|rc|cvs|svn|git|hg|p)[0-9]*)*)(?P<hash>(?:~[0-9a-f]+)?)(?:-r(?P<build>[0-9]+))?\Z"
)
_SUFFIX = re.compile(r"_([a-z]+)([0-9]*)")
_BEFORE = ("alpha", "beta", "pre", "rc")
_AFTER = ("cvs", "svn", "git", "hg", "p")
# what may follow a part that is equal, oldest first
_PRE, _END, _BUILD, _HASH, _NUMBER_OF_SUFFIX, _POST, _LETTER, _NUMBER = (chr(code) for code in range(1, 9))


def version_key(version):
    """Return text that sorts as apk sorts the version; one that apk would not have is before all others."""
    found = _VERSION.match(version)
    if not found:
        return "\x00" + version
    key = _number(found.group("first"))
    for number in found.group("numbers").split(".")[1:]:
        # with a leading zero it is text, as decimals are: 1.05 is before 1.1
        key += _NUMBER + ("\x00" + number + "\x00" if number[0] == "0" else _number(number))
    if found.group("letter"):
        key += _LETTER + found.group("letter")
    for name, number in _SUFFIX.findall(found.group("suffixes")):
        key += _PRE + chr(1 + _BEFORE.index(name)) if name in _BEFORE else _POST + chr(1 + _AFTER.index(name))
        key += _NUMBER_OF_SUFFIX + _number(number) if number else ""
    if found.group("hash"):
        key += _HASH + found.group("hash") + "\x00"
    if found.group("build") is not None:
        key += _BUILD + _number(found.group("build"))
    return key + _END


def newer(left, right):
    """Say whether version left is newer than version right."""
    return version_key(left) > version_key(right)


def valid(version):
    """Say whether apk could have such a version: what is not one is never compared, but called unknown."""
    return bool(_VERSION.match(version)) and len(version) <= 256


def _number(digits):
    # longer numbers are bigger; never int(), which refuses very long ones
    digits = digits.lstrip("0")
    return chr(1 + len(digits)) + digits
