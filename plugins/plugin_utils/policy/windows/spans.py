# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A window or a freeze as the policy gives it, and what is wrong with one. Pure; imports nothing heavy, because host
actions load policies too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import duration_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import plain

Interval = tuple[float, float]
"""From (inclusive) and to (exclusive) in UTC milliseconds; infinite where a freeze has no end."""


class SpanError(ValueError):
    """A window or freeze cannot be used; the message says why, in words for a person."""


class Calendar(NamedTuple):
    """The text of an iCalendar file or address, or why it could not be read."""

    text: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Span:
    """One entry of `windows` or `freezes`. Exactly one of rrule, ics and first is given."""

    kind: str
    """`window` or `freeze`."""
    rings: tuple[str, ...] = ()
    """Names of rings; empty for all of them."""
    pattern: str | None = None
    """An Ansible host pattern (`for:`), None for every host."""
    timezone: str = "UTC"
    rrule: str | None = None
    since: str | None = None
    start: str | None = None
    """Time of day, `02:00`."""
    duration_ms: int = 0
    plus_days: int = 0
    ics: str | None = None
    first: str | None = None
    """`from` of the policy: a day, or a day and a time."""
    last: str | None = None
    """`to`; None for a freeze without an end."""
    name: str = ""
    reason: str = ""
    calendar: Calendar | None = None
    """What `ics` names, once somebody has read it."""

    @property
    def label(self) -> str:
        """How messages call it: `window 'nights'`, `freeze 'year end'`."""
        called = (
            self.name or self.reason or self.rrule or self.ics or f"{self.first} to {self.last or 'further notice'}"
        )
        return f"{self.kind} '{plain(called, 60)}'"


def span(kind: str, given: Mapping[str, Any]) -> Span:
    """One entry as the policy writes it, accepted by its schema."""
    plus = str(given.get("plus", "0d"))
    return Span(
        kind=kind,
        rings=tuple(given.get("rings", ())),
        pattern=given.get("for"),
        timezone=given.get("timezone", "UTC"),
        rrule=given.get("rrule"),
        since=given.get("since"),
        start=given.get("start"),
        duration_ms=duration_ms(given.get("duration", 0)),
        plus_days=duration_ms(plus) // duration_ms("1d"),
        ics=given.get("ics"),
        first=given.get("from"),
        last=given.get("to"),
        name=given.get("name", ""),
        reason=given.get("reason", ""),
    )


def with_calendars(spans: tuple[Span, ...], calendars: Mapping[str, Calendar]) -> tuple[Span, ...]:
    """The same with the calendars that their `ics` names."""
    return tuple(replace(item, calendar=calendars.get(item.ics or "", item.calendar)) for item in spans)
