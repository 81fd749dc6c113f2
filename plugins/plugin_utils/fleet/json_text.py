# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""JSON text to records, and where a part of it stands."""

from __future__ import annotations

import json
import re
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.problems import InventoryError, Spot, spot_at
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import plain

_SPACE = re.compile(r"[ \t\n\r]*")


class _Twice(ValueError):
    """An object has a key twice; its argument is the key."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _value in pairs]
        raise _Twice(next(key for key in keys if keys.count(key) > 1))
    return found


def read_json(text: str, file: str) -> Any:
    """What the text says; a key that an object has twice is an error, since one of its values would be lost."""
    try:
        return json.loads(text, object_pairs_hook=_pairs)
    except json.JSONDecodeError as error:
        raise InventoryError(Spot(file, error.lineno, error.colno), f"this is not JSON: {error.msg}") from error
    except _Twice as error:
        shown = json.dumps(error.args[0])
        second = [found.start() for found in re.finditer(re.escape(shown) + r"\s*:", text)][1:2]
        raise InventoryError(
            spot_at(file, text, second[0] if second else 0), f"an object has the key '{plain(error.args[0], 60)}' twice"
        ) from error
    except RecursionError as error:
        raise InventoryError(Spot(file, 1, 1), "this is nested too deeply") from error


def locate_json(text: str, file: str, path: tuple[Any, ...]) -> Spot:
    """Where a part of valid JSON text stands; of a part that is not there, where what should hold it stands."""
    decoder, at = json.JSONDecoder(), _skip(text, 0)
    for step in path:
        found = _member(decoder, text, at, step)
        if found is None:
            break
        at = found
    return spot_at(file, text, at)


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _member(decoder: json.JSONDecoder, text: str, at: int, step: Any) -> int | None:
    if text[at] not in "[{":
        return None
    keyed, number, at = text[at] == "{", 0, _skip(text, at + 1)
    while text[at] not in "]}":
        key: Any = number
        if keyed:
            key, at = decoder.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)
        if key == step:
            return at
        at = _skip(text, decoder.raw_decode(text, at)[1])
        number += 1
        if text[at] == ",":
            at = _skip(text, at + 1)
    return None
