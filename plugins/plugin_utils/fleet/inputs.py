# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Exports of a CMDB as host documents: fields mapped, values checked, duplicates refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.csv_text import locate_csv, read_csv
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.json_text import locate_json, read_json
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.names import bad_name
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.problems import InventoryError, Spot, spot_at
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.ranges import number
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.schema import CLASSES, FIELDS
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.source import Field, Input
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.yaml_text import locate_yaml, read_yaml
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import did_you_mean, names, plain

LONGEST = 4096
"""Characters of a field. What is longer is no field of an inventory but a damaged file."""
EMPTY: dict[str, Any] = {**dict.fromkeys(FIELDS, ""), "service": []}
Locate = Callable[[int, Field | None], Spot]


class Listed(NamedTuple):
    """A host of an export."""

    document: dict[str, Any]
    row: int


def decode(data: bytes, encoding: str, file: str) -> str:
    """The text of a file; InventoryError with the spot of the first byte that does not fit."""
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(encoding, "replace")
        raise InventoryError(
            spot_at(file, before, len(before)), f"this is not {encoding} text", "set 'encoding' of this source"
        ) from error
    except LookupError as error:
        raise InventoryError(Spot(file, 1, 1), f"there is no encoding '{plain(encoding, 40)}'") from error
    at = text.find("\0")
    if at >= 0:
        raise InventoryError(spot_at(file, text, at), "a NUL character: this is no text file")
    return text


def read_input(item: Input, text: str, file: str) -> tuple[list[Listed], Locate]:
    """The hosts of an export, and how to find the spot of one of their fields."""
    records, locate = _records(item, text, file)
    hosts: list[Listed] = []
    first: dict[str, int] = {}
    for row, record in enumerate(records):
        document = _document(item, record, partial(locate, row))
        if item.where is not None and not item.where.true_for(document):
            continue
        name = document["name"]
        if name in first:
            spot = locate(first[name], item.fields[0])
            raise InventoryError(
                locate(row, _field(item, "name")),
                f"the host {plain(name, 100)} is listed twice, first in line {spot.line}",
                "leave one of the two, or tell them apart with 'where'; nothing of this inventory source was used",
            )
        first[name] = row
        hosts.append(Listed(document, row))
    return hosts, locate


def _field(item: Input, name: str) -> Field:
    return next(field for field in item.fields if field.name == name)


def _records(item: Input, text: str, file: str) -> tuple[list[Any], Locate]:
    if item.format == "csv":
        columns = [field.column for field in item.fields if field.column]
        rows: list[Any] = read_csv(text, file, item.delimiter, list(dict.fromkeys(columns)))

        def in_csv(row: int, field: Field | None) -> Spot:
            header = [name.strip() for name in text.split("\n", 1)[0].strip("\r").split(item.delimiter)]
            names_of = [name.strip('"') for name in header]
            column = names_of.index(field.column) if field and field.column in names_of else 0
            return locate_csv(text, file, item.delimiter, row, column)

        return rows, in_csv
    reader, locator = (read_json, locate_json) if item.format == "json" else (read_yaml, locate_yaml)
    data = reader(text, file)
    for at, part in enumerate(item.records):
        if not isinstance(data, dict) or part not in data:
            raise InventoryError(
                locator(text, file, item.records[:at]),
                f"there is no '{plain(part, 60)}' here{did_you_mean(part, data) if isinstance(data, dict) else ''}",
                "correct 'records' of this source; nothing of this inventory source was used",
            )
        data = data[part]
    if not isinstance(data, list):
        hint = f"; it has {names(data, 8)}" if isinstance(data, dict) else ""
        raise InventoryError(
            locator(text, file, item.records),
            f"a list of hosts is expected here{hint}",
            "name the list with 'records'; nothing of this inventory source was used",
        )

    def in_tree(row: int, field: Field | None) -> Spot:
        return locator(text, file, (*item.records, row, *([field.column] if field and field.column else [])))

    for row, record in enumerate(data):
        if not isinstance(record, dict):
            raise InventoryError(in_tree(row, None), "each host of the list is keys and values, and this is not")
    for field in item.fields:
        if field.column and data and not any(field.column in record for record in data):
            keys = {key for record in data for key in record}
            raise InventoryError(
                in_tree(0, None),
                f"no host of the list has '{plain(field.column, 60)}'{did_you_mean(field.column, keys)}",
                "correct 'fields' of this source; nothing of this inventory source was used",
            )
    return data, in_tree


def _document(item: Input, record: Mapping[str, Any], spot: Callable[[Field], Spot]) -> dict[str, Any]:
    document = {**EMPTY, "service": [], "cmdb": {}}
    for field in item.fields:
        value = record.get(field.column) if field.column else field.query.of(record) if field.query else None
        value = _value(field, value, spot)
        if field.name in FIELDS:
            document[field.name] = value
        else:
            document["cmdb"][field.name] = value
    name = document["name"]
    why = bad_name(name)
    if why:
        raise InventoryError(spot(_field(item, "name")), f"'{plain(name, 60)}' cannot be a host's name: {why}")
    if document["address"] and number(document["address"]) is None:
        raise InventoryError(
            spot(_field(item, "address")),
            f"'{plain(document['address'], 60)}' of the host {plain(name, 100)} is no IPv4 or IPv6 address",
        )
    if document["class"] and document["class"] not in CLASSES:
        raise InventoryError(
            spot(_field(item, "class")),
            f"'{plain(document['class'], 60)}' of the host {plain(name, 100)} is none of {', '.join(CLASSES)}",
            "map the column to another field, and give classes with rules.class; nothing of this source was used",
        )
    return document


def _value(field: Field, value: Any, spot: Callable[[Field], Spot]) -> Any:
    """A text, or a list of texts for `service` and for fields that are split."""
    many = field.split is not None or field.name == "service"
    if value.__class__ is str and not many and len(value) <= LONGEST:  # nearly every value of an export is one
        return value.strip().lower() if field.lower else value.strip()
    if isinstance(value, str) and len(value) > LONGEST:
        raise InventoryError(
            spot(field),
            f"'{field.name}' has {len(value)} characters, and at most {LONGEST} are read: {plain(value, 40)}",
        )
    if isinstance(value, list) and (many or field.name not in FIELDS):
        parts = [_text(field, part, spot) for part in value]
        return [part for part in parts if part]
    text = _text(field, value, spot)
    if many:
        pieces = text.split(field.split) if field.split else [text]
        return [piece.strip() for piece in pieces if piece.strip()]
    return text


def _text(field: Field, value: Any, spot: Callable[[Field], Spot]) -> str:
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        kind = "an object" if isinstance(value, dict) else "a list"
        raise InventoryError(spot(field), f"'{field.name}' is {kind} here; name a part of it with 'query'")
    text = ("true" if value else "false") if isinstance(value, bool) else str(value).strip()
    if len(text) > LONGEST:
        raise InventoryError(spot(field), f"'{field.name}' has {len(text)} characters, and at most {LONGEST} are read")
    return text.lower() if field.lower else text
