# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values that are stored once for each distinct content, under the SHA-256 of their canonical JSON."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import canonical
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.libs import sa
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import content

LEVEL = 3  # of zlib
_AT_ONCE = 500  # digests in one statement; far below the limits of both databases


class Packed(NamedTuple):
    """A value made ready before the transaction begins, so that other writers do not wait for it."""

    digest: str
    size: int
    packed: bytes


def pack(value: Any) -> Packed:
    """ValueError for a value that has no canonical form."""
    return pack_raw(canonical(value).encode("utf-8"))


def pack_raw(plain: bytes) -> Packed:
    """The same of bytes that are canonical JSON already, as `unpack_each` gives them."""
    return Packed(hashlib.sha256(plain).hexdigest(), len(plain), zlib.compress(plain, LEVEL))


def clean(text: str) -> str:
    """Text that both databases can hold: without NUL and without what is not Unicode."""
    return str(text).encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd")


def present(connection: sa.Connection, digests: Iterable[str]) -> set[str]:
    """Those of the digests whose content is stored."""
    found: set[str] = set()
    for part in parts(digests):
        found.update(connection.execute(sa.select(content.c.digest).where(content.c.digest.in_(part))).scalars())
    return found


def store(connection: sa.Connection, values: Mapping[str, Packed]) -> None:
    """Store what is not there yet; for use inside a write transaction only."""
    new = [values[digest]._asdict() for digest in sorted(set(values) - present(connection, values))]
    if new:
        connection.execute(sa.insert(content), new)


def store_one(connection: sa.Connection, value: Packed) -> str:
    store(connection, {value.digest: value})
    return value.digest


def load(connection: sa.Connection, digests: Collection[str]) -> dict[str, Any]:
    """The values of the digests."""
    found: dict[str, Any] = {}
    for part in parts(digests):
        for digest, packed in connection.execute(
            sa.select(content.c.digest, content.c.packed).where(content.c.digest.in_(part))
        ):
            found[digest] = json.loads(zlib.decompress(packed))
    return found


def parts(digests: Iterable[str]) -> Iterable[list[str]]:
    listed = sorted(set(digests))
    return (listed[start : start + _AT_ONCE] for start in range(0, len(listed), _AT_ONCE))
