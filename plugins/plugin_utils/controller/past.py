# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Deadlines of a past period, from what the ledger kept then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timezone
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.kept import Kept
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.deadlines import Life, Step, fleet_lives

DAY_MS = 86_400_000
DEFAULT_DAYS = 90


def period(first: Any, last: Any, now_ms: int) -> tuple[int, int]:
    """(from, to) in UTC milliseconds of two days as `2026-07-01`, both included; without them the last 90 days."""
    to_ms = min(_day_ms("lockstep_to", last) + DAY_MS, now_ms) if last else now_ms
    from_ms = _day_ms("lockstep_from", first) if first else to_ms - DEFAULT_DAYS * DAY_MS
    if from_ms >= to_ms:
        raise LockstepError("it begins after it ends, or has not begun", "lockstep_from", "correct the period")
    return from_ms, to_ms


def _day_ms(name: str, text: Any) -> int:
    try:
        day = date.fromisoformat(str(text))
    except ValueError:
        raise LockstepError(f"'{text}' is no date", name, "write it as 2026-07-01") from None
    return int(datetime(day.year, day.month, day.day, tzinfo=timezone.utc).timestamp() * 1000)


def past_lives(ledger: Ledger, fleet: str, from_ms: int, to_ms: int) -> Iterator[tuple[str, Life]]:
    """(host, life) of every finding that was open at any time of the period."""
    made = {row["id"]: row for row in ledger.assessments(fleet)}
    history = ledger.book_history(fleet, until_ms=to_ms)
    values = ledger.values_of({row["scheme"] for row in made.values()})
    decisions = {
        digest: {row["row"]: row["decision"] for row in values[digest]["rows"]}
        for digest in {row["scheme"] for row in made.values()}
    }
    kept = Kept(
        ledger,
        (book for rows in history.values() for _id, book, _closed in rows),
        (closed for rows in history.values() for _id, _book, closed in rows if closed),
    )
    steps: dict[tuple[int, str, str | None], Step] = {}

    def step(item: tuple[int, str, str | None]) -> Step:
        if item not in steps:
            number, book, closed = item
            about = made[number]
            sheets = kept.closed[closed] if closed else ()
            steps[item] = Step(about["ms"], kept.books[book], sheets, decisions[about["scheme"]])
        return steps[item]

    hosts = {host: [step(item) for item in rows] for host, rows in history.items()}
    return fleet_lives(hosts, kept.shelves, kept.groups, from_ms, to_ms)
