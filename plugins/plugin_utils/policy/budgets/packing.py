# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The fewest batches in which no budget is exceeded. Pure.

Each host goes to the first batch that has room in all of its buckets, the hosts of the tightest buckets first. For each
bucket the batches that are full are the bits of one number, so the first batch with room is one operation, however many
batches there are. Where more batches come out than the tightest bucket needs, hosts of the surplus ones take the
places of others, which move on. The result depends on the hosts, their order and the budgets only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

Sizes = Sequence[int]
"""How many hosts each batch may have; the last repeats."""

_STEPS, _STEPS_EACH = 2_000, 20


def fewest(hosts: Sequence[str], of: Mapping[str, Sequence[str]], limits: Mapping[str, int], sizes: Sizes) -> int:
    """How many batches are needed at the least, by the tightest bucket and by the sizes."""
    wanted: dict[str, int] = {}
    for host in hosts:
        for bucket in of.get(host, ()):
            wanted[bucket] = wanted.get(bucket, 0) + 1
    by_budget = max((-(-number // limits[bucket]) for bucket, number in wanted.items()), default=0)
    by_size, left = 0, len(hosts)
    while left > 0:
        if by_size >= len(sizes) - 1:
            by_size += -(-left // sizes[-1])
            break
        left -= sizes[by_size]
        by_size += 1
    return max(by_budget, by_size)


def pack(
    hosts: Sequence[str], of: Mapping[str, Sequence[str]], limits: Mapping[str, int], sizes: Sizes
) -> list[list[str]]:
    """Batches of hosts; inside a batch they keep their order. `of` has the buckets of each host, `limits` how many
    hosts of a bucket may be in one batch (at least 1), `sizes` how many hosts a batch may have (at least 1)."""
    if not hosts:
        return []
    least = fewest(hosts, of, limits, sizes)
    wanted: dict[str, int] = {}
    for host in hosts:
        for bucket in of.get(host, ()):
            wanted[bucket] = wanted.get(bucket, 0) + 1
    tight = {bucket: number / limits[bucket] for bucket, number in wanted.items()}

    def pressure(host: str) -> list[float]:
        return sorted((-tight[bucket] for bucket in of.get(host, ())), reverse=False)

    best: _Packing | None = None
    for order in (list(hosts), sorted(hosts, key=pressure)):
        packing = _Packing(of, limits, sizes)
        for host in order:
            packing.put(host, packing.first(host))
        packing.shorten(least)
        if best is None or packing.length < best.length:
            best = packing
        if best.length == least:
            break
    if best is None:
        raise AssertionError("no order was tried, though there are hosts")
    return best.batches(hosts)


class _Packing:
    def __init__(self, of: Mapping[str, Sequence[str]], limits: Mapping[str, int], sizes: Sizes) -> None:
        self.of, self.limits, self.sizes = of, limits, sizes
        self.at: dict[str, int] = {}
        self.full: dict[str, int] = {}
        """By bucket ("" is the batch's size): a bit for each batch that has no room."""
        self.held: dict[str, dict[int, int]] = {}
        """By bucket: how many hosts each batch has."""
        self.length = 0

    def _buckets(self, host: str) -> list[str]:
        return [*self.of.get(host, ()), ""]

    def _limit(self, bucket: str, batch: int) -> int:
        return self.limits[bucket] if bucket else self.sizes[min(batch, len(self.sizes) - 1)]

    def _blocked(self, host: str) -> int:
        full = 0
        for bucket in self._buckets(host):
            full |= self.full.get(bucket, 0)
        return full

    def first(self, host: str) -> int:
        """The first batch with room for a host."""
        full = self._blocked(host)
        return (~full & (full + 1)).bit_length() - 1

    def put(self, host: str, batch: int) -> None:
        self.at[host] = batch
        self.length = max(self.length, batch + 1)
        for bucket in self._buckets(host):
            held = self.held.setdefault(bucket, {})
            held[batch] = held.get(batch, 0) + 1
            if held[batch] >= self._limit(bucket, batch):
                self.full[bucket] = self.full.get(bucket, 0) | 1 << batch

    def take(self, host: str) -> None:
        batch = self.at.pop(host)
        for bucket in self._buckets(host):
            self.held[bucket][batch] -= 1
            self.full[bucket] = self.full.get(bucket, 0) & ~(1 << batch)

    def shorten(self, least: int) -> None:
        """Bring hosts of the batches beyond `least` into earlier ones. One that finds no room takes the place of the
        fewest others, which then look for another one; after a bounded number of steps what is better stays."""
        late = [host for host, batch in self.at.items() if batch >= least]
        if not late:
            return
        before = dict(self.at)
        inside: dict[tuple[str, int], dict[str, None]] = {}
        for host in late:
            self.take(host)
        for host, batch in self.at.items():
            self._note(inside, host, batch)
        self._settle(deque(late), least, inside, _STEPS + _STEPS_EACH * len(late))
        self.length = max(self.at.values()) + 1
        if self.length > max(before.values()) + 1:
            self.at, self.length = before, max(before.values()) + 1

    def _note(self, inside: dict[tuple[str, int], dict[str, None]], host: str, batch: int) -> None:
        for bucket in self._buckets(host):
            inside.setdefault((bucket, batch), {})[host] = None

    def _settle(
        self, homeless: deque[str], least: int, inside: dict[tuple[str, int], dict[str, None]], steps: int
    ) -> None:
        every, tried, moves = (1 << least) - 1, dict.fromkeys(self.of, 0), dict.fromkeys(self.of, 0)
        while homeless and steps:
            steps -= 1
            host = homeless.popleft()
            once = twice = 0
            for bucket in self._buckets(host):
                full = self.full.get(bucket, 0)
                twice |= once & full
                once |= full
            free = every & ~once
            tried[host] = tried.get(host, 0)
            if not free:
                left = every & ~tried[host]
                if not left:
                    tried[host], left = 0, every
                free = left & ~twice or left
            batch = (free & -free).bit_length() - 1
            tried[host] |= 1 << batch
            for bucket in self._buckets(host):
                if self.full.get(bucket, 0) >> batch & 1:
                    other = min(inside[bucket, batch], key=lambda name: (moves.get(name, 0), name))
                    moves[other] = moves.get(other, 0) + 1
                    for shared in self._buckets(other):
                        inside[shared, batch].pop(other)
                    self.take(other)
                    homeless.append(other)
            self.put(host, batch)
            self._note(inside, host, batch)
        for host in homeless:
            self.put(host, self.first(host))

    def batches(self, hosts: Sequence[str]) -> list[list[str]]:
        found: list[list[str]] = [[] for _batch in range(self.length)]
        for host in hosts:
            found[self.at[host]].append(host)
        return [batch for batch in found if batch]
