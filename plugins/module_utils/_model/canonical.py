# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One way to write a value down, so that equal values have equal digests on every machine."""

import base64
import hashlib
import json
import zlib

PACK_LIMIT = 64 * 1024 * 1024  # bytes of JSON that unpack() accepts: a hostile host must not fill the controller


def canonical(value):
    """Return the canonical JSON text of value: sorted keys, no spaces, UTF-8; raise ValueError for a float.

    Text that is not valid Unicode (lone surrogates from undecodable bytes) is written with ``?`` in its place.
    """
    _refuse_floats(value)
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
        raw = base64.b64decode(text.encode("ascii"), validate=True)
        opener = zlib.decompressobj()
        plain = opener.decompress(raw, limit)
        if opener.unconsumed_tail or not opener.eof:
            raise ValueError("it is cut off, or longer than {0} bytes".format(limit))
        return json.loads(plain.decode("utf-8"))
    except (ValueError, zlib.error, UnicodeError, RecursionError) as error:
        raise ValueError("packed data cannot be read: {0}".format(error))


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
