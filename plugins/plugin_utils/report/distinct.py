# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rows stored once and referred to by number, as 10,000 hosts share a few hundred different package steps. Pure."""

from __future__ import annotations

from typing import Any


class Distinct:
    """Dictionaries whose values are scalars; the same dictionary has the same number."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self._numbers: dict[tuple[Any, ...], int] = {}

    def add(self, row: dict[str, Any]) -> int:
        """The row's number, counted from 0."""
        key = tuple(row.values())
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.rows)
            self.rows.append(row)
        return number
