# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Version ranges as people write them: `>=1.2, <2`, `1.2.*`, `1.2-3`. Pure."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import NamedTuple

try:
    from packaging.version import InvalidVersion, Version
except ImportError:  # without it pip's versions have no order, and everything else works
    InvalidVersion, Version = ValueError, None  # type: ignore[assignment, misc]

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy import versions

_PART = re.compile(r"^(>=|<=|==|!=|>|<|=)?\s*([^\s<>=!]+)$")
_PRERELEASE = re.compile(r"[-.](?=[A-Za-z])")
PIP, PLAIN = "pip", "plain"


def scheme(kind: str) -> str:
    """How versions of a kind of software are ordered: a scheme of `versions`, pip's own, or plain numbers and words."""
    return kind if kind in versions.SCHEMES else PIP if kind == "pip" else PLAIN


def order(version: str, how: str) -> str:
    """Text that sorts as the versions do."""
    if how == PIP:
        return _pip(Version(version))
    if how == PLAIN:
        # rpm's order of numbers and words fits; 1.0-rc1 and 1.0.rc1 come before 1.0
        return versions.order(_PRERELEASE.sub("~", version.lstrip("vV")), versions.RPM)
    return versions.order(version, how)


def valid(version: str, how: str) -> bool:
    """Whether it can be ordered at all."""
    if how == PIP:
        if Version is None:
            return False
        try:
            Version(version)
        except InvalidVersion:
            return False
        return True
    return bool(version) and (how == PLAIN or versions.valid(version, how))


def _pip(version: Version) -> str:
    # a text key: what packaging orders is a tuple of tuples and infinities
    release = ".".join(str(number) for number in version.release)
    text = f"{version.epoch}:{release}"
    if version.pre:
        text += f"~{version.pre[0]}{version.pre[1]}"
    elif version.dev is not None and version.post is None:
        text += "~~"
    if version.post is not None:
        text += f".post{version.post}"
    if version.dev is not None:
        text += f"~dev{version.dev}"
    return versions.order(text, versions.RPM)


class Range(NamedTuple):
    """Parts that all hold; an empty operator is a glob of the whole version."""

    parts: tuple[tuple[str, str], ...]

    def holds(self, version: str, how: str) -> bool:
        """Whether a version is in it; one that cannot be compared is in no range with an order."""
        return all(_holds(version, sign, wanted, how) for sign, wanted in self.parts)

    def __str__(self) -> str:
        return ", ".join(sign + wanted for sign, wanted in self.parts)


def parse(text: str) -> Range:
    """A range; ValueError with a sentence for what is none."""
    parts = []
    for piece in str(text).split(","):
        found = _PART.match(piece.strip())
        if not found:
            raise ValueError(f"'{text}' is no version range; write for example '>=1.2, <2', '1.2.*' or '1.2-3'")
        parts.append((found.group(1) or "", found.group(2)))
    return Range(tuple(parts))


def _holds(version: str, sign: str, wanted: str, how: str) -> bool:
    if sign == "":
        return fnmatchcase(version, wanted)
    if not valid(version, how) or not valid(wanted, how):
        return sign == "!=" and version != wanted
    left, right = order(version, how), order(wanted, how)
    return {
        ">=": left >= right,
        "<=": left <= right,
        ">": left > right,
        "<": left < right,
        "!=": left != right,
    }.get(sign, left == right)
