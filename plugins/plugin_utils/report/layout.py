# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines of a terminal summary: colours, tables and lists that keep to a width. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.lockstep.patching.plugins.plugin_utils.report.text import clean, fit, pad, width, wrap

COLORS = {"bad": "31;1", "warn": "33", "ok": "32", "info": "34", "unk": "35", "bold": "1", "soft": "2"}
Cell = tuple[str, str]
"""A text and its colour, an empty one for none."""


class Layout:
    """Collects lines; none of them is wider than `columns`."""

    def __init__(self, columns: int, color: bool) -> None:
        self.columns = max(columns, 40)
        self.color = color
        self.lines: list[str] = []

    def paint(self, text: str, css: str) -> str:
        return f"\x1b[{COLORS[css]}m{text}\x1b[0m" if self.color and css and text.strip() else text

    def blank(self) -> None:
        if self.lines and self.lines[-1]:
            self.lines.append("")

    def text(self, text: str, css: str = "", indent: int = 0, hang: int = 0) -> None:
        """Text broken into lines, those after the first `hang` columns further in."""
        first, *rest = wrap(clean(text), self.columns - indent - hang)
        self.lines.append(" " * indent + self.paint(first, css))
        self.lines.extend(" " * (indent + hang) + self.paint(line, css) for line in rest)

    def heading(self, text: str) -> None:
        self.blank()
        self.text(text, "bold")

    def fact(self, label: str, cells: Iterable[Cell], label_columns: int = 23) -> None:
        """A label and what is known of it; parts that do not fit go on the next line."""
        start = "  " + pad(label, label_columns)
        line, used = start, width(start)
        for place, (text, css) in enumerate(cells):
            text = fit(clean(text), self.columns - width(start))
            between = " · " if place else ""
            if place and used + width(between) + width(text) > self.columns:
                self.lines.append(line.rstrip())
                line, used, between = " " * width(start), width(start), ""
            line += between + self.paint(text, css)
            used += width(between) + width(text)
        self.lines.append(line.rstrip())

    def table(self, head: list[str], rows: list[list[Cell]], right: set[int], stretch: int = 0) -> None:
        """Columns as wide as their content; only column `stretch` is cut where the terminal is too narrow."""
        texts = [[clean(text) for text, _css in row] for row in rows]
        sizes = [max([width(head[column]), *(width(row[column]) for row in texts)]) for column in range(len(head))]
        room = self.columns - 2 - 2 * (len(head) - 1) - sum(sizes)
        sizes[stretch] = max(min(8, sizes[stretch]), sizes[stretch] + min(room, 0))
        self.lines.append(self._row([(text, "soft") for text in head], sizes, right))
        self.lines.extend(
            self._row([(text, css) for text, (_raw, css) in zip(clear, row, strict=True)], sizes, right)
            for clear, row in zip(texts, rows, strict=True)
        )

    def _row(self, cells: list[Cell], sizes: list[int], right: set[int]) -> str:
        line, used = "  ", 2
        for column, ((text, css), size) in enumerate(zip(cells, sizes, strict=True)):
            if used + size > self.columns:
                break
            last = column == len(cells) - 1 and column not in right
            line += self.paint(fit(text, size) if last else pad(text, size, column in right), css)
            used += size + 2
            line += "  " if not last else ""
        return line.rstrip()

    def more(self, count: int, what: str) -> None:
        if count > 0:
            self.text(f"… and {count:,} more {what} (see the report)", "soft", indent=2)

    def __str__(self) -> str:
        return "\n".join(self.lines) + "\n"
