# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How far a run is: rings, batches, hosts by state, time left, what went wrong last. Pure; times are UTC milliseconds.

It learns what the run's plays decided (`Course`) and what hosts answered, one event after another, and keeps counts
only, so that an event costs the same with ten hosts and with ten thousand.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

DONE = ("verified", "skipped", "rolled_back", "retired")
"""States in which this plan does not touch a host any more."""
LAST = 3
"""How many of the last failures are kept."""


class Course(NamedTuple):
    """What a run is going to do."""

    rings: Sequence[tuple[str, str, Mapping[str, str]]]
    """`(name, state, {host: state})` in order."""
    batches: Sequence[Sequence[str]]
    """The hosts that go at once, in order."""
    needs: Mapping[str, int]
    """How long a host takes by what was measured in earlier plans; hosts without a measurement are not in it."""


class Left(NamedTuple):
    """How long it will still take, and what says so."""

    ms: int
    basis: str


class Failure(NamedTuple):
    host: str
    text: str


class Progress:
    """The state of one run."""

    def __init__(self, stage: str, plan_id: str | None, forks: int, now_ms: int) -> None:
        self.stage, self.plan_id, self.forks, self.began_ms = stage, plan_id, max(1, forks), now_ms
        self.course = Course((), (), {})
        self.states: dict[str, str] = {}
        self.counts: dict[str, Counter[str]] = {}
        self.step = ""
        self.total = self.answered = self.problems = 0
        self.step_ms = now_ms
        self.batch: int | None = None
        self.batch_ms = now_ms
        self.gate = ""
        """What the gate said when it did not say go."""
        self.failures: deque[Failure] = deque(maxlen=LAST)
        self.failed = 0
        """How many failures there were, those that are not kept any more included."""
        self._ring_of: dict[str, str] = {}
        self._batch_of: dict[str, int] = {}
        self._took = self._rounds = 0

    def set_course(self, course: Course) -> None:
        """What the run decided, at its beginning and again when it has made a plan."""
        self.course = course
        self.states = {host: state for _ring, _state, hosts in course.rings for host, state in hosts.items()}
        self.counts = {ring: Counter(hosts.values()) for ring, _state, hosts in course.rings}
        self._ring_of = {host: ring for ring, _state, hosts in course.rings for host in hosts}
        self._batch_of = {host: number for number, hosts in enumerate(course.batches) for host in hosts}

    def begin(self, step: str, total: int, now_ms: int) -> None:
        """A task that works on hosts begins; `total` is how many hosts its play has, outside of batches."""
        self.step, self.step_ms, self.answered, self.problems = step, now_ms, 0, 0
        self.total = total if self.batch is None else len(self.course.batches[self.batch])

    def gated(self, host: str, decision: str, why: str, now_ms: int) -> None:
        """The gate was asked for the batch that this host is in."""
        self.end_batch(now_ms)
        self.gate = "" if decision == "go" else f"{decision}: {why}"
        if decision == "go" and host in self._batch_of:
            self.batch, self.batch_ms = self._batch_of[host], now_ms

    def end_batch(self, now_ms: int) -> None:
        """The current batch, if there is one, has come to its end, or another play has."""
        self.step = ""
        if self.batch is not None:
            self._took += now_ms - self.batch_ms
            self._rounds += self._rounds_of(self.batch)
        self.batch = None

    def answer(self, host: str, state: str | None, problem: str | None) -> None:
        """A host has answered the current task; `state` is its new state in the plan, if it has one."""
        self.answered += 1
        before = self.states.get(host)
        if state and before is not None and state != before:
            count = self.counts[self._ring_of[host]]
            count[before] -= 1
            count[state] += 1
            self.states[host] = state
        if problem:
            self.problems += 1
            if not any(failure == (host, problem) for failure in self.failures):
                self.failed += 1
                self.failures.append(Failure(host, problem))

    def ring_now(self) -> str | None:
        """The ring of the current batch."""
        return None if self.batch is None else self._ring_of.get(self.course.batches[self.batch][0])

    def batch_in_ring(self) -> tuple[int, int]:
        """`(which, of how many)` the current batch is among those of its ring in this run."""
        ring, numbers = self.ring_now(), range(len(self.course.batches))
        mine = [number for number in numbers if self._ring_of.get(self.course.batches[number][0]) == ring]
        return mine.index(self.batch or 0) + 1, len(mine)

    def done(self, ring: str) -> int:
        """How many of a ring's hosts this plan does not touch any more."""
        return sum(self.counts[ring][state] for state in DONE)

    def left(self, now_ms: int) -> Left | None:
        """The time that is left of the rings, or of the current task outside them; None while nothing was measured."""
        if self.batch is None:
            return self._left_of_step(now_ms)
        times = [self._estimate(number) for number in range(self.batch, len(self.course.batches))]
        if any(ms is None for ms in times):
            return None
        now = max(0, (times[0] or 0) - (now_ms - self.batch_ms))
        return Left(
            now + sum(ms or 0 for ms in times[1:]), "measured in " + ("this run" if self._rounds else "earlier plans")
        )

    def _left_of_step(self, now_ms: int) -> Left | None:
        if not self.answered or self.answered < min(self.total, self.forks) or self.answered >= self.total:
            return None
        per_host = (now_ms - self.step_ms) / self.answered
        return Left(int(per_host * (self.total - self.answered)), "measured in this run")

    def _rounds_of(self, batch: int) -> int:
        return -(-len(self.course.batches[batch]) // self.forks)

    def _estimate(self, batch: int) -> int | None:
        """How long a batch takes: as long for each round of hosts as those of this run before it, else as its slowest
        host by what earlier plans measured."""
        if self._rounds:
            return self._rounds_of(batch) * self._took // self._rounds
        known = [self.course.needs[host] for host in self.course.batches[batch] if host in self.course.needs]
        return self._rounds_of(batch) * max(known) if known else None
