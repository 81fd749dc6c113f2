# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Shares of hosts that stay the same from run to run: each host has a fixed position. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

SHARE = r"^(rest|100%|[1-9][0-9]?%)$"
"""`10%`, or `rest`."""
_SCALE = 1_000_000


class Slice(NamedTuple):
    """Positions from `first` to before `last`."""

    first: int
    last: int

    def has(self, position: int) -> bool:
        return self.first <= position < self.last


def share_problems(rings: Sequence[Mapping[str, Any]]) -> list[tuple[tuple[Any, ...], str]]:
    """`[(path, sentence)]` for the first ring of a policy whose share is too much of its pattern."""
    for at in range(len(rings)):
        try:
            slices((ring["hosts"], ring["share"]) for ring in rings[: at + 1] if "share" in ring)
        except ValueError as error:
            return [(("rings", at, "share"), str(error))]
    return []


def shared_hosts(
    rings: Sequence[tuple[str, str, str, Sequence[str]]], fleet: str, taken: Mapping[str, Collection[str]]
) -> dict[str, list[str]]:
    """Hosts of the rings that take a share, by ring.

    `rings`: `(ring, pattern, share, hosts of the pattern)` in order; `taken`: for each of them the hosts of other rings
    before it. A share takes at least one host while there is one, and never one of a ring before it.
    """
    found: dict[str, list[str]] = {}
    given: set[str] = set()
    parts = slices((pattern, share) for _ring, pattern, share, _hosts in rings)
    for (ring, _pattern, share, hosts), part in zip(rings, parts, strict=True):
        free = [host for host in hosts if host not in given and host not in taken[ring]]
        chosen = free if share == "rest" else [host for host in free if part.has(position(fleet, host))]
        found[ring] = chosen or sorted(free, key=lambda host: position(fleet, host))[:1]
        given.update(found[ring])
    return found


def position(fleet: str, host: str) -> int:
    """Where a host stands between 0 and 999,999. It depends on nothing but the two names, so hosts that come and go
    move nobody else."""
    digest = hashlib.sha256(f"{fleet}\0{host}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % _SCALE


def slices(shares: Iterable[tuple[str, str]]) -> list[Slice]:
    """The slice of each `(of what, share)`: shares of the same thing follow each other.

    `[("web", "10%"), ("web", "30%"), ("web", "rest")]` gives the positions below 10 %, from 10 to 40 %, and the others.
    ValueError where shares of one thing add up to over 100 %.
    """
    used: dict[str, int] = {}
    found = []
    for what, share in shares:
        first = used.get(what, 0)
        last = _SCALE if share == "rest" else first + int(share[:-1]) * _SCALE // 100
        if last > _SCALE or first == _SCALE:
            raise ValueError(f"the shares of '{what}' add up to more than 100%")
        used[what] = last
        found.append(Slice(first, last))
    return found
