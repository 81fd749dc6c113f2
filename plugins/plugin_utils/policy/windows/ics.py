# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""iCalendar text as intervals. Pure: somebody else has read the file or the address.

Whatever of it cannot be understood makes all of it unusable: one event that is not read could be the freeze.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any

try:
    import recurring_ical_events
    from icalendar import Calendar as Component

    MISSING = ""
except ImportError as error:  # said when a calendar is to be read
    MISSING = str(error)

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.windows.spans import Interval, Span, SpanError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import plain

_TOO_OFTEN = ("SECONDLY", "MINUTELY", "HOURLY")
_MARGIN = timedelta(days=2)


def events(span: Span, where: tzinfo, after_ms: float, before_ms: float) -> list[Interval]:
    """When an event of the calendar is on, cancelled ones aside. Times without a zone are in that of the span."""
    if span.calendar is None:
        raise SpanError(f"the calendar {plain(span.ics, 200)} was not read")
    if span.calendar.problem:
        raise SpanError(f"the calendar {plain(span.ics, 200)} cannot be read: {plain(span.calendar.problem, 200)}")
    if MISSING:
        raise SpanError(f"a Python library is not installed (requirements.txt of the collection): {MISSING}")
    begin = datetime.fromtimestamp(after_ms / 1000, timezone.utc).replace(tzinfo=None) - _MARGIN
    end = datetime.fromtimestamp(before_ms / 1000, timezone.utc).replace(tzinfo=None) + _MARGIN
    try:
        found = recurring_ical_events.of(_calendar(span.calendar.text)).between(begin, end)
        return [_interval(item, where, span) for item in found if str(item.get("STATUS", "")).upper() != "CANCELLED"]
    except SpanError as error:
        raise SpanError(f"the calendar {plain(span.ics, 200)}: {error}") from error
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, IndexError) as error:
        raise SpanError(f"the calendar {plain(span.ics, 200)} cannot be understood: {plain(error, 200)}") from error


@lru_cache(maxsize=32)
def _calendar(text: str) -> Any:
    calendar = Component.from_ical(text)
    if calendar.name != "VCALENDAR":
        raise SpanError("it is no VCALENDAR")
    for item in calendar.walk():
        if item.errors:
            name, why = item.errors[0]
            raise SpanError(f"{name or 'a line'} of '{plain(item.get('SUMMARY', item.name), 60)}' is wrong: {why}")
    for item in calendar.walk("VEVENT"):
        _readable(item)
    return calendar


def _readable(item: Any) -> None:
    """What the library would read as something else."""
    called = plain(item.get("SUMMARY", "an event"), 60)
    if "DTSTART" not in item:
        raise SpanError(f"'{called}' has no beginning (DTSTART)")
    for key in ("DTSTART", "DTEND", "RECURRENCE-ID"):
        value = item.get(key)
        name = value.params.get("TZID") if value is not None else None
        if name and getattr(value.dt, "tzinfo", None) is None:
            raise SpanError(f"'{called}' is in the time zone '{plain(name, 60)}', which is not known")
    rules = item.get("RRULE")
    for rule in rules if isinstance(rules, list) else [rules] * (rules is not None):
        frequency = str((rule.get("FREQ") or [""])[0]).upper()
        if frequency in _TOO_OFTEN:
            raise SpanError(f"'{called}' repeats {frequency.lower()}; the least is daily")


def _interval(item: Any, where: tzinfo, span: Span) -> Interval:
    start = _utc_ms(item.start, where, 0)
    end = _utc_ms(item.end, where, 1 if span.kind == "freeze" else 0)
    if end <= start:
        raise SpanError(f"'{plain(item.get('SUMMARY', 'an event'), 60)}' ends when it begins ({item.start})")
    return start, end


def _utc_ms(moment: date, where: tzinfo, fold: int) -> float:
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, datetime.min.time())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=where)
    return round(moment.replace(fold=fold).timestamp() * 1000)
