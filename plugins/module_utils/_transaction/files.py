# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The folder of staged files: verified on the way in, bounded in size."""

import hashlib
import os
import time
from typing import Dict, List, NamedTuple, Optional, Set

from ansible_collections.lockstep.patching.plugins.module_utils._transaction.places import SHA256, Places

CHUNK = 1024 * 1024
LEFTOVER = 86400.0  # seconds after which a half-written file is nobody's


class Sum(NamedTuple):
    sha256: str
    size: int


def hash_file(path: str, copy_to: Optional[str] = None) -> Sum:
    """Read once; copy_to: also write it there, durably."""
    digest = hashlib.sha256()
    size = 0
    with open(path, "rb") as source, open(copy_to or os.devnull, "wb") as target:
        for chunk in iter(lambda: source.read(CHUNK), b""):
            digest.update(chunk)
            size += len(chunk)
            target.write(chunk)
        if copy_to:
            target.flush()
            os.fsync(target.fileno())
    return Sum(digest.hexdigest(), size)


def is_whole(places: Places, sha256: str, size: Optional[int]) -> bool:
    """Is the file staged and still what its name says? A damaged one is removed."""
    path = places.file(sha256)
    try:
        found = hash_file(path)
    except FileNotFoundError:
        return False
    if found.sha256 == sha256 and size in (None, found.size):
        return True
    os.unlink(path)
    return False


def adopt(places: Places, path: str, sha256: Optional[str], size: Optional[int], move: bool) -> Sum:
    """Verify a file and give it its name. ValueError says what is wrong with it; our own (move) is then removed."""
    draft = path if move else os.path.join(places.files, ".copy-{0}".format(os.getpid()))
    try:
        found = hash_file(path, None if move else draft)
        if sha256 is not None and found.sha256 != sha256:
            raise ValueError("its SHA-256 is {0}, not {1}".format(found.sha256, sha256))
        if size not in (None, found.size):
            raise ValueError("it has {0} bytes, not {1}".format(found.size, size))
        os.chmod(draft, 0o644)
        os.chown(draft, 0, 0)
        os.rename(draft, places.file(found.sha256))
    except (OSError, ValueError):
        if os.path.exists(draft):
            os.unlink(draft)
        raise
    return found


def prune(places: Places, keep: Set[str], allowed: int) -> List[str]:
    """Remove staged files that are not in keep, oldest first, until at most allowed bytes are there."""
    entries = []
    for name in os.listdir(places.files):
        path = os.path.join(places.files, name)
        state = os.lstat(path)
        if SHA256.match(name):
            entries.append((state.st_mtime, state.st_size, name))
        elif os.path.isfile(path) and time.time() - state.st_mtime > LEFTOVER:
            os.unlink(path)
    total = sum(size for _when, size, _name in entries)
    removed = []
    for _when, size, name in sorted(entries):
        if total <= allowed:
            break
        if name not in keep:
            os.unlink(places.file(name))
            control = os.path.join(places.control, name)
            if os.path.exists(control):
                os.unlink(control)
            removed.append(name)
            total -= size
    return removed


def total(places: Places) -> int:
    """Bytes of all staged files."""
    return sum(os.stat(places.file(name)).st_size for name in os.listdir(places.files) if SHA256.match(name))


def known_controls(places: Places) -> Dict[str, str]:
    """SHA-256 -> control stanza of the staged files."""
    found = {}
    for name in os.listdir(places.control):
        if SHA256.match(name) and os.path.exists(places.file(name)):
            with open(os.path.join(places.control, name), encoding="utf-8") as handle:
                found[name] = handle.read()
    return found
