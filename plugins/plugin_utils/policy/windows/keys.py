# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`windows`, `freezes` and `time_to_patch` of the policy: their schema, and what a schema cannot say. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.shapes import DURATION, NAME, PATTERN, keys
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.windows.spans import SpanError, span
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import did_you_mean, plain

TIME_OF_DAY = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"
DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?Z?)?$"
DAYS = r"^[0-9]{1,3}(d|w)$"
FORMS = {
    TIME_OF_DAY: 'a time of day in quotes, such as "02:00"',
    DAY: "a day such as 2026-12-20",
    MOMENT: 'a day such as 2026-12-20, or a day and a time such as "2026-12-20 18:00"',
    DAYS: "whole days or weeks, such as 4d or 1w",
}
"""What a pattern allows, in words."""

_TEXT = {"type": "string", "minLength": 1}
_WHEN = {
    "name": _TEXT,
    "timezone": _TEXT,
    "rrule": _TEXT,
    "since": {"type": "string", "pattern": DAY},
    "start": {"type": "string", "pattern": TIME_OF_DAY},
    "duration": DURATION,
    "plus": {"type": "string", "pattern": DAYS},
    "ics": _TEXT,
    "from": {"type": "string", "pattern": MOMENT},
    "to": {"type": "string", "pattern": MOMENT},
}
_WHOM = {"rings": {"type": "array", "minItems": 1, "items": NAME}, "for": PATTERN}
_FREEZE = {**_WHEN, "reason": _TEXT}
WINDOWS = {"type": "array", "minItems": 1, "items": keys({**_WHOM, **_WHEN})}
FREEZES = {"type": "array", "minItems": 1, "items": keys({**_WHOM, **_FREEZE}, ("reason",))}
HOST_WINDOWS = {"type": "array", "minItems": 1, "items": keys(_WHEN)}
"""`lockstep_windows`: the same for the hosts that have the variable."""
HOST_FREEZES = {"type": "array", "minItems": 1, "items": keys(_FREEZE, ("reason",))}
KINDS = ("rrule", "ics", "from")
ONLY_WITH = {"start": "rrule", "duration": "rrule", "plus": "rrule", "since": "rrule", "to": "from"}
"""Keys that mean something beside another one only."""


def problems(data: Mapping[str, Any], rings: Collection[str]) -> list[tuple[tuple[Any, ...], str]]:
    """`[(path, sentence)]` for windows and freezes that a schema accepts and that cannot be used."""
    found: list[tuple[tuple[Any, ...], str]] = []
    for key, kind in (("windows", "window"), ("freezes", "freeze")):
        for at, given in enumerate(data.get(key, ())):
            found += [((key, at, *path), message) for path, message in entry_problems(kind, given)]
            found += [
                ((key, at, "rings"), f"there is no ring '{plain(name, 60)}'{did_you_mean(name, rings)}")
                for name in given.get("rings", ())
                if name not in rings
            ]
    return found


def entry_problems(kind: str, given: Mapping[str, Any]) -> list[tuple[tuple[Any, ...], str]]:
    """The same for one window or freeze."""
    kinds = [name for name in KINDS if name in given]
    if len(kinds) != 1:
        have = " and ".join(kinds) or "none of them"
        return [((), f"give exactly one of rrule, ics and from; this has {have}")]
    lost = [name for name, other in ONLY_WITH.items() if name in given and other != kinds[0]]
    if lost:
        return [
            ((name,), f"'{name}' belongs to '{ONLY_WITH[name]}', and this {kind} has '{kinds[0]}'") for name in lost
        ]
    missing = [name for name in ("start", "duration") if kinds[0] == "rrule" and name not in given]
    if kinds[0] == "from" and kind == "window" and "to" not in given:
        missing.append("to")
    if missing:
        return [((), f"'{name}' is missing beside '{kinds[0]}'") for name in missing]
    # here and not at the top: python-dateutil and the time zones are for policies that have windows
    from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.windows.occurrences import check_span

    try:
        check_span(span(kind, given))
    except SpanError as error:
        return [((), str(error))]
    return []
