# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""CSV text to rows, strictly: what does not add up is an error with its spot, not a guess."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection

from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.problems import InventoryError, Spot
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import did_you_mean, names, plain, plural

DELIMITERS = ",;\t|"
_SHOWN = {"\t": "tab"}


def read_csv(text: str, file: str, delimiter: str, wanted: Collection[str]) -> list[dict[str, str]]:
    """The wanted columns of every row; the first row names the columns. Blank lines are left out.

    Raises InventoryError for a column that is not there or is there twice, for a row that has more or fewer fields
    than the first one, and for text that is not CSV.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    whole = 0  # lines of the records that were read to their end
    try:
        header = next(reader, [])
        places = _places(header, text, file, delimiter, wanted)
        rows: list[dict[str, str]] = []
        whole, count = reader.line_num, len(header)
        for row in reader:
            if row and len(row) != count:
                raise InventoryError(
                    locate_csv(text, file, delimiter, len(rows), count if len(row) > count else 0),
                    f"this row has {plural(len(row), 'field')}, the first row has {count}",
                )
            if row:
                rows.append({name: row[at] for name, at in places})
            whole = reader.line_num
    except csv.Error as error:
        what = f"this is not CSV: {error} (the row that begins here was read up to line {reader.line_num})"
        raise InventoryError(Spot(file, whole + 1, 1), what) from error
    return rows


def _places(header: list[str], text: str, file: str, delimiter: str, wanted: Collection[str]) -> list[tuple[str, int]]:
    stripped = [name.strip() for name in header]
    missing = [name for name in wanted if name not in stripped]
    if missing:
        others = [sign for sign in DELIMITERS if sign != delimiter and any(sign in cell for cell in header)]
        hint = ""
        if len(header) <= 1 and others:
            sign = max(others, key=lambda sign: sum(cell.count(sign) for cell in header))
            looks, given = (_SHOWN.get(mark, mark) for mark in (sign, delimiter))
            hint = f"; the delimiter looks like {looks!r}, and {given!r} is set"
        raise InventoryError(
            Spot(file, 1, 1),
            f"the first row has no column {names([repr(name) for name in missing])}{did_you_mean(missing[0], stripped)}"
            f" (its columns: {names(stripped, 12) or 'none'}){hint}",
            "correct 'fields' or 'delimiter' of this source; nothing of this inventory source was used",
        )
    for name in wanted:
        if stripped.count(name) > 1:
            second = [at for at, other in enumerate(stripped) if other == name][1]
            raise InventoryError(
                locate_csv(text, file, delimiter, -1, second), f"the column '{plain(name, 60)}' is there twice"
            )
    return [(name, stripped.index(name)) for name in wanted]


def locate_csv(text: str, file: str, delimiter: str, row: int, field: int) -> Spot:
    """Where a field begins; row -1 is the first line, 0 the first row of data. Only an error needs it."""
    line, column, number, at, quoted, blank = 1, 1, -1, 0, False, True
    for place, char in enumerate(text):
        if number == row and at == field and not (blank and char in "\r\n"):
            return Spot(file, line, column)
        if char == '"':
            quoted = not quoted
        elif not quoted and char == delimiter:
            at += 1
        if char == "\n" or (char == "\r" and text[place + 1 : place + 2] != "\n"):
            line, column = line + 1, 1
            if not quoted:
                number, at = number + (not blank), 0
            blank = True
        else:
            column += 1
            blank = blank and char == "\r"
    return Spot(file, line, column)
