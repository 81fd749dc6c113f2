# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Progress as text: a few lines for the foot of a terminal, one for a log. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.progress import DONE, Failure, Progress
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import duration_text
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import plain, plural, utc

TROUBLE = ("failed", "regressed", "unreachable", "rolled_back")
UNDER_WAY = ("active", "installed", "staged")
RINGS = 5
"""How many rings a terminal shows, those around the current one."""
NAME = 16


def clip(text: str, width: int) -> str:
    """Text of at most `width` columns; characters of other scripts may take two."""
    taken = 0
    for at, char in enumerate(text):
        taken += 0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        if taken > width:
            return text[: max(0, at - 1)] + "…"
    return text


def left_text(progress: Progress, now_ms: int) -> str:
    """`about 42m left, until 11:13 UTC (measured in this run)`."""
    left = progress.left(now_ms)
    if left is None:
        return ""
    if left.ms < 1000:
        return f"due now ({left.basis})"
    rough = left.ms if left.ms < 60_000 else left.ms // 60_000 * 60_000
    return f"about {duration_text(rough)} left, until {_clock(now_ms + left.ms, now_ms)} ({left.basis})"


def _clock(ms: int, now_ms: int) -> str:
    """The time of the day, with its date where that is another one."""
    then, now = utc(ms), utc(now_ms)
    return then if then[:10] != now[:10] else then[11:]


def states_text(count: Mapping[str, int]) -> str:
    """`2 failed, 1 unreachable, 31 installed`: trouble first, nothing that is done or has not begun."""
    return ", ".join(
        f"{count[state]} {state.replace('_', ' ')}" for state in (*TROUBLE, *UNDER_WAY) if count.get(state)
    )


def step_text(progress: Progress) -> str:
    """`install 31 of 50`."""
    if not progress.step:
        return ""
    problems = f", {plural(progress.problems, 'problem')}" if progress.problems and progress.batch is None else ""
    return f"{progress.step} {progress.answered} of {progress.total}{problems}"


def foot(progress: Progress, width: int, now_ms: int) -> list[str]:
    """The lines at the foot of a terminal; as many from draw to draw, so that nothing jumps."""
    plan = f" · plan {progress.plan_id[:12]}" if progress.plan_id else ""
    head = clip(f"-- lockstep {progress.stage}{plan} · {utc(now_ms)[11:]} ", width)
    lines = [head + "-" * (width - len(head))]
    rings = progress.course.rings
    if rings:
        lines += _rings(progress, width)
    now = f"{step_text(progress)}; " if progress.batch is None and progress.step else ""
    lines.append(clip(f"  {progress.gate or now + left_text(progress, now_ms)}".rstrip("; "), width))
    last = list(progress.failures)[-2:]
    lines += [clip("  ! " + failure_text(failure), width) for failure in reversed(last)]
    return lines + [""] * (2 - len(last))


def _rings(progress: Progress, width: int) -> list[str]:
    rings, current = progress.course.rings, progress.ring_now()
    at = next((number for number, ring in enumerate(rings) if ring[0] == current), _first_open(progress))
    first = max(0, min(at - 1, len(rings) - RINGS))
    shown = rings[first : first + RINGS]
    broad = min(NAME, max(len(plain(name)) for name, _state, _hosts in shown))
    lines = []
    for name, state, hosts in shown:
        cells, done = 10 if width < 120 else 30, progress.done(name)
        full = cells * done // max(1, len(hosts))
        title = clip(plain(name), broad)
        drawn = "#" * full + "." * (cells - full)
        text = f"{'>' if name == current else ' '} {title:<{broad}} [{drawn}] {done}/{len(hosts)}"
        more = [_ring_state(progress, name, state), states_text(progress.counts[name])]
        lines.append(clip("  ".join([text, *[item for item in more if item]]), width))
    if len(rings) > len(shown):
        lines.append(clip(f"  … {plural(len(rings) - len(shown), 'more ring')}", width))
    return lines


def _first_open(progress: Progress) -> int:
    names = [name for name, _state, _hosts in progress.course.rings]
    return next((at for at, name in enumerate(names) if progress.done(name) < sum(progress.counts[name].values())), 0)


def _ring_state(progress: Progress, name: str, state: str) -> str:
    if name == progress.ring_now():
        which, of = progress.batch_in_ring()
        return f"batch {which} of {of}: {step_text(progress)}"
    if state == "passed":
        return state
    return "done" if progress.counts[name] and progress.done(name) == sum(progress.counts[name].values()) else ""


def log_line(progress: Progress, now_ms: int) -> str:
    """All of it in one line."""
    ring = progress.ring_now()
    parts = [f"progress: {progress.stage}"]
    if ring is None:
        parts.append(progress.gate or step_text(progress))
    else:
        count = progress.counts[ring]
        which, of = progress.batch_in_ring()
        parts.append(f"ring {plain(ring)}, batch {which} of {of}: {step_text(progress)}")
        trouble = states_text(count)
        parts.append(
            f"{sum(count[state] for state in DONE)} of {plural(sum(count.values()), 'host')} done"
            + (f", {trouble}" if trouble else "")
        )
    parts.append(left_text(progress, now_ms))
    return "; ".join(part for part in parts if part).replace("; ", ": ", 1)


def failure_text(failure: Failure) -> str:
    """`web1: no space left on device`; most problems name their host themselves."""
    text, host = plain(failure.text, 500), plain(failure.host, 100)
    return text if text.startswith(host) else f"{host}: {text}"
