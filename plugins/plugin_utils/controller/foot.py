# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines at the foot of a terminal, below everything that others print.

The rows above them are made the terminal's scrolling region, as apt does it for its progress bar: whatever writes to
the terminal, in whatever way, scrolls there and never meets the lines.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from typing import TextIO

LEAST_ROWS = 12
"""A terminal with fewer rows is left alone."""


class Foot:
    """`size` gives the terminal's columns and rows."""

    def __init__(self, stream: TextIO, size: Callable[[], tuple[int, int]]) -> None:
        self._stream, self._size = stream, size
        self._kept = self._rows = 0
        self._owner = os.getpid()
        self._armed = False

    @property
    def width(self) -> int:
        return self._size()[0]

    def draw(self, lines: list[str]) -> None:
        """Show these lines instead of those before."""
        _columns, rows = self._size()
        if rows < LEAST_ROWS:
            self.close()
            return
        lines = lines[: rows // 2]
        text = ""
        if (len(lines), rows) != (self._kept, self._rows):
            text = self._erase() + self._reserve(len(lines), rows)
        at = rows - len(lines)
        shown = "".join(f"\033[{at + number};1H\033[2K{line}" for number, line in enumerate(lines, 1))
        self._write(f"{text}\0337{shown}\0338")

    def close(self) -> None:
        """Give the rows back."""
        if self._kept and os.getpid() == self._owner:
            self._write(self._erase())
            self._kept = 0

    def _reserve(self, kept: int, rows: int) -> str:
        """Scroll what stands there up, then keep the last rows out of the scrolling region."""
        if not self._armed:
            self._armed = True
            atexit.register(self.close)
        self._kept, self._rows = kept, rows
        return "\n" * kept + f"\033[{kept}A\0337\033[1;{rows - kept}r\0338"

    def _erase(self) -> str:
        return (
            "\0337\033[r\0338\0337" + f"\033[{max(1, self._rows - self._kept + 1)};1H\033[J\0338" if self._kept else ""
        )

    def _write(self, text: str) -> None:
        encoding = self._stream.encoding or "ascii"
        self._stream.write(text.encode(encoding, "replace").decode(encoding))
        self._stream.flush()
