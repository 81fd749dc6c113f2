# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When windows are open: rules, calendars, time zones, and the two nights of the year that are different."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.windows.occurrences import ENDLESS, intervals
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.windows.spans import (
    Calendar,
    Span,
    SpanError,
    span,
    with_calendars,
)

BERLIN = {"timezone": "Europe/Berlin"}
SUNDAYS = {"rrule": "FREQ=WEEKLY;BYDAY=SU", "duration": "3h"}
PATCH_TUESDAY = {"rrule": "FREQ=MONTHLY;BYDAY=2TU", "start": "22:00", "duration": "6h"}


def ms(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp() * 1000


def utc(value: float) -> str:
    if value == ENDLESS:
        return "endless"
    return datetime.fromtimestamp(value / 1000, timezone.utc).strftime("%Y-%m-%d %H:%M")


def found(item: Span, after: str, before: str) -> list[tuple[str, str]]:
    return [(utc(start), utc(end)) for start, end in intervals(item, ms(after), ms(before))]


@pytest.mark.parametrize(
    ("given", "after", "before", "expected"),
    [
        # every Sunday at 02:00 of Berlin, in winter and in summer
        (
            {**SUNDAYS, **BERLIN, "start": "02:00"},
            "2026-01-01",
            "2026-01-05",
            [("2026-01-04 01:00", "2026-01-04 04:00")],
        ),
        (
            {**SUNDAYS, **BERLIN, "start": "02:00"},
            "2026-07-01",
            "2026-07-06",
            [("2026-07-05 00:00", "2026-07-05 03:00")],
        ),
        # 29 March 2026, 02:00 to 03:00 does not exist: 02:30 is 03:30 summer time, and 3 h are 3 h
        (
            {**SUNDAYS, **BERLIN, "start": "02:30"},
            "2026-03-28",
            "2026-03-30",
            [("2026-03-29 01:30", "2026-03-29 04:30")],
        ),
        # 25 October 2026, 02:00 to 03:00 comes twice: the first one is meant
        (
            {**SUNDAYS, **BERLIN, "start": "02:30"},
            "2026-10-24",
            "2026-10-26",
            [("2026-10-25 00:30", "2026-10-25 03:30")],
        ),
        # the same in a zone west of Greenwich: 8 March and 1 November 2026
        (
            {**SUNDAYS, "timezone": "America/New_York", "start": "02:30"},
            "2026-03-07",
            "2026-03-09",
            [("2026-03-08 07:30", "2026-03-08 10:30")],
        ),
        (
            {**SUNDAYS, "timezone": "America/New_York", "start": "01:30"},
            "2026-10-31",
            "2026-11-02",
            [("2026-11-01 05:30", "2026-11-01 08:30")],
        ),
        # the second Tuesday, and four days after it; in a month that begins with a Wednesday too
        (PATCH_TUESDAY, "2026-04-01", "2026-05-01", [("2026-04-14 22:00", "2026-04-15 04:00")]),
        ({**PATCH_TUESDAY, "plus": "4d"}, "2026-04-01", "2026-05-01", [("2026-04-18 22:00", "2026-04-19 04:00")]),
        ({**PATCH_TUESDAY, "plus": "4w"}, "2026-04-01", "2026-05-01", [("2026-04-07 22:00", "2026-04-08 04:00")]),
        # the last workday of the month
        (
            {"rrule": "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "start": "18:00", "duration": "1h"},
            "2026-05-20",
            "2026-06-10",
            [("2026-05-29 18:00", "2026-05-29 19:00")],
        ),
        # every second week, counted from a day that is given
        (
            {"rrule": "FREQ=WEEKLY;INTERVAL=2", "since": "2026-01-06", "start": "03:00", "duration": "1h"},
            "2026-11-08",
            "2026-12-01",
            [("2026-11-10 03:00", "2026-11-10 04:00"), ("2026-11-24 03:00", "2026-11-24 04:00")],
        ),
        # one that has begun yesterday is found too, and one without any day is empty
        (
            {"rrule": "FREQ=DAILY", "start": "23:00", "duration": "3h"},
            "2026-02-02 01:00",
            "2026-02-02 02:00",
            [("2026-02-01 23:00", "2026-02-02 02:00")],
        ),
        (
            {"rrule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "start": "01:00", "duration": "1h"},
            "2026-01-01",
            "2030-01-01",
            [],
        ),
        (
            {"rrule": "FREQ=DAILY;UNTIL=20260201", "start": "01:00", "duration": "1h"},
            "2026-02-01",
            "2026-03-01",
            [("2026-02-01 01:00", "2026-02-01 02:00")],
        ),
        # once; a day without a time is the whole day
        (
            {"from": "2026-12-20", "to": "2027-01-04", **BERLIN},
            "2026-12-01",
            "2027-02-01",
            [("2026-12-19 23:00", "2027-01-04 23:00")],
        ),
        (
            {"from": "2026-12-20 18:00", "to": "2026-12-20T20:30:00Z"},
            "2026-12-01",
            "2027-02-01",
            [("2026-12-20 18:00", "2026-12-20 20:30")],
        ),
    ],
)
def test_windows(given: dict, after: str, before: str, expected: list[tuple[str, str]]) -> None:
    assert found(span("window", given), after, before) == expected


def test_a_freeze_ends_late_where_its_end_comes_twice_and_never_without_one() -> None:
    given = {"from": "2026-10-20", "to": "2026-10-25 02:30", "reason": "x", **BERLIN}
    assert found(span("freeze", given), "2026-10-01", "2026-11-01") == [("2026-10-19 22:00", "2026-10-25 01:30")]
    assert found(span("window", given), "2026-10-01", "2026-11-01") == [("2026-10-19 22:00", "2026-10-25 00:30")]
    assert found(span("freeze", {"from": "2026-10-20", "reason": "x"}), "2026-11-01", "2026-11-02") == [
        ("2026-10-20 00:00", "endless")
    ]


ICS = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//test//EN
{events}END:VCALENDAR
"""


def event(*lines: str) -> str:
    return "\n".join(["BEGIN:VEVENT", f"UID:{hash(lines)}", "DTSTAMP:20260101T000000Z", *lines, "END:VEVENT", ""])


def calendar(kind: str, *events: str, zone: str = "Europe/Berlin") -> Span:
    text = ICS.format(events="".join(events)).replace("\n", "\r\n")
    item = span(kind, {"ics": "team.ics", "timezone": zone, "reason": "x"})
    return with_calendars((item,), {"team.ics": Calendar(text)})[0]


WEEKLY = event(
    "SUMMARY:nights",
    "DTSTART;TZID=Europe/Berlin:20260104T023000",
    "DTEND;TZID=Europe/Berlin:20260104T050000",
    "RRULE:FREQ=WEEKLY;BYDAY=SU",
    "EXDATE;TZID=Europe/Berlin:20260405T023000",
)


@pytest.mark.parametrize(
    ("item", "after", "before", "expected"),
    [
        (calendar("window", WEEKLY), "2026-03-21", "2026-03-23", [("2026-03-22 01:30", "2026-03-22 04:00")]),
        # the night without 02:30; the end of an event is a local time, so this one is shorter
        (calendar("window", WEEKLY), "2026-03-28", "2026-03-30", [("2026-03-29 01:30", "2026-03-29 03:00")]),
        (calendar("window", WEEKLY), "2026-04-04", "2026-04-06", []),
        # all day, in the zone of the policy's entry; a time without a zone too
        (
            calendar("freeze", event("DTSTART;VALUE=DATE:20261224", "DTEND;VALUE=DATE:20261227")),
            "2026-12-01",
            "2027-01-01",
            [("2026-12-23 23:00", "2026-12-26 23:00")],
        ),
        (
            calendar("window", event("DTSTART:20260701T220000", "DURATION:PT2H")),
            "2026-07-01",
            "2026-07-03",
            [("2026-07-01 20:00", "2026-07-01 22:00")],
        ),
        (
            calendar("window", event("STATUS:CANCELLED", "DTSTART:20260701T220000Z", "DURATION:PT2H")),
            "2026-07-01",
            "2026-07-03",
            [],
        ),
        (calendar("freeze"), "2026-07-01", "2026-07-03", []),
    ],
)
def test_calendars(item: Span, after: str, before: str, expected: list[tuple[str, str]]) -> None:
    assert found(item, after, before) == expected


@pytest.mark.parametrize(
    ("lines", "part"),
    [
        (("DTSTART;TZID=Mars/City:20260701T220000", "DURATION:PT2H"), "time zone 'Mars/City'"),
        (("DTSTART:2026-07-01", "DURATION:PT2H"), "DTSTART"),
        (("DTSTART:20260701T220000Z", "DURATION:PT2H", "RRULE:FREQ=SOMETIMES"), "RRULE"),
        (("DTSTART:20260701T220000Z", "DURATION:PT2H", "RRULE:FREQ=SECONDLY"), "repeats secondly"),
        (("DTSTART:20260701T220000Z",), "ends when it begins"),
        (("SUMMARY:empty",), "no beginning"),
    ],
)
def test_a_calendar_with_one_bad_event_is_not_used_at_all(lines: tuple[str, ...], part: str) -> None:
    with pytest.raises(SpanError, match=r"team\.ics") as caught:
        intervals(calendar("freeze", WEEKLY, event(*lines)), ms("2026-06-30"), ms("2026-07-03"))
    assert part in str(caught.value)


@pytest.mark.parametrize("text", ["", "hello", "BEGIN:VCALENDAR\r\n", "BEGIN:VEVENT\r\nEND:VEVENT\r\n", "\x00" * 40])
def test_what_is_no_calendar_is_not_read_as_an_empty_one(text: str) -> None:
    item = with_calendars((span("freeze", {"ics": "team.ics", "reason": "x"}),), {"team.ics": Calendar(text)})[0]
    with pytest.raises(SpanError, match=r"team\.ics"):
        intervals(item, 0, 1)


def test_a_calendar_that_could_not_be_read_says_why() -> None:
    item = span("freeze", {"ics": "team.ics", "reason": "x"})
    with pytest.raises(SpanError, match="was not read"):
        intervals(item, 0, 1)
    with pytest.raises(SpanError, match="refused"):
        intervals(with_calendars((item,), {"team.ics": Calendar(problem="refused")})[0], 0, 1)
