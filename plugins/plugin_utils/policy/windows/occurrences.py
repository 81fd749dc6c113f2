# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When a window is open or a freeze holds, as intervals of UTC. Pure, but for the time zones, which are the machine's.

Local times are read as RFC 5545 reads them: a time that the clocks skip takes the offset from before the change (02:30
of the night that has none is 03:30), and of a time that comes twice the first is meant. A duration is time that
passes, so a window of 3 h is 3 h long in every night. A freeze that ends at a time which comes twice ends at the
second.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

try:
    from dateutil.rrule import rrule, rrulestr

    MISSING = ""
except ImportError as error:  # said when a rule is to be read; without one nothing needs it
    MISSING = str(error)

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.windows.spans import Interval, Span, SpanError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import did_you_mean, plain

ENDLESS = float("inf")
_DAY = timedelta(days=1)
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_MEANT_BY = {
    "DAILY": (),
    "WEEKLY": ("BYDAY",),
    "MONTHLY": ("BYDAY", "BYMONTHDAY"),
    "YEARLY": ("BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYEASTER"),
}
"""Without one of these the day would be that of the rule's first day."""
_LONGEST = 400
"""Days: no window or time between a rule's day and its window is longer."""


def zone(name: str) -> ZoneInfo:
    """A time zone by its name; SpanError where the machine knows none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        near = did_you_mean(name, available_timezones())
        raise SpanError(f"there is no time zone '{plain(name, 60)}'{near}; write one such as Europe/Berlin") from error


def intervals(span: Span, after_ms: float, before_ms: float) -> list[Interval]:
    """Every time between two moments (finite) at which the span holds, in order; SpanError where that cannot be
    said."""
    found = [item for item in _all(span, after_ms, before_ms) if item[0] < before_ms and item[1] > after_ms]
    return sorted(found)


def check_span(span: Span) -> None:
    """Raise SpanError for a span that cannot be used. What an `ics` names is not looked at."""
    zone(span.timezone)
    if span.ics is None:
        _all(span, 0, 0)


def _all(span: Span, after_ms: float, before_ms: float) -> list[Interval]:
    if span.ics is not None:
        # its library is for policies that name calendars
        from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.windows.ics import events

        return events(span, zone(span.timezone), after_ms, before_ms)
    return [_once(span)] if span.rrule is None else _repeated(span, after_ms, before_ms)


def _once(span: Span) -> Interval:
    where = zone(span.timezone)
    start = _moment(str(span.first), where)
    if span.last is None:
        return start, ENDLESS
    whole_day = len(span.last) == len("2026-12-20")
    end = _moment(span.last, where, 1 if span.kind == "freeze" else 0, _DAY if whole_day else timedelta())
    if end <= start:
        raise SpanError(f"it ends ({span.last}) before it begins ({span.first})")
    return start, end


def _moment(text: str, where: ZoneInfo, fold: int = 0, more: timedelta = timedelta()) -> float:
    try:
        found = datetime.fromisoformat(text.rstrip("Z")) + more
    except (ValueError, OverflowError) as error:
        raise SpanError(f"'{plain(text, 40)}' is no day of the calendar") from error
    return utc_ms(found.replace(tzinfo=timezone.utc if text.endswith("Z") else where, fold=fold))


def utc_ms(moment: datetime) -> float:
    """Milliseconds of a time with a zone."""
    return round(moment.timestamp() * 1000)


def _repeated(span: Span, after_ms: float, before_ms: float) -> list[Interval]:
    if span.duration_ms <= 0:
        raise SpanError("a duration of 0 is never open; give one such as 3h")
    if span.duration_ms > _LONGEST * 86_400_000:
        raise SpanError(f"a duration of more than {_LONGEST} days is no {span.kind}; use from and to")
    where, at = zone(span.timezone), time.fromisoformat(str(span.start))
    reach = timedelta(milliseconds=span.duration_ms) + timedelta(days=span.plus_days + 2)
    first = datetime.fromtimestamp(after_ms / 1000, timezone.utc).replace(tzinfo=None) - reach
    last = datetime.fromtimestamp(before_ms / 1000, timezone.utc).replace(tzinfo=None) + _DAY * 2
    found = []
    for day in _days(span, first, last):
        begins = utc_ms(datetime.combine((day + _DAY * span.plus_days).date(), at, where))
        found.append((begins, begins + span.duration_ms))
    return found


def _days(span: Span, first: datetime, last: datetime) -> list[datetime]:
    """Midnights of the rule's days."""
    given = _rule_parts(str(span.rrule))
    if span.since is not None:
        begin = datetime.combine(_date(span.since), datetime.min.time())
    else:
        _needs_no_beginning(given)
        begin = datetime(first.year, 1, 1)
    if "COUNT" not in given and given.get("UNTIL", "9")[:8] > f"{last:%Y%m%d}":
        given["UNTIL"] = f"{last:%Y%m%d}"  # or a rule without any day would be sought until the year 9999
    if MISSING:
        raise SpanError(f"a Python library is not installed (requirements.txt of the collection): {MISSING}")
    try:
        rule = rrulestr(";".join(f"{key}={value}" for key, value in given.items()), dtstart=begin)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SpanError(f"the rule '{plain(span.rrule, 100)}' cannot be read: {plain(error, 100)}") from error
    if not isinstance(rule, rrule):
        raise SpanError(f"'{plain(span.rrule, 100)}' is not one rule such as FREQ=WEEKLY;BYDAY=SU")
    return rule.between(first, last, inc=True)


def _rule_parts(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for piece in text.strip().removeprefix("RRULE:").split(";"):
        key, equals, value = piece.partition("=")
        key = key.strip().upper()
        if (
            not equals
            or not re.fullmatch(r"[A-Z]+", key)
            or not re.fullmatch(r"[A-Za-z0-9+,-]+", value)
            or key in parts
        ):
            raise SpanError(f"'{plain(text, 100)}' is no rule such as FREQ=WEEKLY;BYDAY=SU")
        parts[key] = value.upper()
    for key in ("BYHOUR", "BYMINUTE", "BYSECOND", "DTSTART"):
        if key in parts:
            raise SpanError(f"{key} is not read here; the time of day is 'start', the first day is 'since'")
    if not re.fullmatch(r"[0-9]{8}(T[0-9]{6})?", parts.get("UNTIL", "20260101")):
        raise SpanError("UNTIL is a local day, such as UNTIL=20261231")
    if parts.get("FREQ") not in _FREQUENCIES:
        raise SpanError(f"FREQ must be one of {', '.join(_FREQUENCIES)}; the time of day is 'start'")
    return parts


def _needs_no_beginning(parts: dict[str, str]) -> None:
    """A rule that counts from its first day must say which day that is."""
    counted = [key for key in ("COUNT", "INTERVAL") if key in parts and parts.get(key) != "1"]
    if counted:
        raise SpanError(f"{counted[0]} counts from a first day; give it as 'since', such as 2026-01-06")
    meant = _MEANT_BY[parts["FREQ"]]
    if meant and not any(key in parts for key in meant):
        raise SpanError(f"FREQ={parts['FREQ']} without {' or '.join(meant)} does not say which day; add it, or 'since'")


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise SpanError(f"'{plain(text, 40)}' is no day of the calendar") from error
