# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A fixed division of packages into shelves, by their names alone. Pure.

What hosts have, and what is open there, is worked out, stored and told shelf by shelf: hosts that differ in a few
packages share all other shelves. The number is part of what ledgers keep: another one makes every shelf anew.
"""

from __future__ import annotations

from functools import lru_cache
from zlib import crc32

SHELVES = 64


@lru_cache(maxsize=100_000)
def shelf_of(package: str) -> int:
    """The shelf of a package, as vulnerability data name it."""
    return crc32(package.encode("utf-8", "replace")) % SHELVES
