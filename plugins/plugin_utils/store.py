# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The controller's content store: package files by their SHA-256, at `sha256/ab/<hex>`.

A file is in the store only after every byte of it was checked and is on disk, so that a name there is a promise.
Several processes may put, get and prune at once. The time of a file is when it was last wanted; what was wanted longest
ago goes first.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import IO, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError

LIMIT_BYTES = 20 * 1024**3
SPARE_BYTES = 64 * 1024**2
"""What a put leaves free on the disk: a full disk would also stop the ledger."""
_CHUNK = 1024 * 1024
_NOTHING: frozenset[str] = frozenset()


class StoreError(LockstepError):
    """The store cannot take or give a file; nothing that was in it is lost."""


class Kept(NamedTuple):
    """A file of the store. size in bytes, used_ms: when it was last wanted."""

    sha256: str
    size: int
    used_ms: int


class Store:
    """The files under a folder. limit_bytes bounds their sum."""

    def __init__(self, folder: str, limit_bytes: int = LIMIT_BYTES, spare_bytes: int = SPARE_BYTES) -> None:
        self.folder = os.path.abspath(folder)
        self.limit_bytes = limit_bytes
        self.spare_bytes = spare_bytes

    def path(self, sha256: str) -> str:
        """Where a file is or would be; StoreError for what is not a SHA-256 in hexadecimal."""
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise StoreError(f"{sha256!r} is not a SHA-256", self.folder, "use 64 lower-case hexadecimal digits")
        return os.path.join(self.folder, "sha256", sha256[:2], sha256)

    def has(self, sha256: str, size: int | None = None) -> bool:
        """Whether a file is there, of that size where one is given. `get` reads it to be sure."""
        try:
            found = os.stat(self.path(sha256)).st_size
        except FileNotFoundError:
            return False
        return size is None or found == size

    def get(self, sha256: str, now_ms: int, size: int | None = None) -> str:
        """The path of a file, read through and found right. A damaged one is removed, so that a put replaces it; then,
        and for one that is not there, StoreError."""
        path = self.path(sha256)
        with self._problems("read", path):
            try:
                right = (size is None or os.stat(path).st_size == size) and _right(path, sha256)
            except FileNotFoundError:
                raise StoreError(f"the file {sha256} is not in the store", self.folder, "run acquire again") from None
            if not right:
                with suppress(FileNotFoundError):
                    os.unlink(path)
                raise StoreError(
                    f"the file {sha256} was damaged and is removed",
                    path,
                    "run acquire again; check the disk if it happens twice",
                )
            os.utime(path, ns=(now_ms * 1_000_000, now_ms * 1_000_000))
        return path

    def put(
        self,
        source: str | IO[bytes],
        sha256: str,
        now_ms: int,
        size: int | None = None,
        keep: Collection[str] = _NOTHING,
    ) -> str:
        """Copy a file (a path or an open binary stream) into the store and return its path.

        StoreError when its content is not that SHA-256 and size, or when it does not fit beside what must be kept.
        keep: SHA-256s that must not make room for it, for example all files of the open plan.
        """
        path = self.path(sha256)
        with self._problems("written", path):
            with suppress(FileNotFoundError):
                if _right(path, sha256):
                    os.utime(path, ns=(now_ms * 1_000_000, now_ms * 1_000_000))
                    return path
            self._folders(os.path.dirname(path))
            with self._partial() as (partial, out):
                if isinstance(source, str):
                    with open(source, "rb") as stream:
                        copied = self._copy(stream, out, sha256, size, source)
                else:
                    copied = self._copy(source, out, sha256, size, "the stream")
                out.flush()
                os.fsync(out.fileno())
                os.utime(partial, ns=(now_ms * 1_000_000, now_ms * 1_000_000))
                with self._locked():
                    self._make_room(copied, sha256, keep)
                    os.replace(partial, path)
            _sync_folder(os.path.dirname(path))
        return path

    def files(self) -> list[Kept]:
        """All files, the one that was wanted longest ago first."""
        found = []
        top = os.path.join(self.folder, "sha256")
        for folder in _names(top):
            for name in _names(os.path.join(top, folder)):
                with suppress(FileNotFoundError):  # pruned by another process meanwhile
                    stat = os.stat(os.path.join(top, folder, name))
                    found.append(Kept(name, stat.st_size, stat.st_mtime_ns // 1_000_000))
        return sorted(found, key=lambda kept: (kept.used_ms, kept.sha256))

    def prune(self, keep: Collection[str]) -> list[str]:
        """Remove what was wanted longest ago, until the rest is within the limit; never what is in keep. Returns what
        was removed."""
        with self._problems("pruned", self.folder):
            if not os.path.isdir(self.folder):
                return []
            with self._locked():
                return self._remove(self.files(), 0, keep)

    def _copy(self, stream: IO[bytes], out: IO[bytes], sha256: str, size: int | None, origin: str) -> int:
        if size is not None:
            self._refuse_full_disk(size)
        copied, hashed = 0, hashlib.sha256()
        while chunk := stream.read(_CHUNK):
            copied += len(chunk)
            hashed.update(chunk)
            if size is not None and copied > size:
                raise StoreError(
                    f"it is longer than the {size} bytes of {sha256}", origin, "fetch it again; nothing was stored"
                )
            if copied > self.limit_bytes:
                raise StoreError(
                    f"it is longer than the whole store may be ({self.limit_bytes} bytes)",
                    origin,
                    "give the store a higher limit",
                )
            if size is None:
                self._refuse_full_disk(len(chunk))
            out.write(chunk)
        if size is not None and copied != size:
            raise StoreError(
                f"it has {copied} bytes, not the {size} of {sha256}", origin, "fetch it again; nothing was stored"
            )
        if hashed.hexdigest() != sha256:
            raise StoreError(
                f"its SHA-256 is {hashed.hexdigest()}, not {sha256}", origin, "fetch it again; nothing was stored"
            )
        return copied

    def _refuse_full_disk(self, wanted: int) -> None:
        free = shutil.disk_usage(self.folder).free
        if free < wanted + self.spare_bytes:
            raise StoreError(
                f"the disk has {free} bytes free, and {wanted + self.spare_bytes} are needed",
                self.folder,
                "free space there, or set lockstep_store",
            )

    def _make_room(self, wanted: int, sha256: str, keep: Collection[str]) -> None:
        others = [kept for kept in self.files() if kept.sha256 != sha256]
        held = sum(kept.size for kept in others if kept.sha256 in keep)
        if held + wanted > self.limit_bytes:
            raise StoreError(
                f"{wanted} bytes do not fit: {held} of the {self.limit_bytes} that the store may hold must be kept",
                self.folder,
                "give the store a higher limit, or complete or supersede a plan that keeps files",
            )
        self._remove(others, wanted, keep)

    def _remove(self, found: list[Kept], wanted: int, keep: Collection[str]) -> list[str]:
        total, removed = sum(kept.size for kept in found) + wanted, []
        for kept in found:
            if total <= self.limit_bytes:
                break
            if kept.sha256 not in keep:
                with suppress(FileNotFoundError):
                    os.unlink(self.path(kept.sha256))
                total -= kept.size
                removed.append(kept.sha256)
        return removed

    @contextmanager
    def _partial(self) -> Iterator[tuple[str, IO[bytes]]]:
        """A file to write to, locked by this process; what no process has locked any more is removed."""
        folder = os.path.join(self.folder, "partial")
        self._folders(folder)
        with self._locked():  # nobody tidies up between the making of the file and its lock
            for name in _names(folder):
                _remove_abandoned(os.path.join(folder, name))
            partial = os.path.join(folder, secrets.token_hex(8))
            out = os.fdopen(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600), "wb")
            fcntl.flock(out, fcntl.LOCK_EX)
        try:
            with out:
                yield partial, out
        finally:
            with suppress(FileNotFoundError):  # it has become a file of the store
                os.unlink(partial)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Only one process at a time makes room and fills it."""
        with os.fdopen(
            os.open(os.path.join(self.folder, "lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        ) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _folders(self, folder: str) -> None:
        if not os.path.isdir(folder):
            self._folders(os.path.dirname(folder))
            os.makedirs(folder, mode=0o700, exist_ok=True)

    @contextmanager
    def _problems(self, what: str, where: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            step = f"make it readable and writable for uid {os.getuid()}, or set lockstep_store"
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                step = "free space there, or set lockstep_store"
            raise StoreError(
                f"it cannot be {what}: {error.strerror or error}", error.filename or where, step
            ) from error


def _remove_abandoned(partial: str) -> None:
    with suppress(FileNotFoundError, BlockingIOError), open(partial, "rb") as left:
        fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(partial)


def _right(path: str, sha256: str) -> bool:
    hashed = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(_CHUNK):
            hashed.update(chunk)
    return hashed.hexdigest() == sha256


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def _sync_folder(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
