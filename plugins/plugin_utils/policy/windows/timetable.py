# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""May hosts of one timetable be changed now, until when, and if not, when? Pure; it fails closed.

A window that cannot be used is closed. A freeze that cannot be used holds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import duration_text
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.windows.keys import entry_problems
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.windows.occurrences import ENDLESS, intervals
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.windows.spans import (
    Interval,
    Span,
    SpanError,
    span,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import plain, utc

_AHEAD_DAYS = (15, 100, 400, 1830)
"""How far ahead an opening is sought, step by step. What is not open within five years is never open."""
_DAY_MS = 86_400_000
MEND = "mend it, and run again"


class Opening(NamedTuple):
    """Whether a host may start now."""

    open: bool
    kind: str
    """Empty when open, else `window`, `freeze`, `short` (too little of the window is left), `never` or `broken`."""
    until_ms: int | None
    """Open: when that ends, None where no end is in sight. Closed: when a start is possible, None where nobody
    knows."""
    why: str
    next: str


class Timetable(NamedTuple):
    """The windows (none: always) and the freezes that hold for some hosts."""

    windows: tuple[Span, ...] = ()
    freezes: tuple[Span, ...] = ()
    broken: str = ""
    """Why none of it can be used, such as a host variable that cannot be read."""

    def opening(self, now_ms: int, need_ms: int = 0) -> Opening:
        """The answer for hosts that need this long. A start is possible when all of it fits before the next end."""
        if self.broken:
            return Opening(False, "broken", None, f"{self.broken}; that counts as closed", MEND)
        frozen: list[tuple[Interval, Span]] = []
        opened: list[tuple[Interval, Span]] = []
        closed_for_good: list[str] = []
        for days in _AHEAD_DAYS:
            end_ms = now_ms + days * _DAY_MS
            try:
                frozen = [(at, item) for item in self.freezes for at in intervals(item, now_ms, end_ms)]
            except SpanError as error:
                item = _culprit(self.freezes, now_ms, end_ms)
                return Opening(False, "broken", None, f"{item}: {error}; it counts as a freeze that holds", MEND)
            opened, closed_for_good = _usable(self.windows, now_ms, end_ms)
            always: list[Interval] = [] if self.windows else [(now_ms, ENDLESS)]
            free = _subtract(_merge([*(at for at, _item in opened), *always]), _merge([at for at, _item in frozen]))
            for start, end in free:
                start = max(start, now_ms)
                if end - start < max(need_ms, 1):
                    continue
                if start <= now_ms:
                    return Opening(True, "", None if end >= end_ms else int(end), "", "")
                why, kind = self._closed_now(now_ms, need_ms, opened, frozen)
                return Opening(False, kind, int(start), why, "run rollout again then")
        return self._never(now_ms, need_ms, opened, frozen, closed_for_good)

    def _closed_now(
        self,
        now_ms: int,
        need_ms: int,
        opened: Sequence[tuple[Interval, Span]],
        frozen: Sequence[tuple[Interval, Span]],
    ) -> tuple[str, str]:
        """Why nobody may start at this moment."""
        holding = [item for at, item in frozen if at[0] <= now_ms < at[1]]
        if holding:
            return f"{holding[0].label} holds", "freeze"
        here = [(at, item) for at, item in opened if at[0] <= now_ms < at[1]]
        if here or not self.windows:
            ends = [at[1] for at, _item in here] + [at[0] for at, _item in frozen if at[0] > now_ms]
            left = duration_text(int(max(0, min([*ends, ENDLESS]) - now_ms))) if ends else "0"
            what = f"of its {here[0][1].label}" if here else "before the next freeze"
            return f"{left} is left {what}, and it needs {duration_text(need_ms)}", "short"
        names = " and ".join(item.label for item in self.windows[:2])
        return f"outside its {names}" + (" and others" if len(self.windows) > 2 else ""), "window"

    def _never(
        self,
        now_ms: int,
        need_ms: int,
        opened: Sequence[tuple[Interval, Span]],
        frozen: Sequence[tuple[Interval, Span]],
        unusable: Sequence[str],
    ) -> Opening:
        endless = next((item for at, item in frozen if at[1] == ENDLESS), None)
        if endless:
            step = f"lift it (take it out of the policy, or give it a 'to') when {plain(endless.reason, 60)} is over"
            return Opening(False, "freeze", None, f"{endless.label} holds until further notice", step)
        if unusable:
            return Opening(False, "broken", None, f"{unusable[0]}; it counts as closed", MEND)
        if opened:
            longest = duration_text(int(max(at[1] - at[0] for at, _item in opened)))
            why = f"no window is free for the {duration_text(need_ms)} that it needs (the longest is {longest})"
            return Opening(False, "never", None, why, "make a window longer, or a freeze shorter")
        names = " and ".join(item.label for item in self.windows[:2])
        return Opening(False, "never", None, f"{names} is not open within five years", "correct the window")


def _usable(windows: Sequence[Span], after_ms: int, before_ms: int) -> tuple[list[tuple[Interval, Span]], list[str]]:
    """Openings of those that can be read, and why the others cannot."""
    found: list[tuple[Interval, Span]] = []
    bad: list[str] = []
    for item in windows:
        try:
            found += [(at, item) for at in intervals(item, after_ms, before_ms)]
        except SpanError as error:
            bad.append(f"{item.label}: {error}")
    return found, bad


def _culprit(spans: Sequence[Span], after_ms: int, before_ms: int) -> str:
    for item in spans:
        try:
            intervals(item, after_ms, before_ms)
        except SpanError:
            return item.label
    return "a freeze"


def _merge(given: Sequence[Interval]) -> list[Interval]:
    """Intervals that overlap or touch as one."""
    merged: list[Interval] = []
    for start, end in sorted(given):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _subtract(given: Sequence[Interval], less: Sequence[Interval]) -> list[Interval]:
    """What is left of intervals; both lists merged."""
    left: list[Interval] = []
    for start, end in given:
        at = start
        for begin, stop in less:
            if stop <= at or begin >= end:
                continue
            if begin > at:
                left.append((at, begin))
            at = max(at, stop)
        if at < end:
            left.append((at, end))
    return left


def timetable(
    windows: Sequence[Span],
    freezes: Sequence[Span],
    ring: str,
    host: str,
    matches: Mapping[str, Collection[str]],
    own: Mapping[str, Any],
) -> Timetable:
    """What holds for one host.

    Windows of the nearest kind that has any replace the others: the host's or its groups' variable `lockstep_windows`,
    then those with `for:`, then those of its ring, then those for all. Several of one kind add up. Every freeze that
    concerns the host holds, `lockstep_freezes` too. `own` are these variables where the host has them; they fit
    their schemas.
    """
    concerned = [
        item
        for item in windows
        if (not item.rings or ring in item.rings) and (item.pattern is None or host in matches[item.pattern])
    ]
    nearest = (
        [item for item in concerned if item.pattern is not None]
        or [item for item in concerned if item.rings]
        or concerned
    )
    holding = [
        item
        for item in freezes
        if (not item.rings or ring in item.rings) and (item.pattern is None or host in matches[item.pattern])
    ]
    for key, kind in (("lockstep_windows", "window"), ("lockstep_freezes", "freeze")):
        for given in own.get(key) or ():
            wrong = entry_problems(kind, given)
            if wrong:
                return Timetable(broken=f"its variable {key} cannot be used: {wrong[0][1]}")
    if own.get("lockstep_windows"):
        nearest = [span("window", given) for given in own["lockstep_windows"]]
    holding += [span("freeze", given) for given in own.get("lockstep_freezes") or ()]
    return Timetable(tuple(nearest), tuple(holding))


def say_closed(opening: Opening) -> str:
    """`outside its window 'nights' until 2026-11-22 01:00 UTC`."""
    return opening.why + (f" until {utc(opening.until_ms)}" if opening.until_ms is not None else "")
