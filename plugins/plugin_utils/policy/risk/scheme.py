# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A scheme: a decision table that turns inputs into a decision and a deadline. Pure: the text of the table is an
argument.

A table is CSV. Lines before the header say what it is: `# scheme: name`, `# version:`, `# title:`, `# source:`,
`# as of:`, `# licence:`, `# counts from: first_seen` or `published`, and, for each input whose unknown value has no
rows of its own, `# if INPUT is unknown: VALUE`. Columns are inputs, then `decision` and `deadline` (a duration, or
`none`). A cell is a value, several (`a|b`), `*`, or for numbers a comparison (`>=9.0`, `<0.1`, `4.0..6.9`). The first
row that fits decides; a table that leaves a case open, or has a row that never decides, is an error.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Mapping
from itertools import product
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import PolicyError, Problem
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.words import (
    INPUTS,
    NUMBERS,
    UNKNOWN,
    WORDS,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import DURATION, duration_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import did_you_mean, plain

Value = Any
"""A word, a whole number of steps, or `unknown`."""
COUNTS_FROM = ("first_seen", "published")
_ABOUT = ("scheme", "version", "title", "source", "as of", "licence", "counts from")
_ASSUME = re.compile(r"^if (.+) is unknown$")
_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"
_COMPARE = re.compile(rf"^(>=|<=|>|<|=)?\s*{_NUMBER}$")
_SPAN = re.compile(rf"^{_NUMBER}\s*\.\.\s*{_NUMBER}$")
_MOST_CASES = 200_000


class Span(NamedTuple):
    """Numbers from low to high, both included, in steps."""

    low: int
    high: int


class Row(NamedTuple):
    """One row. cells: by column either None (any value), or the words and spans that fit."""

    number: int
    line: int
    cells: tuple[tuple[Any, ...] | None, ...]
    decision: str
    deadline_ms: int | None

    def fits(self, values: tuple[Value, ...]) -> bool:
        return all(
            cell is None or any(_within(part, value) for part in cell)
            for cell, value in zip(self.cells, values, strict=True)
        )


class Scheme(NamedTuple):
    """A table that has been checked."""

    name: str
    version: str
    title: str
    source: str
    as_of: str
    licence: str
    counts_from: str
    assumed: dict[str, Value]
    """What an unknown input counts as."""
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    digest: str
    """SHA-256 of the text and of what the policy changed in `assumed` and `counts_from`."""

    def decide(self, inputs: Mapping[str, Value]) -> tuple[Row, tuple[str, ...]]:
        """The row that decides, and the inputs for which its answer rests on an assumption."""
        assumed = tuple(name for name in self.columns if inputs[name] == UNKNOWN and name in self.assumed)
        values = tuple(self.assumed[name] if name in assumed else inputs[name] for name in self.columns)
        return next(row for row in self.rows if row.fits(values)), assumed

    def adapted(self, name: str, counts_from: str | None, unknown: Mapping[str, Value]) -> Scheme:
        """The scheme with what the policy says otherwise; PolicyError for an input that it does not have."""
        strange = [key for key in unknown if key not in self.columns]
        if strange:
            raise PolicyError(
                [
                    Problem(name, f"risk.unknown.{key}", f"the scheme {self.name} does not use it; take it out")
                    for key in strange
                ]
            )
        if not counts_from and not unknown:
            return self
        more = f"{self.digest} {counts_from} {sorted(unknown.items())}"
        return self._replace(
            counts_from=counts_from or self.counts_from,
            assumed={**self.assumed, **unknown},
            digest=hashlib.sha256(more.encode("utf-8")).hexdigest(),
        )

    def about(self) -> dict[str, Any]:
        """What the ledger keeps with every assessment. `when` of a row: what each input has to be, `[low, high]` for
        numbers; an input that is not in it may be anything."""
        kept = self._asdict()
        rows = [
            {
                "row": row.number,
                "decision": row.decision,
                "deadline_ms": row.deadline_ms,
                "when": {
                    column: [list(part) if isinstance(part, Span) else part for part in cell]
                    for column, cell in zip(self.columns, row.cells, strict=True)
                    if cell is not None
                },
            }
            for row in self.rows
        ]
        return {**kept, "columns": list(self.columns), "rows": rows}


def _within(part: Any, value: Value) -> bool:
    if isinstance(part, Span):
        return isinstance(value, int) and part.low <= value <= part.high
    return bool(part == value)


class _Reader:
    """Collects every mistake with its line and column."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []

    def wrong(self, line: int, message: str, column: str = "") -> None:
        self.problems.append(Problem(f"{self.name}:{line}", f"column '{plain(column, 60)}'" if column else "", message))


def read_scheme(text: str, name: str) -> Scheme:
    """Read a table; `name` is what messages call the file. PolicyError with every mistake by line and column."""
    reader = _Reader(name)
    about, assumed, first = _head(text, reader)
    lines = text.splitlines(keepends=True)[first:]
    table = csv.reader(lines, strict=True)
    header: list[str] = []
    rows: list[Row] = []
    try:
        for cells in table:
            line = first + table.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = [cell.strip().lower() for cell in cells]
                _check_header(header, line, reader)
                if reader.problems:
                    break
            elif len(cells) != len(header):
                reader.wrong(line, f"has {len(cells)} cells, and the header has {len(header)}")
            else:
                rows.append(_row(dict(zip(header, cells, strict=True)), len(rows), line, header, reader))
    except csv.Error as error:
        reader.wrong(first + table.line_num, f"is no CSV: {error}")
    if not reader.problems and not rows:
        reader.wrong(first + 1, "there is no row; give at least one")
    columns = tuple(cell for cell in header if cell in INPUTS)
    known = _assumptions(assumed, columns, reader)
    if not reader.problems:
        _check_cases(columns, tuple(rows), known, reader)
    if reader.problems:
        raise PolicyError(reader.problems)
    return Scheme(
        about.get("scheme") or name.rpartition("/")[2].removesuffix(".csv"),
        about.get("version", ""),
        about.get("title", ""),
        about.get("source", ""),
        about.get("as of", ""),
        about.get("licence", ""),
        about.get("counts from", COUNTS_FROM[0]),
        known,
        columns,
        tuple(rows),
        hashlib.sha256(text.encode("utf-8")).hexdigest(),
    )


def _head(text: str, reader: _Reader) -> tuple[dict[str, str], dict[str, tuple[int, str]], int]:
    """What the comment lines say, and the index of the first line after them."""
    about: dict[str, str] = {}
    assumed: dict[str, tuple[int, str]] = {}
    at = 0
    for at, line in enumerate(text.splitlines()):  # noqa: B007 - its last value is used
        if line.strip() and not line.startswith("#"):
            break
        key, colon, value = line.lstrip("# ").partition(":")
        key, value = key.strip().lower(), value.strip()
        asked = _ASSUME.match(key)
        if asked and colon:
            assumed[asked.group(1)] = (at + 1, value)
        elif key in _ABOUT and colon:
            about[key] = value
    if about.get("counts from", COUNTS_FROM[0]) not in COUNTS_FROM:
        reader.wrong(
            1, f"'counts from' is '{plain(about['counts from'], 60)}'; must be one of {', '.join(COUNTS_FROM)}"
        )
    return about, assumed, at


def _check_header(header: list[str], line: int, reader: _Reader) -> None:
    allowed = (*INPUTS, "decision", "deadline")
    for cell in header:
        if cell not in allowed:
            reader.wrong(line, f"is no input{did_you_mean(cell, allowed)} (inputs: {', '.join(INPUTS)})", cell)
        elif header.count(cell) > 1:
            reader.wrong(line, "is given twice", cell)
    for cell in ("decision", "deadline"):
        if cell not in header:
            reader.wrong(line, f"the column '{cell}' is missing")
    if not any(cell in INPUTS for cell in header):
        reader.wrong(line, f"there is no input; give one of {', '.join(INPUTS)}")


def _row(cells: dict[str, str], number: int, line: int, header: list[str], reader: _Reader) -> Row:
    found = tuple(_cell(column, cells[column].strip(), line, reader) for column in header if column in INPUTS)
    decision, deadline = cells["decision"].strip(), cells["deadline"].strip()
    if not decision:
        reader.wrong(line, "is empty; name the decision", "decision")
    fits = re.match(DURATION, deadline)
    if deadline != "none" and not fits:
        reader.wrong(line, f"is '{plain(deadline, 60)}'; must be a duration such as 3d or 12h, or none", "deadline")
    return Row(number, line, found, plain(decision, 100), duration_ms(deadline) if fits else None)


def _cell(column: str, text: str, line: int, reader: _Reader) -> tuple[Any, ...] | None:
    if text in ("*", ""):
        if not text:
            reader.wrong(line, "is empty; write * for any value", column)
        return None
    return tuple(_part(column, part.strip(), line, reader) for part in text.split("|"))


def _part(column: str, text: str, line: int, reader: _Reader) -> Any:
    if text == UNKNOWN:
        return UNKNOWN
    if column in WORDS:
        if text.lower() not in WORDS[column]:
            allowed = (*WORDS[column], UNKNOWN)
            reader.wrong(line, f"is '{plain(text, 60)}'{did_you_mean(text, allowed)}; must be {_or(allowed)}", column)
        return text.lower()
    steps, greatest = NUMBERS[column]
    top = steps * greatest
    compare, span = _COMPARE.match(text), _SPAN.match(text)
    if span:
        low, high = (_steps(span.group(at), steps) for at in (1, 2))
    elif compare:
        value = _steps(compare.group(2), steps)
        low, high = {
            ">=": (value, top),
            ">": (value + 1, top),
            "<=": (0, value),
            "<": (0, value - 1),
            "=": (value, value),
        }[compare.group(1) or "="]
    else:
        reader.wrong(line, f"is '{plain(text, 60)}'; must be a number from 0 to {greatest}, >=N, <N, N..M", column)
        return Span(0, 0)
    if not 0 <= low <= high <= top:
        reader.wrong(line, f"'{plain(text, 60)}' fits no number from 0 to {greatest}", column)
    return Span(low, high)


def _steps(text: str, steps: int) -> int:
    return round(float(text) * steps)


def _or(words: tuple[str, ...]) -> str:
    return ", ".join(words[:-1]) + f" or {words[-1]}"


def _assumptions(given: Mapping[str, tuple[int, str]], columns: tuple[str, ...], reader: _Reader) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, (line, text) in given.items():
        if name not in columns:
            reader.wrong(line, f"'{plain(name, 60)}' is no input of this table{did_you_mean(name, columns)}")
            continue
        part = _part(name, text, line, reader)
        if part == UNKNOWN:
            reader.wrong(line, f"unknown cannot count as unknown; name a value of {name}")
        found[name] = part.low if isinstance(part, Span) else part
    return found


def _check_cases(
    columns: tuple[str, ...], rows: tuple[Row, ...], assumed: Mapping[str, Value], reader: _Reader
) -> None:
    """Every case has a row, and every row a case."""
    choices = [_choices(name, at, rows, name in assumed) for at, name in enumerate(columns)]
    cases = 1
    for values in choices:
        cases *= len(values)
    if cases > _MOST_CASES:
        reader.wrong(rows[0].line, f"the table has {cases} cases, and at most {_MOST_CASES} can be checked")
        return
    used: set[int] = set()
    open_cases: list[tuple[Value, ...]] = []
    for case in product(*choices):
        row = next((row for row in rows if row.fits(case)), None)
        if row is None:
            open_cases.append(case)
        else:
            used.add(row.number)
    if open_cases:
        shown = "; ".join(
            ", ".join(f"{name} {_shown(name, value)}" for name, value in zip(columns, case, strict=True))
            for case in open_cases[:3]
        )
        hint = "add rows, or a last row with * in every column"
        if any(UNKNOWN in case for case in open_cases):
            hint += "; for an unknown input a row with the value unknown, or a line '# if INPUT is unknown: VALUE'"
        reader.wrong(rows[-1].line, f"no row decides {len(open_cases)} of {cases} cases ({shown}); {hint}")
    for row in rows:
        if row.number not in used:
            reader.wrong(row.line, "this row never decides: rows before it fit every case that it fits")


def _choices(name: str, at: int, rows: tuple[Row, ...], assumed: bool) -> list[Value]:
    """Values of an input that rows can tell apart."""
    unknown = [] if assumed else [UNKNOWN]
    if name in WORDS:
        return [*WORDS[name], *unknown]
    steps, greatest = NUMBERS[name]
    edges = {0, steps * greatest}
    for row in rows:
        for part in row.cells[at] or ():
            if isinstance(part, Span):
                edges.update((part.low, part.high, max(part.low - 1, 0), min(part.high + 1, steps * greatest)))
    return [*sorted(edges), *unknown]


def _shown(name: str, value: Value) -> str:
    return f"{value / NUMBERS[name][0]:g}" if isinstance(value, int) else str(value)
