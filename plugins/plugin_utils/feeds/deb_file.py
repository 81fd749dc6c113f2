# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The changelog inside a Debian package file."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zlib
from typing import IO, Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.errors import FeedError

_MAGIC = b"!<arch>\n"
_HEADER = 60
_CHANGELOG = re.compile(r"(?:\./)?usr/share/doc/[^/]+/changelog(?:\.Debian)?(?:\.gz)?\Z")
_MODES = {b"data.tar.xz": "r|xz", b"data.tar.gz": "r|gz", b"data.tar.bz2": "r|bz2", b"data.tar": "r|"}
UNPACKED = 1024**3
TEXT = 64 * 1024**2
"""Bytes that are read of a package's files, and of its changelog."""


def changelog(path: str) -> str | None:
    """The text of the changelog of a .deb, Debian's own where upstream's is there too; None where it has none (it may
    be a link to a sibling's). FeedError for a file that cannot be read."""
    try:
        with open(path, "rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise FeedError("it is no Debian package", path, "acquire it again")
            return _in_members(file, path)
    except (tarfile.TarError, EOFError, zlib.error, OSError, ValueError) as error:
        raise FeedError(f"its changelog cannot be read: {error}", path, "acquire it again") from error


def _in_members(file: IO[bytes], path: str) -> str | None:
    while header := file.read(_HEADER):
        if len(header) < _HEADER or header[58:] != b"`\n":
            raise ValueError("it is cut off")
        name, size = header[:16].rstrip().rstrip(b"/"), int(header[48:58])
        start = file.tell()
        if name in _MODES:
            return _in_tar(_Slice(file, size, path), _MODES[name])
        if name == b"data.tar.zst":
            return _in_tar(_unzstd(_Slice(file, size, path), path), "r|")
        file.seek(start + size + size % 2)
    return None


def _unzstd(stream: _Slice, path: str) -> Any:
    try:
        import zstandard
    except ImportError:
        raise FeedError(
            "it is packed with zstd, and the Python library zstandard is not installed", path, "pip install zstandard"
        ) from None
    return zstandard.ZstdDecompressor().stream_reader(io.BufferedReader(stream))


class _Slice(io.RawIOBase):
    """A part of a file."""

    def __init__(self, file: IO[bytes], size: int, path: str) -> None:
        super().__init__()
        self.file, self.left, self.path = file, size, path

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.file.read(min(len(buffer), self.left))
        self.left -= len(data)
        buffer[: len(data)] = data
        return len(data)


def _in_tar(stream: Any, mode: str) -> str | None:
    found, seen = None, 0
    with tarfile.open(fileobj=io.BufferedReader(stream) if mode != "r|" else stream, mode=mode) as archive:  # type: ignore[call-overload]
        for member in archive:
            seen += member.size
            if seen > UNPACKED:
                raise ValueError(f"it unpacks to more than {UNPACKED} bytes")
            if not member.isreg() or not _CHANGELOG.match(member.name):
                continue
            content = archive.extractfile(member)
            if content is not None:
                found = _text(content, member.name)
            if "changelog.Debian" in member.name:
                break  # else it may still come; a native package has none
    return found


def _text(content: IO[bytes], name: str) -> str:
    with gzip.open(content, "rb") if name.endswith(".gz") else content as plain:
        data = plain.read(TEXT + 1)
    if len(data) > TEXT:
        raise ValueError(f"its changelog has more than {TEXT} bytes")
    return data.decode("utf-8", "replace")
