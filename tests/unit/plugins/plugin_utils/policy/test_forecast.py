# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When rings will be done, and which deadlines that misses."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.forecast import (
    NO_REMEDY,
    Missed,
    Stage,
    forecast,
    forecast_text,
    missed,
    missed_text,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.windows.spans import span
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.windows.timetable import Timetable

MINUTE = 60_000
HOUR = 60 * MINUTE
NOW = 1_795_000_000_000 // (24 * HOUR) * 24 * HOUR  # midnight, UTC
NIGHTS = Timetable((span("window", {"name": "n", "rrule": "FREQ=DAILY", "start": "02:00", "duration": "1h"}),))
AUDIT = Timetable((), (span("freeze", {"from": "2020-01-01", "reason": "audit"}),))
HOSTS = ["h1", "h2", "h3", "h4", "h5", "h6"]


def seen(stages: list[Stage], tables: dict[str, Timetable], forks: int = 2, need: int = 30):
    def table(host: str, _ring: str) -> Timetable:
        return tables.get(host, Timetable())

    return forecast(
        stages,
        lambda host, ring, at, ms: table(host, ring).opening(at, ms),
        table,
        dict.fromkeys(["t", *HOSTS], need * MINUTE),
        forks,
        NOW,
    )


def times(found) -> list[tuple[float | None, float | None, float | None]]:
    """Start, end and pass in hours from now."""
    return [
        tuple(None if ms is None else (ms - NOW) / HOUR for ms in (item.starts_ms, item.ends_ms, item.passes_ms))
        for item in found
    ]


TEST = Stage("test", 24 * HOUR, [["t"]])


@pytest.mark.parametrize(
    ("batches", "tables", "forks", "need", "expected"),
    [
        # six hosts, two at the same time, half an hour each
        ([HOSTS], {}, 2, 30, (24.5, 26.0, 26.0)),
        ([HOSTS], {}, 6, 30, (24.5, 25.0, 25.0)),
        ([HOSTS[:1], HOSTS[1:]], {}, 6, 30, (24.5, 25.5, 25.5)),
        # one window of an hour a night takes four of them
        ([HOSTS], dict.fromkeys(HOSTS, NIGHTS), 2, 30, (26.0, 50.5, 50.5)),
        ([HOSTS], dict.fromkeys(HOSTS, NIGHTS), 3, 30, (26.0, 27.0, 27.0)),
        # hosts with a window of their own do not hold up the others
        ([HOSTS], {"h1": NIGHTS}, 9, 30, (24.5, 26.5, 26.5)),
        ([], {}, 2, 30, (None, 24.5, 24.5)),
    ],
)
def test_a_ring_ends_with_its_last_host(batches: list, tables: dict, forks: int, need: int, expected: tuple) -> None:
    found = seen([TEST, Stage("production", 0, batches)], tables, forks, need)
    assert times(found) == [(0.0, 0.5, 24.5), expected]


def test_what_is_never_done_says_why_and_so_does_what_follows() -> None:
    found = seen([TEST, Stage("production", 0, [HOSTS]), Stage("last", 0, [["h9"]])], {"h2": AUDIT})
    assert [item.ends_ms for item in found][1:] == [None, None]
    assert "h2: freeze 'audit' holds until further notice; lift it" in found[1].never
    text = "\n".join(forecast_text(found))
    assert "production: 6 hosts in 1 batch: never" in text
    assert "ring 'production' before it is never done" in text
    # longer than any window
    assert "no window is free for the 2h" in seen([TEST, Stage("p", 0, [HOSTS])], {"h1": NIGHTS}, 2, 120)[1].never


def test_deadlines_that_are_missed_and_by_how_much() -> None:
    stages = [TEST, Stage("production", 0, [HOSTS])]
    found = seen(stages, {})
    due = {"t": NOW + HOUR, "h1": NOW + 25 * HOUR, "h2": NOW + 26 * HOUR, "h3": NOW + 20 * HOUR}
    late = missed(found, stages, due)
    assert late == [Missed("production", ["h1", "h3"], NOW + 20 * HOUR, 6 * HOUR)]
    text = missed_text(late, ["batch: 100%"])
    assert (
        text[0] == "deadlines" and text[1].endswith("by 6h, on 2 hosts (h1, h3)") and text[-1].strip() == "batch: 100%"
    )
    assert missed_text(late, [])[-1] == NO_REMEDY
    assert missed(found, stages, {"h1": NOW + 26 * HOUR}) == [] == missed_text([], [])
    never = missed(seen(stages, {"h1": AUDIT}), stages, {"h5": NOW + 999 * HOUR})
    assert never == [Missed("production", ["h5"], NOW + 999 * HOUR, -1)]
