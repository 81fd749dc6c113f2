# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""May a host start now? Everything that is not clear is closed."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.windows.pace import Pace, paces
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.windows.spans import Calendar, Span, span
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.windows.timetable import (
    Timetable,
    say_closed,
    timetable,
)

MINUTE = 60_000
NIGHTS = span("window", {"name": "nights", "rrule": "FREQ=DAILY", "start": "22:00", "duration": "4h"})
NOON = span("window", {"name": "noon", "rrule": "FREQ=DAILY", "start": "12:00", "duration": "1h"})
LATE = span("window", {"name": "late", "rrule": "FREQ=DAILY", "start": "02:00", "duration": "2h"})
YEAR_END = span("freeze", {"from": "2026-12-20", "to": "2027-01-04", "reason": "year end"})
AUDIT = span("freeze", {"from": "2026-12-20", "reason": "audit"})
UNREAD = Span("freeze", ics="x.ics", reason="calendar", calendar=Calendar(problem="refused"))
UNREAD_WINDOW = Span("window", ics="x.ics", calendar=Calendar(problem="refused"))
NEVER = span(
    "window", {"name": "never", "rrule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "start": "01:00", "duration": "1h"}
)
PAST = span("window", {"name": "past", "from": "2025-01-01", "to": "2025-01-02"})


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp() * 1000)


@pytest.mark.parametrize(
    ("windows", "freezes", "now", "need", "kind", "until", "part"),
    [
        ((), (), "2026-12-01 10:00", 90, "", None, ""),
        ((NIGHTS,), (), "2026-12-01 22:00", 60, "", "2026-12-02 02:00", ""),
        ((NIGHTS,), (), "2026-12-02 01:00", 60, "", "2026-12-02 02:00", ""),
        (
            (NIGHTS,),
            (),
            "2026-12-02 01:00",
            61,
            "short",
            "2026-12-02 22:00",
            "1h is left of its window 'nights', and it needs 1h 1m",
        ),
        ((NIGHTS,), (), "2026-12-02 02:00", 1, "window", "2026-12-02 22:00", "outside its window 'nights'"),
        ((NIGHTS, NOON), (), "2026-12-02 02:00", 30, "window", "2026-12-02 12:00", "'nights' and window 'noon'"),
        # windows that touch are one: what does not fit in the rest of one may go on in the next
        ((NIGHTS, LATE), (), "2026-12-02 01:30", 90, "", "2026-12-02 04:00", ""),
        # a freeze cuts a window short, and holds to its end
        ((NIGHTS,), (YEAR_END,), "2026-12-19 22:30", 60, "", "2026-12-20 00:00", ""),
        ((NIGHTS,), (YEAR_END,), "2026-12-19 23:30", 60, "short", "2027-01-05 00:00", "30m is left"),
        ((NIGHTS,), (YEAR_END,), "2026-12-25 23:00", 60, "freeze", "2027-01-05 00:00", "freeze 'year end' holds"),
        ((), (YEAR_END,), "2026-12-25 23:00", 60, "freeze", "2027-01-05 00:00", "freeze 'year end' holds"),
        ((), (YEAR_END,), "2026-12-19 23:30", 60, "short", "2027-01-05 00:00", "30m is left before the next freeze"),
        ((), (AUDIT,), "2026-12-19 23:30", 60, "freeze", None, "'audit' holds until further notice"),
        ((), (AUDIT,), "2026-12-10 00:00", 60, "", "2026-12-20 00:00", ""),
        # unusable: a freeze holds, a window is closed and the others stay open
        ((), (UNREAD,), "2026-12-01 00:00", 60, "broken", None, "refused; it counts as a freeze that holds"),
        ((UNREAD_WINDOW,), (), "2026-12-01 00:00", 60, "broken", None, "refused; it counts as closed"),
        ((UNREAD_WINDOW, NIGHTS), (), "2026-12-01 22:00", 60, "", "2026-12-02 02:00", ""),
        # impossible: nothing fits, or nothing is ever open
        (
            (NIGHTS,),
            (),
            "2026-12-01 22:00",
            241,
            "never",
            None,
            "no window is free for the 4h 1m that it needs (the longest is 4h)",
        ),
        ((NEVER,), (), "2026-12-01 22:00", 1, "never", None, "window 'never' is not open within five years"),
        ((PAST,), (), "2026-12-01 22:00", 1, "never", None, "window 'past' is not open"),
        # a window that is years away is found
        (
            (span("window", {"rrule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "start": "01:00", "duration": "1h"}),),
            (),
            "2026-12-01 22:00",
            1,
            "window",
            "2028-02-29 01:00",
            "outside its window",
        ),
    ],
)
def test_opening(windows: tuple, freezes: tuple, now: str, need: int, kind: str, until: str | None, part: str) -> None:
    answer = Timetable(windows, freezes).opening(ms(now), need * MINUTE)
    assert (answer.kind, answer.open) == (kind, kind == "")
    assert answer.until_ms == (None if until is None else ms(until))
    assert part in answer.why
    assert bool(answer.next) == (not answer.open)
    if not answer.open:
        assert say_closed(answer).endswith("UTC") == (until is not None)


def test_what_cannot_be_read_at_all_is_closed() -> None:
    answer = Timetable((NIGHTS,), (), "its variable lockstep_windows cannot be used").opening(ms("2026-12-01 22:00"), 1)
    assert (answer.open, answer.kind, answer.until_ms) == (False, "broken", None)
    assert "counts as closed" in answer.why


EVERYWHERE = span("window", {"name": "all", "rrule": "FREQ=DAILY", "start": "01:00", "duration": "1h"})
OF_RING = span("window", {"name": "ring", "rings": ["prod"], "rrule": "FREQ=DAILY", "start": "02:00", "duration": "1h"})
OF_DB = span("window", {"name": "db", "for": "db", "rrule": "FREQ=DAILY", "start": "03:00", "duration": "1h"})
OF_DB_2 = span("window", {"name": "db2", "for": "db", "rrule": "FREQ=DAILY", "start": "05:00", "duration": "1h"})
MATCHES = {"db": {"db1", "db2"}}
OWN = {"rrule": "FREQ=DAILY", "start": "04:00", "duration": "1h", "name": "own"}


@pytest.mark.parametrize(
    ("ring", "host", "own", "names"),
    [
        ("test", "web1", {}, ["all"]),
        ("prod", "web1", {}, ["ring"]),
        ("prod", "db1", {}, ["db", "db2"]),
        ("test", "db1", {}, ["db", "db2"]),
        ("prod", "db1", {"lockstep_windows": [OWN]}, ["own"]),
    ],
)
def test_the_nearest_windows_hold(ring: str, host: str, own: dict, names: list[str]) -> None:
    table = timetable([EVERYWHERE, OF_RING, OF_DB, OF_DB_2], [], ring, host, MATCHES, own)
    assert [item.name for item in table.windows] == names


def test_every_freeze_that_concerns_a_host_holds() -> None:
    freezes = [YEAR_END, span("freeze", {"for": "db", "from": "2026-01-01", "reason": "migration"})]
    own = {"lockstep_freezes": [{"from": "2026-01-01", "reason": "own"}]}
    assert [item.reason for item in timetable([], freezes, "prod", "db1", MATCHES, own).freezes] == [
        "year end",
        "migration",
        "own",
    ]
    assert [item.reason for item in timetable([], freezes, "prod", "web1", MATCHES, {}).freezes] == ["year end"]


def test_a_variable_that_cannot_be_meant_closes_the_host() -> None:
    table = timetable([], [], "prod", "db1", MATCHES, {"lockstep_windows": [{**OWN, "rrule": "FREQ=WEEKLY"}]})
    assert "lockstep_windows cannot be used: FREQ=WEEKLY without BYDAY" in table.broken
    assert not table.opening(0, 0).open


def test_time_to_patch_is_the_hosts_own_then_its_platforms_then_the_policys() -> None:
    measured = [("a", "p", 3), ("a", "p", 9), ("b", "p", 5), *(("c", "q", number) for number in range(100, 0, -1))]
    found = paces(measured, {"a": "p", "d": "p", "e": "q", "f": "r", "g": None, "c": "q"}, 77)
    assert found == {
        "a": Pace(9, "host"),
        "d": Pace(9, "platform"),
        "e": Pace(95, "platform"),
        "f": Pace(77, "policy"),
        "g": Pace(77, "policy"),
        "c": Pace(100, "host"),
    }


def test_only_the_last_times_of_a_host_count() -> None:
    assert paces([("a", None, ms_) for ms_ in (1, 2, 3, 4, 5, 60)], {"a": None}, 7) == {"a": Pace(5, "host")}
