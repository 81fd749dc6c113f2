# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Exports as text: what is read, and where a mistake stands."""

from __future__ import annotations

import json

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.csv_text import locate_csv, read_csv
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.inputs import decode
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.json_text import locate_json, read_json
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.problems import InventoryError
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.yaml_text import locate_yaml, read_yaml

TREE = {"a": [{"name": "x", "n": [1, 2]}, {"name": 'y"}', "deep": {"k": "v"}}], "b": "]"}


def test_csv_gives_the_wanted_columns() -> None:
    text = 'ip,name,note\r\n10.0.0.1,a,"one, two"\r\n\r\n10.0.0.2,b,"two\nlines"\r\n'
    assert read_csv(text, "f", ",", ["name", "note"]) == [
        {"name": "a", "note": "one, two"},
        {"name": "b", "note": "two\nlines"},
    ]


@pytest.mark.parametrize(
    ("text", "delimiter", "where", "what"),
    [
        ("name;ip\na;1\n", ",", "f:1:1", "the delimiter looks like ';', and ',' is set"),
        ("name\tip\na\t1\n", ",", "f:1:1", "looks like 'tab'"),
        ("Name,ip\na,1\n", ",", "f:1:1", "no column 'name'; did you mean 'Name'?"),
        ("", ",", "f:1:1", "its columns: none"),
        ("name,ip,name\na,1,b\n", ",", "f:1:9", "is there twice"),
        ("name,ip\na,1\nb\n", ",", "f:3:1", "this row has 1 field, the first row has 2"),
        ("name,ip\na,1\nb,2,3\n", ",", "f:3:5", "this row has 3 fields"),
        ('name,ip\na,1\nb,"2\nc,3\n', ",", "f:3:1", "unexpected end of data"),
        ('name,ip\na,1\nb,"2"x\n', ",", "f:3:1", "this is not CSV"),
        ("name,ip\na," + "x" * 200_000 + "\n", ",", "f:2:1", "field larger than field limit"),
    ],
)
def test_csv_that_does_not_add_up(text: str, delimiter: str, where: str, what: str) -> None:
    with pytest.raises(InventoryError) as caught:
        read_csv(text, "f", delimiter, ["name", "ip"])
    assert str(caught.value).startswith(where + ": ") and what in str(caught.value)


def test_a_field_of_csv_is_found_by_line_and_column() -> None:
    text = 'name,note\n\na,"one, ""two""\nlines"\nbb,c\n'
    assert [str(locate_csv(text, "f", ",", row, field)) for row in (0, 1) for field in (0, 1)] == [
        "f:3:1",
        "f:3:3",
        "f:5:1",
        "f:5:4",
    ]


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ('[{"a": 1},\n {"b" 2}]', "f:2:7", "Expecting ':' delimiter"),
        ('[{"a": 1,\n  "b": 2, "a": 3}]', "f:2:11", "the key 'a' twice"),
        ("[" * 100_000, "f:1:1", "nested too deeply"),
    ],
)
def test_json_that_cannot_be_read(text: str, where: str, what: str) -> None:
    with pytest.raises(InventoryError) as caught:
        read_json(text, "f")
    assert str(caught.value).startswith(where + ": ") and what in str(caught.value)


@pytest.mark.parametrize("locate", [locate_json, locate_yaml])
@pytest.mark.parametrize(
    ("path", "where"),
    [
        ((), "f:1:1"),
        (("a", 1), "f:2:2"),
        (("a", 1, "name"), "f:2:11"),
        (("a", 1, "deep", "k"), "f:3:17"),
        (("a", 1, "missing"), "f:2:2"),
        (("b",), "f:3:30"),
    ],
)
def test_a_part_is_found_by_its_path(locate, path: tuple, where: str) -> None:
    text = '{"a": [{"name": "x", "n": [1, 2]},\n {"name": "y\\"}",\n  "deep": {"k": "v"}}], "b": "]"}'
    assert json.loads(text) == TREE
    assert str(locate(text, "f", path)) == where


def test_yaml_keeps_texts_as_they_are_written() -> None:
    assert read_yaml("- {name: no, n: 007, x: ~, y: '~', t: 2026-01-01}\n- [a, {b: c}]\n", "f") == [
        {"name": "no", "n": "007", "x": None, "y": "~", "t": "2026-01-01"},
        ["a", {"b": "c"}],
    ]


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("- a: 1\n  a: 2\n", "f:2:3", "'a' is given twice"),
        ("- a: 1\n  b: [\n", "f:3:1", "not YAML"),
        ("- &x {a: 1}\n- *x\n", "f:2:3", "aliases"),
        ("- {? [a] : 1}\n", "f:1:6", "a key must be a word"),
        ("[" * 500, "f:1:21", "nested too deeply"),
        ("- a: b\n--- \n- c\n", "f:2:1", "a second document"),
        ("- a\n- b\x01\n", "f:2:4", "not YAML"),
    ],
)
def test_yaml_that_cannot_be_read(text: str, where: str, what: str) -> None:
    with pytest.raises(InventoryError) as caught:
        read_yaml(text, "f")
    assert str(caught.value).startswith(where + ": ") and what in str(caught.value)


def test_yaml_so_deep_that_the_parser_itself_gives_up() -> None:
    with pytest.raises(InventoryError) as caught:
        read_yaml("[" * 100_000, "f")
    assert str(caught.value).startswith("f:1:") and "nest" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "encoding", "where", "what"),
    [
        (b"name\nM\xfcller\n", "utf-8-sig", "f:2:2", "not utf-8-sig text"),
        (b"name\na\0b\n", "utf-8", "f:2:2", "NUL"),
        (b"name\n", "klingon", "f:1:1", "no encoding 'klingon'"),
    ],
)
def test_bytes_that_are_no_text(data: bytes, encoding: str, where: str, what: str) -> None:
    with pytest.raises(InventoryError) as caught:
        decode(data, encoding, "f")
    assert str(caught.value).startswith(where + ": ") and what in str(caught.value)


def test_a_byte_order_mark_is_no_part_of_the_first_column() -> None:
    assert decode(b"\xef\xbb\xbfname", "utf-8-sig", "f") == "name"
    assert decode("Müller".encode("latin-1"), "latin-1", "f") == "Müller"
