# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A small test group that has what production has: greedy set cover, kept stable from month to month. Pure.

What is covered are items: a platform, a package version on a platform, a service. An item weighs as many hosts as have
it. One that a single host has is left aside: with that host in the test group nothing of production would be proved.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

Item = tuple[str, str]
"""Kind (`platform`, `package`, `service`) and what it is."""
KINDS = ("platform", "package", "service")
ALONE, NEVER, FULL_SERVICE, FULL = "alone", "never", "service", "full"


class Wishes(NamedTuple):
    """What a person wants of the choice. Numbers are of hosts; per_service None sets no limit."""

    pins: Sequence[str] = ()
    never: Collection[str] = ()
    most: int = 1
    per_service: int | None = None
    previous: Sequence[str] = ()


class Chosen(NamedTuple):
    """A host of the test group. why: `pinned`, `kept` (it was chosen before) or `new`; gain: items that it is the first
    to cover."""

    host: str
    why: str
    gain: int


class Gap(NamedTuple):
    """An item of production that the test group lacks. why: `alone` (a single host has it), `never` (only hosts that
    must not be in the group have it), `service` (their services have their number of test hosts), `full`."""

    kind: str
    name: str
    hosts: int
    why: str


class Choice(NamedTuple):
    """The test group, how many items of each kind it covers of how many, and what it lacks, the most common first."""

    hosts: list[Chosen]
    covered: dict[str, tuple[int, int]]
    gaps: list[Gap]


class _Cover:
    """What is covered so far, and how much a host would add."""

    def __init__(self, items_of: Mapping[str, Collection[Item]]) -> None:
        counts: Counter[Item] = Counter()
        sets: dict[int, int] = {}
        kept: dict[int, Collection[Item]] = {}
        for items in items_of.values():
            # hosts that are alike share one collection, so that it is counted once
            sets[id(items)] = sets.get(id(items), 0) + 1
            kept[id(items)] = items
        for key, items in kept.items():
            for item in items:
                counts[item] += sets[key]
        self.counts = counts
        self._numbers = {item: number for number, item in enumerate(counts)}
        self._weights = [0 if count == 1 else count for count in counts.values()]
        self._of = {key: [self._numbers[item] for item in items] for key, items in kept.items()}
        self.items_of = items_of
        self.times = [0] * len(counts)
        """How many chosen hosts have each item."""

    def numbers(self, host: str) -> list[int]:
        return self._of[id(self.items_of[host])] if host in self.items_of else []

    def gain(self, host: str) -> int:
        """Weight of what the host has and nobody chosen has."""
        return sum(self._weights[number] for number in self.numbers(host) if not self.times[number])

    def new(self, host: str) -> int:
        """How many items that is."""
        return sum(1 for number in self.numbers(host) if not self.times[number] and self._weights[number])

    def add(self, host: str, by: int = 1) -> None:
        for number in self.numbers(host):
            self.times[number] += by

    def needless(self, host: str) -> bool:
        """Whether the others have all that this chosen host has."""
        return all(self.times[number] > 1 or not self._weights[number] for number in self.numbers(host))

    def has(self, item: Item) -> bool:
        return self.times[self._numbers[item]] > 0


def choose(
    items_of: Mapping[str, Collection[Item]],
    services: Mapping[str, Collection[str]],
    wishes: Wishes,
    place: Mapping[str, int],
) -> Choice:
    """The test group for these hosts.

    `items_of`: platforms and package versions of each host; hosts that are alike may share one collection. `services`
    of each host. `place`: a fixed number for each host, so that the same ones are chosen among equals every time. Hosts
    of `wishes.previous` stay while they still add something.
    """
    cover = _Cover(_with_services(items_of, services))
    chosen: dict[str, str] = {}
    gains: dict[str, int] = {}
    out: Counter[str] = Counter()

    def take(host: str, why: str) -> None:
        chosen[host], gains[host] = why, cover.new(host)
        cover.add(host)
        out.update(services.get(host, ()))

    def may(host: str) -> bool:
        if host in chosen or host in wishes.never or host not in items_of:
            return False
        return wishes.per_service is None or all(out[name] < wishes.per_service for name in services.get(host, ()))

    for host in dict.fromkeys(wishes.pins):
        take(host, "pinned")
    for why, hosts in (("kept", wishes.previous), ("new", items_of), ("new", items_of)):
        _greedy(cover, [host for host in hosts if may(host)], may, take, why, wishes.most, chosen, place)
        # later ones may have all that an earlier one was taken for; its place is free again then
        for host in sorted(chosen, key=lambda host: (chosen[host] != "new", gains[host])):
            if chosen[host] != "pinned" and cover.needless(host):
                cover.add(host, -1)
                out.subtract(services.get(host, ()))
                del chosen[host]
    order = {"pinned": 0, "kept": 1, "new": 2}
    group = [Chosen(host, why, gains[host]) for host, why in chosen.items()]
    group.sort(key=lambda item: (order[item.why], -item.gain, place.get(item.host, 0)))
    return Choice(group, _covered(cover), _gaps(cover, services, wishes, out))


def _with_services(
    items_of: Mapping[str, Collection[Item]], services: Mapping[str, Collection[str]]
) -> dict[str, Collection[Item]]:
    """Items with services; hosts that are alike in both share a collection."""
    made: dict[tuple[int, tuple[str, ...]], Collection[Item]] = {}
    found = {}
    for host, items in items_of.items():
        names = tuple(sorted(services.get(host, ())))
        key = (id(items), names)
        if key not in made:
            made[key] = [*items, *(("service", name) for name in names)] if names else items
        found[host] = made[key]
    return found


def _greedy(
    cover: _Cover,
    hosts: Sequence[str],
    may: Callable[[str], bool],
    take: Callable[[str, str], None],
    why: str,
    most: int,
    chosen: Mapping[str, str],
    place: Mapping[str, int],
) -> None:
    """Take the host that adds most, again and again. A gain only ever falls, so one that is still on top of the heap
    after it was computed anew is the largest."""
    first: dict[int, int] = {}  # hosts that are alike add the same
    for host in hosts:
        key = id(cover.items_of[host])
        if key not in first:
            first[key] = cover.gain(host)
    heap = [(-first[id(cover.items_of[host])], place.get(host, 0), host) for host in hosts]
    heapq.heapify(heap)
    while heap and len(chosen) < most:
        _gain, at, host = heapq.heappop(heap)
        gain = cover.gain(host)
        if not gain or not may(host):
            continue
        if heap and (-gain, at, host) > heap[0]:
            heapq.heappush(heap, (-gain, at, host))
            continue
        take(host, why)


def _covered(cover: _Cover) -> dict[str, tuple[int, int]]:
    total: Counter[str] = Counter(item[0] for item in cover.counts)
    have: Counter[str] = Counter(item[0] for item in cover.counts if cover.has(item))
    return {kind: (have[kind], total[kind]) for kind in KINDS}


def _gaps(
    cover: _Cover,
    services: Mapping[str, Collection[str]],
    wishes: Wishes,
    out: Mapping[str, int],
) -> list[Gap]:
    lacking = {item for item in cover.counts if not cover.has(item)}
    allowed: set[Item] = set()
    free: set[Item] = set()
    seen: set[int] = set()
    for host, items in cover.items_of.items():
        if host in wishes.never or id(items) in seen:
            continue
        seen.add(id(items))
        here = lacking.intersection(items)
        allowed |= here
        if wishes.per_service is None or all(out.get(name, 0) < wishes.per_service for name in services.get(host, ())):
            free |= here
    gaps = []
    for item in lacking:
        count = cover.counts[item]
        why = ALONE if count == 1 else NEVER if item not in allowed else FULL_SERVICE if item not in free else FULL
        gaps.append(Gap(item[0], item[1], count, why))
    return sorted(gaps, key=lambda gap: (KINDS.index(gap.kind), -gap.hosts, gap.name))
