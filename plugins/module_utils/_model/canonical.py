# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One way to write a value down, so that equal values have equal digests on every machine."""

import base64
import hashlib
import json
import re
import zlib

PACK_LIMIT = 64 * 1024 * 1024  # bytes of JSON that unpack() accepts: a hostile host must not fill the controller


def canonical(value):
    """Return the canonical JSON text of value: sorted keys, no spaces, UTF-8; raise ValueError for a float.

    Text that is not valid Unicode (lone surrogates from undecodable bytes) is written with ``?`` in its place.
    """
    _refuse_floats(value)
    return canonical_of_typed(value)


def canonical_of_typed(value):
    """Return the same text for a value whose types have no floats and only text as keys: one of our own, and never
    what a host has sent. Looking for floats takes longer than writing a large value down."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "replace").decode("utf-8")


def digest(value):
    """Return the SHA-256 (hexadecimal) of the canonical JSON of value."""
    return hashlib.sha256(canonical(value).encode("utf-8")).hexdigest()


def pack(value):
    """Return value as base64 text of zlib of canonical JSON."""
    return base64.b64encode(zlib.compress(canonical(value).encode("utf-8"), 6)).decode("ascii")


def unpack(text, limit=PACK_LIMIT):
    """Return the value of pack()'s text; raise ValueError when it is damaged or longer than limit bytes."""
    try:
        return json.loads(_opened(text, limit))
    except (ValueError, zlib.error, UnicodeError, RecursionError) as error:
        raise ValueError("packed data cannot be read: {0}".format(error))


def unpack_each(text, limit=PACK_LIMIT):
    """Return ({key: value}, {key: bytes of its JSON}) of pack()'s text of a dict; raise ValueError as unpack() does.

    The bytes are those that were packed, so that their digest is that of the value without writing it down again.
    Floats and text that is no Unicode are refused, as canonical() never writes them.
    """
    try:
        plain = _opened(text, limit)
        values, raw = {}, {}
        at, end = 1, len(plain) - 1
        if plain[:1] != "{" or plain[-1:] != "}":
            raise ValueError("it is no object")
        while at < end:
            key, at = _DECODER.raw_decode(plain, at)
            if plain[at] != ":" or not isinstance(key, str):
                raise ValueError("no value follows a key")
            values[key], stop = _DECODER.raw_decode(plain, at + 1)
            raw[key] = plain[at + 1 : stop].encode("utf-8")
            if _SURROGATE.search(raw[key]):
                raise ValueError("text of {0!r} is not valid Unicode".format(key))
            if plain[stop] not in ",}" or (plain[stop] == "}") != (stop == end) or stop + 1 == end:
                raise ValueError("something follows a value")
            at = stop + 1
        return values, raw
    except (ValueError, IndexError, zlib.error, UnicodeError, RecursionError) as error:
        raise ValueError("packed data cannot be read: {0}".format(error))


def _opened(text, limit):
    raw = base64.b64decode(text.encode("ascii"), validate=True)
    opener = zlib.decompressobj()
    plain = opener.decompress(raw, limit)
    if opener.unconsumed_tail or not opener.eof:
        raise ValueError("it is cut off, or longer than {0} bytes".format(limit))
    return plain.decode("utf-8")


def _refused(text):
    raise ValueError("floats have no canonical form: {0}".format(text[:30]))


_DECODER = json.JSONDecoder(parse_float=_refused, parse_constant=_refused)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def _refuse_floats(value):
    if isinstance(value, float):
        raise ValueError("floats have no canonical form: {0!r}".format(value))
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError("keys must be text: {0!r}".format(key))
            _refuse_floats(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _refuse_floats(item)
