# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""EPSS scores as FIRST publishes them: a `#` line with the date, a header, and a row for each CVE."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.dates import milliseconds
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.errors import FeedError
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.records import (
    CVE,
    About,
    Record,
    Rejected,
    Scored,
)

_DATE = re.compile(r"score_date:([0-9T:+-]+)")
_HEADER = "cve,epss,percentile"


def looks_like(start: str) -> bool:
    return start.startswith(("#model_version", "#score_date", _HEADER))


def read(lines: Iterable[str], where: str) -> Iterator[Record]:
    """A Scored for each row. where: the file; FeedError when it has no header."""
    header = False
    for number, line in enumerate(lines, start=1):
        text = line.rstrip("\r\n")
        if not header:
            found = _DATE.search(text) if text.startswith("#") else None
            when = milliseconds(found.group(1)) if found else None
            if when is not None:
                yield About(when)
            if not text.startswith("#"):
                if text.strip().lower() != _HEADER:
                    raise FeedError(f"line {number} is not the header {_HEADER!r}", where, "fetch the file again")
                header = True
            continue
        if not text:
            continue
        cve, _comma, rest = text.partition(",")
        score, _comma, percentile = rest.partition(",")
        try:
            numbers = float(score), float(percentile)
        except ValueError:
            numbers = (-1.0, -1.0)
        if not CVE.match(cve) or not all(0.0 <= each <= 1.0 for each in numbers):
            yield Rejected(f"{where}: line {number}", f"it is no CVE with two numbers from 0 to 1: {text[:80]!r}")
            continue
        yield Scored(cve, *numbers)
    if not header:
        raise FeedError("it has no rows", where, "fetch the file again")
