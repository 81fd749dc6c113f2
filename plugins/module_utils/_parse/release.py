# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Release files: their fields, their dates, and who says that he signed them."""

import base64
import calendar
import email.utils
import re

from ansible_collections.lockstep.patching.plugins.module_utils._parse.deb822 import stanzas

_ARMOR = re.compile(r"-----BEGIN PGP (SIGNATURE|PUBLIC KEY BLOCK)-----\n(.*?)-----END PGP", re.DOTALL)
_TRUE = ("Origin", "Label", "Suite", "Codename", "Version", "Date", "Valid-Until", "Signed-By")


def parse_release(text):
    """Return the fields of a Release or InRelease file that say what it is (absent ones are empty)."""
    head = text.replace("\r", "")
    if head.startswith("-----BEGIN PGP SIGNED MESSAGE-----"):
        head = head.partition("\n\n")[2]
    # the hash lists are long and needless
    head = re.split(r"^(?:MD5Sum|SHA1|SHA256|SHA512):", head, maxsplit=1, flags=re.MULTILINE)[0]
    first = (stanzas(head) or [{}])[0]
    return {name: first.get(name, "") for name in _TRUE}


def date_ms(text):
    """Return a Release date as UTC ms, or None when it is empty or not a date."""
    parsed = email.utils.parsedate_tz(text) if text else None
    if not parsed:
        return None
    return int(calendar.timegm(parsed[:6] + (0, 0, 0)) - (parsed[9] or 0)) * 1000


def dearmor(text):
    """Return the binary packets of the first armoured key block or signature in text, or None."""
    found = _ARMOR.search(text.replace("\r", ""))
    if not found:
        return None
    body = found.group(2)
    if "\n\n" in body:
        body = body.partition("\n\n")[2]
    lines = [line for line in body.split("\n") if line and not line.startswith("=")]
    try:
        return base64.b64decode("".join(lines))
    except ValueError:
        return None


def issuers(data):
    """Return the fingerprints that the OpenPGP signature packets in data claim, sorted. It verifies nothing."""
    found = set()
    for tag, body in _packets(data):
        if tag != 2 or len(body) < 6 or body[0] not in (4, 5, 6):
            continue
        wide = 4 if body[0] == 6 else 2
        start = 4 + wide
        hashed = int.from_bytes(body[4:start], "big")
        for kind, value in _subpackets(body[start : start + hashed]):
            if kind == 33 and len(value) > 1:
                found.add("".join("{0:02X}".format(byte) for byte in value[1:]))
    return sorted(found)


def _packets(data):
    at = 0
    while at < len(data) and data[at] & 0x80:
        head = data[at]
        at += 1
        if head & 0x40:
            tag = head & 0x3F
            length, at = _length(data, at)
        else:
            tag = (head >> 2) & 0x0F
            size = 1 << (head & 3)
            if size == 8:
                return
            length, at = int.from_bytes(data[at : at + size], "big"), at + size
        if length is None or at + length > len(data):
            return
        yield tag, data[at : at + length]
        at += length


def _subpackets(data):
    at = 0
    while at < len(data):
        length, at = _length(data, at)
        if not length or at + length > len(data):
            return
        yield data[at] & 0x7F, data[at + 1 : at + length]
        at += length


def _length(data, at):
    if at >= len(data):
        return None, at
    first = data[at]
    if first < 192:
        return first, at + 1
    if first < 255:
        return ((first - 192) << 8) + (data[at + 1] if at + 1 < len(data) else 0) + 192, at + 2
    return int.from_bytes(data[at + 1 : at + 5], "big"), at + 5
