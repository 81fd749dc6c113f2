# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One big JSON object, entry by entry, so that memory is bounded by the biggest entry and not by the file."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import IO, Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.errors import FeedError

_CHUNK = 1 << 20
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_SPACE = " \t\r\n"
_AGAIN = "fetch it again; the last good copy stays in use"


def entries(stream: IO[bytes], where: str, limit: int) -> Iterator[tuple[str, Any]]:
    """(key, value) of a JSON object at the top of the stream. FeedError names the file and, in its middle, the entry
    before which it went wrong. limit: bytes (about) that one entry may have."""
    reader = _Reader(stream, where, limit)
    if reader.next() != "{":
        raise FeedError("it is no JSON object", where, _AGAIN)
    key = ""
    while True:
        sign = reader.next()
        if sign == "}":
            return
        if sign == "," and key:
            sign = reader.next()
        if sign != '"':
            raise reader.wrong(key)
        reader.at -= 1
        following = reader.value(key)
        if reader.next() != ":":
            raise reader.wrong(key)
        key = str(following)
        reader.next()
        reader.at -= 1
        yield key, reader.value(key)


def unicode_only(value: Any, written: str) -> Any:
    """A JSON value without halves of surrogate pairs, which JSON can write and no database takes."""
    if not _SURROGATE.search(written):
        return value
    return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


class _Reader:
    def __init__(self, stream: IO[bytes], where: str, limit: int) -> None:
        self.stream, self.where, self.limit = stream, where, limit
        self.decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self.scan = json.JSONDecoder().raw_decode
        self.text, self.at, self.ended = "", 0, False

    def more(self, wanted: int) -> None:
        data = self.stream.read(wanted)
        self.ended = not data
        self.text = self.text[self.at :] + self.decode(data, not data)
        self.at = 0

    def next(self) -> str:
        """The next character that is no space; "" at the end."""
        while True:
            while self.at < len(self.text):
                char = self.text[self.at]
                self.at += 1
                if char not in _SPACE and char != "\ufeff":
                    return char
            if self.ended:
                return ""
            self.more(_CHUNK)

    def value(self, key: str) -> Any:
        wanted = _CHUNK
        while True:
            try:
                found, end = self.scan(self.text, self.at)
                if end < len(self.text) or self.ended:  # a number or word may go on in the next chunk
                    written, self.at = self.text[self.at : end], end
                    return unicode_only(found, written)
            except (ValueError, RecursionError) as error:
                if self.ended or isinstance(error, RecursionError):
                    raise self.wrong(key) from error
            have = len(self.text) - self.at
            if have > self.limit:
                raise FeedError(f"the entry {key[:100]!r} is longer than {self.limit} bytes", self.where, _AGAIN)
            self.more(min(wanted, self.limit + 1 - have))
            wanted *= 2

    def wrong(self, key: str) -> FeedError:
        return FeedError(f"it is cut off or no JSON at or after the entry {key[:100]!r}", self.where, _AGAIN)
