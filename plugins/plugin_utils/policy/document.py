# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""YAML text to plain values that remember their lines. Pure.

PyYAML's composer gives nodes with their marks, so nothing of YAML is parsed here; see docs/decisions/0004-policy.md.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import yaml

Path = tuple[Any, ...]
"""Keys and list positions from the top of the document."""

_SCALARS = {"tag:yaml.org,2002:" + name for name in ("null", "bool", "int", "float", "str")}
_MAX_DEPTH = 50
_MAX_VALUES = 50_000  # aliases of aliases grow without end
_TOO_MUCH = "nested too deeply, or an alias that contains itself"


class Spot(NamedTuple):
    """Something wrong with the document."""

    line: int
    path: Path
    message: str


class Document(NamedTuple):
    """What the text says, and where it says it."""

    data: Any
    lines: dict[Path, int]
    """Line (from 1) of each value; of a mapping's value the line of its key."""
    problems: list[Spot]
    spots: dict[Path, tuple[int, int]] = {}
    """Line and column (both from 1) of each single value, and of the key that leads to anything larger."""

    def line(self, path: Path) -> int:
        """Line of a path, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def spot(self, path: Path) -> tuple[int, int]:
        """Line and column of a value, or of the nearest thing around it."""
        while path and path not in self.spots:
            path = path[:-1]
        return self.spots.get(path, (1, 1))


def read(text: str) -> Document:
    """Compose a document; what YAML itself rejects is the only problem then."""
    found = Document(None, {}, [], {})
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = None if node is None else _value(node, (), found, 0)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        what = f"not valid YAML: {error.problem or error.context}"
        return Document(None, {}, [Spot(where, (), what)], {(): (where, column)})
    except yaml.reader.ReaderError as error:
        before = text[: error.position] if isinstance(error.position, int) else ""
        return Document(None, {}, [Spot(before.count("\n") + 1, (), f"not valid YAML: {error.reason}")])
    except RecursionError:
        return Document(None, {}, [Spot(1, (), "the file is nested too deeply")])
    return found._replace(data=data)


def _value(node: yaml.Node, path: Path, doc: Document, depth: int) -> Any:
    line = node.start_mark.line + 1
    doc.lines.setdefault(path, line)
    doc.spots[path] = (line, node.start_mark.column + 1)
    if depth > _MAX_DEPTH or len(doc.lines) > _MAX_VALUES:
        if not any(spot.message == _TOO_MUCH for spot in doc.problems):
            doc.problems.append(Spot(line, path[:1], _TOO_MUCH))
        return None
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, at), doc, depth + 1) for at, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, doc, depth)
    return _scalar(node, path, doc.problems)


def _mapping(node: yaml.MappingNode, path: Path, doc: Document, depth: int) -> dict[str, Any]:
    lines, problems = doc.lines, doc.problems
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            problems.append(Spot(line, path, "a key must be a word"))
            continue
        key = str(key_node.value)
        here = (*path, key)
        if key_node.tag == "tag:yaml.org,2002:merge":
            problems.append(Spot(line, path, "merge keys (<<) are not read here; write the keys out"))
        elif key in found:
            problems.append(Spot(line, here, f"'{key}' is given twice, first in line {lines[here]}; keep one of them"))
        else:
            lines[here] = line
            found[key] = _value(value_node, here, doc, depth + 1)
            if not isinstance(value_node, yaml.ScalarNode):
                doc.spots[here] = (line, key_node.start_mark.column + 1)
    return found


def _scalar(node: yaml.Node, path: Path, problems: list[Spot]) -> Any:
    if node.tag == "tag:yaml.org,2002:timestamp":
        return node.value
    if node.tag not in _SCALARS:
        problems.append(Spot(node.start_mark.line + 1, path, f"the tag {node.tag} is not read here"))
        return None
    try:
        return yaml.constructor.SafeConstructor().construct_object(node)
    except ValueError:
        problems.append(Spot(node.start_mark.line + 1, path, f"'{node.value}' is no number that can be read"))
        return None
