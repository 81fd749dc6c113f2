# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Site, zone and exposure of an address: the smallest range that holds it and names them."""

from __future__ import annotations

import socket
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.problems import InventoryError, Spot
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import plain

KEYS = ("site", "zone", "exposure")
_V6 = 1 << 40  # added to IPv6 numbers (shifted) so that both families share one line of numbers


class Range(NamedTuple):
    """One range of the source file."""

    text: str
    first: int
    last: int
    values: dict[str, str]
    spot: Spot


def number(address: str) -> int | None:
    """The place of an IPv4 or IPv6 address among all of them; None for what is no address."""
    try:
        if ":" in address:
            return _V6 + int.from_bytes(socket.inet_pton(socket.AF_INET6, address), "big")
        return int.from_bytes(socket.inet_pton(socket.AF_INET, address), "big")
    except (OSError, ValueError):
        return None


def read_range(text: str, values: dict[str, str], spot: Spot) -> Range:
    """A CIDR prefix (`10.1.0.0/16`, `2001:db8::/32`), one address, or `first-last`."""
    import netaddr

    try:
        if "/" in text:
            net = netaddr.IPNetwork(text)
            if net.ip != net.network:
                raise InventoryError(spot, f"'{plain(text, 60)}' has host bits set; did you mean {net.cidr}?")
            first, last, version = net.first, net.last, net.version
        else:
            low, _dash, high = (part.strip() for part in text.partition("-"))
            net = netaddr.IPRange(low, high or low, flags=netaddr.INET_PTON)
            first, last, version = net.first, net.last, net.version
    except (netaddr.AddrFormatError, ValueError, TypeError) as error:
        raise InventoryError(
            spot, f"'{plain(text, 60)}' is no range of addresses; write 10.1.0.0/16, 2001:db8::/32 or 10.0.0.1-10.0.0.9"
        ) from error
    base = _V6 if version == 6 else 0
    return Range(text, base + int(first), base + int(last), values, spot)


class Ranges:
    """All ranges, flattened, so that an address costs one search."""

    def __init__(self, ranges: Sequence[Range]) -> None:
        self._starts: list[int] = [0]
        self._values: list[dict[str, str]] = [{}]
        open_ranges: list[tuple[Range, dict[str, str]]] = []
        for item in sorted(ranges, key=lambda item: (item.first, -item.last)):
            while open_ranges and open_ranges[-1][0].last < item.first:
                self._close(open_ranges)
            outer = open_ranges[-1][0] if open_ranges else None
            if outer and (outer.first, outer.last) == (item.first, item.last):
                raise InventoryError(
                    item.spot, f"the range {item.text} is given twice, first in line {outer.spot.line}"
                )
            if outer and outer.last < item.last:
                raise InventoryError(
                    item.spot,
                    f"the range {item.text} overlaps {outer.text} of line {outer.spot.line}; neither holds the other",
                )
            # what the smaller range does not say, the larger one around it says
            values = {**(open_ranges[-1][1] if open_ranges else {}), **item.values}
            open_ranges.append((item, values))
            self._begin(item.first, values)
        while open_ranges:
            self._close(open_ranges)

    def _begin(self, start: int, values: dict[str, str]) -> None:
        if self._starts[-1] == start:
            self._values[-1] = values
        else:
            self._starts.append(start)
            self._values.append(values)

    def _close(self, open_ranges: list[tuple[Range, dict[str, str]]]) -> None:
        done, _values = open_ranges.pop()
        self._begin(done.last + 1, open_ranges[-1][1] if open_ranges else {})

    def of(self, address: str) -> dict[str, Any]:
        """`{site, zone, exposure}` as far as the ranges say them."""
        place = number(address)
        return {} if place is None else self._values[bisect_right(self._starts, place) - 1]
