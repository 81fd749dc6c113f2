# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Canonical JSON, digests and packed sections."""

from __future__ import annotations

import base64
import hashlib
import zlib

import pytest

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import (
    canonical,
    digest,
    pack,
    unpack,
    unpack_each,
)
from ansible_collections.lockstep.patching.plugins.module_utils._model.state import Hold, plain
from ansible_collections.lockstep.patching.plugins.module_utils._model.transaction import line_from, line_to

LINE = {
    "platform": "debian-12-amd64-1a2b3c4d", "package": "openssl", "arch": "amd64", "action": "upgrade",
    "from": ["3.0.19"],
    "version": "3.0.20", "source": "openssl", "source_version": "3.0.20", "origin": "Debian", "label": "S",
    "codename": "bookworm", "component": "main", "security": True, "phased": None, "size": 1434, "sha256": "ab",
    "type": "security", "type_from": "origin", "advisories": [],
}  # fmt: skip


def test_canonical_is_one_text() -> None:
    assert canonical({"b": [1, None, True], "a": "é"}) == '{"a":"é","b":[1,null,true]}'
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1, "b": 3})


@pytest.mark.parametrize("value", [1.5, {"a": [0.0]}, {1: "a"}])
def test_canonical_refuses_what_has_no_one_form(value: object) -> None:
    with pytest.raises(ValueError):
        canonical(value)


def test_lone_surrogates_are_no_crash() -> None:
    assert unpack(pack({"name": "\udc80x"})) == {"name": "?x"}


def test_pack_gives_back_what_it_got() -> None:
    value = {"a": [{"name": "x" * 5000}]}
    assert unpack(pack(value)) == value
    assert len(pack(value)) < 200


@pytest.mark.parametrize(
    "text",
    [
        "",
        "???",
        base64.b64encode(b"no zlib").decode(),
        pack({"a": "b" * 100})[:-12],
        base64.b64encode(zlib.compress(b"{")).decode(),
    ],
)
def test_damaged_packs_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        unpack(text)


def test_a_bomb_is_refused() -> None:
    with pytest.raises(ValueError, match="longer"):
        unpack(pack("a" * 100_000), limit=1000)


def test_plain_goes_deep() -> None:
    hold = Hold("a", "all", "hold", "why", "where")
    assert plain([hold, {"x": (1, hold)}]) == [dict(hold._asdict()), {"x": [1, dict(hold._asdict())]}]


def test_line_and_document_are_the_same() -> None:
    assert line_to(line_from(LINE)) == LINE


def test_lines_from_before_there_were_types_are_read() -> None:
    old = {key: value for key, value in LINE.items() if key not in ("type", "type_from", "advisories")}
    assert line_from(old)._asdict() == {**line_from(LINE)._asdict(), "type": "unclassified", "type_from": "none"}


@pytest.mark.parametrize("key", ["from", "sha256"])
def test_line_names_what_is_missing(key: str) -> None:
    with pytest.raises(ValueError, match=key):
        line_from({name: value for name, value in LINE.items() if name != key})


def zb64(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode("utf-8", "surrogatepass"))).decode()


def test_sections_come_with_the_bytes_that_their_digests_are_of() -> None:
    sections = {"os": {"name": "é\n"}, "packages": [{"name": "a"}], "space": [], "none": None}
    values, raw = unpack_each(pack(sections))
    assert values == sections
    assert {name: hashlib.sha256(text).hexdigest() for name, text in raw.items()} == {
        name: digest(value) for name, value in sections.items()
    }
    assert unpack_each(pack({})) == ({}, {})


@pytest.mark.parametrize(
    "text",
    ["", "[]", "3", '{"a":1.5}', '{"a":NaN}', '{"a":1,}', '{"a":1}}', '{"a":1}{"b":2}', '{"a":"\\ud800"}', "{3:1}"],
)  # fmt: skip
def test_what_no_host_of_ours_packs_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="packed data cannot be read"):
        unpack_each(zb64(text))
