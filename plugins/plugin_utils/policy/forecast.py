# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When each ring of a plan will be done, before anything runs. Pure.

It counts on runs that are started whenever they can go on, on hosts that take as long as was measured, and on nobody
failing. So it is the earliest end, and what it misses will be missed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import duration_text
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.windows.timetable import Opening
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names, plural, utc

_MOST_WINDOWS = 2_000
"""How many windows one group of hosts may take; a group that needs more is as good as never done."""


class Stage(NamedTuple):
    """What is left of a ring."""

    ring: str
    soak_ms: int
    batches: Sequence[Sequence[str]]


class Forecast(NamedTuple):
    """When a ring will be done. Times are None where it never will."""

    ring: str
    hosts: int
    batches: int
    starts_ms: int | None
    ends_ms: int | None
    passes_ms: int | None
    never: str
    """Why it never will be, with the hosts and the next step."""


class Missed(NamedTuple):
    """A deadline that a ring's end misses."""

    ring: str
    hosts: list[str]
    due_ms: int
    late_ms: int


def forecast(
    stages: Sequence[Stage],
    opening: Callable[[str, str, int, int], Opening],
    timetable: Callable[[str, str], Hashable],
    needs: Mapping[str, int],
    forks: int,
    now_ms: int,
) -> list[Forecast]:
    """`opening(host, ring, at, need)` says whether a host may start; hosts with an equal `timetable(host, ring)` get
    equal answers. `forks` hosts are worked on at the same time."""
    found: list[Forecast] = []
    at: int | None = now_ms
    for stage in stages:
        hosts = sum(len(batch) for batch in stage.batches)
        if at is None:
            why = f"ring '{found[-1].ring}' before it is never done"
            found.append(Forecast(stage.ring, hosts, len(stage.batches), None, None, None, why))
            continue
        starts, ends, never = _ring(stage, opening, timetable, needs, forks, at)
        passes = None if never else ends + stage.soak_ms
        end = None if never else ends
        found.append(Forecast(stage.ring, hosts, len(stage.batches), starts, end, passes, never))
        at = passes
    return found


def _ring(
    stage: Stage,
    opening: Callable[[str, str, int, int], Opening],
    timetable: Callable[[str, str], Hashable],
    needs: Mapping[str, int],
    forks: int,
    at_ms: int,
) -> tuple[int | None, int, str]:
    """`(first start, last end, why never)` of one ring."""
    clocks: dict[Hashable, int] = {}
    starts: list[int] = []
    for batch in stage.batches:
        groups: dict[Hashable, list[str]] = {}
        for host in batch:
            groups.setdefault(timetable(host, stage.ring), []).append(host)
        for key, hosts in groups.items():
            need = max(needs[host] for host in hosts)
            rounds, at = -(-len(hosts) // forks), clocks.get(key, at_ms)
            for _window in range(_MOST_WINDOWS):
                answer = opening(hosts[0], stage.ring, at, need)
                if not answer.open:
                    if answer.until_ms is None:
                        return min(starts, default=None), at, f"{names(hosts)}: {answer.why}; {answer.next}"
                    at = answer.until_ms
                    continue
                starts.append(at)
                fit = rounds if answer.until_ms is None else min(rounds, max(1, (answer.until_ms - at) // max(1, need)))
                at, rounds = at + fit * need, rounds - fit
                if rounds <= 0:
                    break
            else:
                return min(starts, default=None), at, f"{names(hosts)}: more than {_MOST_WINDOWS} windows are needed"
            clocks[key] = at
    return min(starts, default=None), max(clocks.values(), default=at_ms), ""


def missed(found: Sequence[Forecast], stages: Sequence[Stage], due: Mapping[str, int]) -> list[Missed]:
    """Deadlines (`due` has the earliest of each host) that the rings' ends miss, the worst of each ring."""
    late: list[Missed] = []
    for item, stage in zip(found, stages, strict=True):
        hosts = [host for batch in stage.batches for host in batch if host in due]
        over = [host for host in hosts if item.ends_ms is None or due[host] < item.ends_ms]
        if over:
            first = min(due[host] for host in over)
            late.append(Missed(item.ring, over, first, -1 if item.ends_ms is None else item.ends_ms - first))
    return late


def forecast_text(found: Sequence[Forecast]) -> list[str]:
    """A line or two for each ring."""
    text = []
    for item in found:
        what = f"  {item.ring}: {plural(item.hosts, 'host')} in {item.batches} batch{'' if item.batches == 1 else 'es'}"
        if not item.hosts:
            text.append(f"  {item.ring}: nothing left to do")
        elif item.ends_ms is None:
            text += [f"{what}: never", f"      {item.never}"]
        else:
            text += [what, f"      from {utc(item.starts_ms or 0)}, done {utc(item.ends_ms)}"]
            if item.passes_ms and item.passes_ms > item.ends_ms:
                text.append(f"      soaks until {utc(item.passes_ms)}")
    return text


def missed_text(late: Sequence[Missed], remedies: Sequence[str]) -> list[str]:
    """What is missed, by how much, and what would mend it."""
    if not late:
        return []
    text = []
    for item in late:
        by = "for ever" if item.late_ms < 0 else f"by {duration_text(item.late_ms)}"
        hosts = f"{plural(len(item.hosts), 'host')} ({names(item.hosts, 3)})"
        text.append(f"  {item.ring}: misses a deadline of {utc(item.due_ms)} {by}, on {hosts}")
    mends = [f"      {remedy}" for remedy in remedies]
    return (
        ["deadlines", *text, "  each of these would meet them:", *mends] if mends else ["deadlines", *text, NO_REMEDY]
    )


NO_REMEDY = "  no single change meets them: add windows, or take hosts out of the plan"
