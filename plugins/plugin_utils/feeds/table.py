# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one feed says of one package, in the order of versions, so that one look finds all that a version lacks."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.records import Row
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.versions import order
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import (
    FIX,
    FIXED,
    NO_FIX,
    NOT_AFFECTED,
    UNKNOWN,
)


class Hit(NamedTuple):
    """What one advisory says of one version. source: number of the feed; advisory: number in its part."""

    source: int
    advisory: int
    status: str
    fixed: str | None
    why: str


def modular(version: str | None) -> bool:
    """Whether a version is of a package that belongs to a module."""
    return version is not None and (".module" in version)


class Table:
    """Rows of one package in one feed, for one module stream."""

    def __init__(self, source: int, rows: Iterable[tuple[int, Row, str]], scheme: str) -> None:
        """rows: (advisory, row, why it is in doubt that it is about this, or empty)."""
        self.scheme = scheme
        fixes: list[tuple[str, Hit]] = []
        self.others: list[tuple[int, Row, str]] = []
        self.source = source
        for advisory, row, doubt in rows:
            if row.fixed is None or row.introduced != "0" or row.state or doubt:
                self.others.append((advisory, row, doubt))
            else:
                key = order(row.fixed, scheme)
                fixes.append((key, Hit(source, advisory, FIX, row.fixed, row.note)))
        fixes.sort(key=lambda pair: (pair[0], pair[1].advisory))
        self.keys = [key for key, _hit in fixes]
        self.hits = tuple(hit for _key, hit in fixes)

    def open(self, version: str) -> tuple[Hit, ...]:
        """What affects a version, or may."""
        at = bisect_right(self.keys, order(version, self.scheme))
        found = self.hits[at:]
        if self.others:
            found += tuple(hit for hit in self._others(version) if _is_open(hit))
        return found

    def closed(self, version: str) -> tuple[Hit, ...]:
        """What does not affect a version."""
        at = bisect_right(self.keys, order(version, self.scheme))
        found = tuple(hit._replace(status=FIXED) for hit in self.hits[:at])
        return found + tuple(hit for hit in self._others(version) if not _is_open(hit))

    def _others(self, version: str) -> Iterator[Hit]:
        return (self._other(item, version) for item in self.others)

    def _other(self, item: tuple[int, Row, str], version: str) -> Hit:
        advisory, row, doubt = item
        if row.state:
            return Hit(self.source, advisory, row.state, None, row.note)
        key = order(version, self.scheme)
        if row.introduced != "0" and key < order(row.introduced, self.scheme):
            return Hit(self.source, advisory, NOT_AFFECTED, row.fixed, f"it came with {row.introduced}")
        if row.last is not None:
            if key > order(row.last, self.scheme):
                return Hit(self.source, advisory, FIXED, None, f"the last affected version is {row.last}")
            why = f"versions after {row.last} are not affected; the feed does not say which one is fixed"
            return Hit(self.source, advisory, NO_FIX, None, why)
        if row.fixed is None:
            return Hit(self.source, advisory, NO_FIX, None, row.note)
        if key >= order(row.fixed, self.scheme):
            return Hit(self.source, advisory, FIXED, row.fixed, row.note)
        if doubt:
            return Hit(self.source, advisory, UNKNOWN, row.fixed, doubt)
        return Hit(self.source, advisory, FIX, row.fixed, row.note)


def _is_open(hit: Hit) -> bool:
    return hit.status in (FIX, NO_FIX, UNKNOWN)
