# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""OpenPGP keys (RFC 9580): fingerprints of the keys that a file holds. Nothing is verified here."""

import hashlib
from typing import List

PUBLIC_KEY = 6


def fingerprints(data: bytes) -> List[str]:
    """Return the fingerprints (upper-case hexadecimal) of the primary keys in binary key data, sorted; what cannot be
    read ends the list."""
    found = set()
    at = 0
    while at < len(data):
        tag, start, length = _packet(data, at)
        if length < 0 or start + length > len(data):
            break
        body = data[start : start + length]
        if tag == PUBLIC_KEY and body[:1] == b"\x04":
            found.add(hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body).hexdigest().upper())
        elif tag == PUBLIC_KEY and body[:1] == b"\x06":
            found.add(hashlib.sha256(b"\x9b" + len(body).to_bytes(4, "big") + body).hexdigest().upper())
        at = start + length
    return sorted(found)


def _packet(data, at):
    """(tag, start of the body, its length or -1) of the packet at a position."""
    first = data[at]
    if not first & 0x80:
        return 0, at, -1
    if first & 0x40:
        return _new(data, at, first & 0x3F)
    size = 1 << (first & 3)
    if size == 8 or at + 1 + size > len(data):
        return 0, at, -1
    return (first >> 2) & 0xF, at + 1 + size, int.from_bytes(data[at + 1 : at + 1 + size], "big")


def _new(data, at, tag):
    lengths = data[at + 1 : at + 6]
    if len(lengths) >= 1 and lengths[0] < 192:
        return tag, at + 2, lengths[0]
    if len(lengths) >= 2 and lengths[0] < 224:
        return tag, at + 3, ((lengths[0] - 192) << 8) + lengths[1] + 192
    if len(lengths) == 5 and lengths[0] == 255:
        return tag, at + 6, int.from_bytes(lengths[1:], "big")
    return tag, at, -1
