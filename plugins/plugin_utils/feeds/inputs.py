# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of vulnerability data, opened with limits. What kind a file is of is seen from its content, not its name."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds import (
    read_cve,
    read_epss,
    read_kev,
    read_osv,
    read_tracker,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.errors import FeedError
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.json_stream import entries, unicode_only
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.records import Record, Rejected

_AGAIN = "fetch it again; the last good copy stays in use"
_HTML = (b"<!doctype", b"<html", b"<?xml")


class Limits(NamedTuple):
    """Bytes. file: as it is on the disk. total: everything in it, unpacked. record: one JSON document or one line.
    members: files in an archive."""

    file: int = 1024**3
    total: int = 8 * 1024**3
    record: int = 64 * 1024**2
    members: int = 1_000_000


def read(path: str, limits: Limits) -> tuple[str, Iterator[Record]]:
    """(kind, records) of a file or folder; kind: osv, tracker, kev, epss or cve. FeedError for what is none of them, at
    once or, where the damage is deeper, while the records are read."""
    if os.path.isdir(path):
        return _members(path, _folder(path, limits), limits)
    size = os.path.getsize(path)
    if size > limits.file:
        raise FeedError(f"it has {size} bytes, and {limits.file} are the limit", path, "is it the right file?")
    with open(path, "rb") as file:
        head = file.read(512)
    if not head.strip():
        raise FeedError("it is empty", path, _AGAIN)
    if zipfile.is_zipfile(path) or head.startswith(b"PK"):
        return _members(path, _zip(path, limits), limits)
    if tarfile_like(path):
        return _members(path, _tar(path, limits), limits)
    return _single(path, limits)


def tarfile_like(path: str) -> bool:
    return path.endswith((".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2"))


@contextmanager
def _damage(path: str) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise FeedError(f"it is damaged or cut off: {error or type(error).__name__}", path, _AGAIN) from error
    except (OSError, NotImplementedError, RuntimeError) as error:
        raise FeedError(f"it cannot be read: {error}", path, "make it readable, or fetch it again") from error


def _single(path: str, limits: Limits) -> tuple[str, Iterator[Record]]:
    with _damage(path), _plain(path, limits) as stream:
        start = stream.read(4096)
    text = start.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    refuse_html(start, path)
    if read_epss.looks_like(text):
        return "epss", _epss(path, limits)
    if not text.startswith("{"):
        raise FeedError("it is neither JSON nor a table of EPSS scores", path, "remove it from the feeds, or " + _AGAIN)
    first = next(_entries(path, limits), ("", None))
    if isinstance(first[1], dict) and read_tracker.looks_like(first[1]):
        return "tracker", (
            record for package, value in _entries(path, limits) for record in read_tracker.read(package, value, path)
        )
    document = _document(path, limits)
    if read_kev.looks_like(document):
        return "kev", read_kev.read(document, path)
    if read_cve.looks_like(document):
        return "cve", read_cve.read(document, path)
    if read_osv.looks_like(document):
        return "osv", read_osv.read(document, path)
    raise FeedError("it is JSON, but of no feed that is known", path, "see docs/feeds.md for the formats that are read")


def refuse_html(start: bytes, where: str) -> None:
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_HTML):
        raise FeedError("it is a web page, not data", where, "is it an error page or a login? " + _AGAIN)


@contextmanager
def _plain(path: str, limits: Limits) -> Iterator[_Limited]:
    opener: Any = gzip.open if path.endswith(".gz") else lzma.open if path.endswith(".xz") else open
    with opener(path, "rb") as stream:
        yield _Limited(stream, limits.total, path)


class _Limited(io.RawIOBase):
    """Reads at most so many bytes: a small file can unpack to a very big one."""

    def __init__(self, stream: IO[bytes], limit: int, where: str) -> None:
        super().__init__()
        self.stream, self.left, self.limit, self.where = stream, limit, limit, where

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.stream.read(len(buffer))
        self.left -= len(data)
        if self.left < 0:
            raise FeedError(f"it unpacks to more than {self.limit} bytes", self.where, "is it the right file?")
        buffer[: len(data)] = data
        return len(data)


def _entries(path: str, limits: Limits) -> Iterator[tuple[str, Any]]:
    with _damage(path), _plain(path, limits) as stream:
        yield from entries(io.BufferedReader(stream, 1 << 20), path, limits.record)


def _document(path: str, limits: Limits) -> Any:
    with _damage(path), _plain(path, limits) as stream:
        data = stream.read(limits.record + 1)
        while len(data) <= limits.record and (more := stream.read(1 << 20)):
            data += more
    return _json(data, path, limits)


def _json(data: bytes, where: str, limits: Limits) -> Any:
    if len(data) > limits.record:
        raise FeedError(f"it is longer than {limits.record} bytes", where, "is it the right file?")
    refuse_html(data[:512], where)
    try:
        text = data.decode("utf-8-sig", "replace")
        return unicode_only(json.loads(text), text)
    except (ValueError, RecursionError) as error:
        raise FeedError(f"it is no JSON: {error}", where, _AGAIN) from error


def _epss(path: str, limits: Limits) -> Iterator[Record]:
    with _damage(path), _plain(path, limits) as stream:
        yield from read_epss.read(_lines(stream, path), path)


def _lines(stream: _Limited, path: str) -> Iterator[str]:
    reader = io.BufferedReader(stream, 1 << 20)
    number = 0
    while line := reader.readline(_LINE + 1):
        number += 1
        if len(line) > _LINE:
            raise FeedError(f"line {number} is longer than {_LINE} bytes", path, _AGAIN)
        yield line.decode("utf-8", "replace")


_LINE = 4096


def _members(path: str, members: Iterator[tuple[str, bytes]], limits: Limits) -> tuple[str, Iterator[Record]]:
    """Kind by the first member that is JSON."""
    readers: dict[str, Any] = {"osv": read_osv, "cve": read_cve}
    for name, data in members:
        document = _json(data, f"{path}: {name}", limits)
        kind = next((kind for kind, reader in readers.items() if reader.looks_like(document)), None)
        if kind is None:
            raise FeedError("it is JSON, but of no feed that is known", f"{path}: {name}", "see docs/feeds.md")
        return kind, _documents(readers[kind], path, document, name, members, limits)
    raise FeedError("it has no JSON records", path, "is it the right file?")


def _documents(
    reader: Any, path: str, first: Any, first_name: str, members: Iterator[tuple[str, bytes]], limits: Limits
) -> Iterator[Record]:
    yield from reader.read(first, f"{path}: {first_name}")
    for name, data in members:
        where = f"{path}: {name}"
        document = _json(data, where, limits)
        if reader.looks_like(document):
            yield from reader.read(document, where)
        else:
            yield Rejected(where, "it is not a record like the others")


def _zip(path: str, limits: Limits) -> Iterator[tuple[str, bytes]]:
    with _damage(path), zipfile.ZipFile(path) as archive:
        members = [info for info in archive.infolist() if info.filename.endswith(".json")]
        _refuse_many(len(members), path, limits)
        left = limits.total
        for info in members:
            with archive.open(info) as stream:
                # the size that the archive states may be a lie: what is read is counted
                data = stream.read(limits.record + 1)
            left = _counted(data, left, f"{path}: {info.filename}", path, limits)
            yield info.filename, data


def _tar(path: str, limits: Limits) -> Iterator[tuple[str, bytes]]:
    left, count = limits.total, 0
    with _damage(path), tarfile.open(path, "r|*") as archive:
        for info in archive:
            if not info.isreg() or not info.name.endswith(".json"):
                continue
            count += 1
            _refuse_many(count, path, limits)
            stream = archive.extractfile(info)
            data = stream.read(limits.record + 1) if stream else b""
            left = _counted(data, left, f"{path}: {info.name}", path, limits)
            yield info.name, data


def _folder(path: str, limits: Limits) -> Iterator[tuple[str, bytes]]:
    left, count = limits.total, 0
    for top, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            if not name.endswith(".json"):
                continue
            count += 1
            _refuse_many(count, path, limits)
            with _damage(path), open(os.path.join(top, name), "rb") as stream:
                data = stream.read(limits.record + 1)
            shown = os.path.relpath(os.path.join(top, name), path)
            left = _counted(data, left, f"{path}: {shown}", path, limits)
            yield shown, data


def _refuse_many(count: int, path: str, limits: Limits) -> None:
    if count > limits.members:
        raise FeedError(f"it has more than {limits.members} records", path, "is it the right file?")


def _counted(data: bytes, left: int, where: str, path: str, limits: Limits) -> int:
    if len(data) > limits.record:
        raise FeedError(f"it unpacks to more than {limits.record} bytes", where, "is it the right file?")
    if len(data) > left:
        raise FeedError(f"it unpacks to more than {limits.total} bytes", path, "is it the right file?")
    return left - len(data)
