# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Site, zone and exposure by address."""

from __future__ import annotations

import ipaddress
import random

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.problems import InventoryError, Spot
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.ranges import Ranges, number, read_range

NESTED = [
    ("10.0.0.0/8", {"site": "berlin", "zone": "office", "exposure": "internal"}),
    ("10.1.0.0/16", {"zone": "dmz"}),
    ("10.1.2.0/24", {"exposure": "internet"}),
    ("10.1.2.3", {"site": "lab"}),
    ("10.9.0.10-10.9.0.19", {"zone": "odd"}),
    ("2001:db8::/32", {"site": "paris"}),
    ("2001:db8:1::/48", {"zone": "six"}),
    ("0.0.0.0/0", {"exposure": "unknown"}),
]


def ranges(*given: tuple[str, dict[str, str]]) -> Ranges:
    return Ranges([read_range(text, values, Spot("f", at, 1)) for at, (text, values) in enumerate(given, 1)])


@pytest.mark.parametrize(
    ("address", "values"),
    [
        ("10.200.0.1", {"site": "berlin", "zone": "office", "exposure": "internal"}),
        ("10.1.0.0", {"site": "berlin", "zone": "dmz", "exposure": "internal"}),
        ("10.1.2.4", {"site": "berlin", "zone": "dmz", "exposure": "internet"}),
        ("10.1.2.3", {"site": "lab", "zone": "dmz", "exposure": "internet"}),
        ("10.1.255.255", {"site": "berlin", "zone": "dmz", "exposure": "internal"}),
        ("10.9.0.10", {"site": "berlin", "zone": "odd", "exposure": "internal"}),
        ("10.9.0.19", {"site": "berlin", "zone": "odd", "exposure": "internal"}),
        ("10.9.0.20", {"site": "berlin", "zone": "office", "exposure": "internal"}),
        ("11.0.0.0", {"exposure": "unknown"}),
        ("255.255.255.255", {"exposure": "unknown"}),
        ("2001:db8::1", {"site": "paris"}),
        ("2001:db8:1::1", {"site": "paris", "zone": "six"}),
        ("2001:db9::", {}),
        ("::1", {}),
        ("", {}),
        ("web1", {}),
    ],
)
def test_the_smallest_range_wins_key_by_key(address: str, values: dict[str, str]) -> None:
    assert ranges(*NESTED).of(address) == values
    assert ranges(*reversed(NESTED)).of(address) == values


def test_every_address_gets_what_a_search_through_all_ranges_gives() -> None:
    chance = random.Random(1)
    given = {}
    for at in range(200):
        length = chance.choice([8, 12, 16, 20, 24, 28])
        net = ipaddress.ip_network((chance.randrange(10 << 24, 12 << 24), length), strict=False)
        given[str(net)] = {"site": f"s{at}"}
    found = ranges(*given.items())
    nets = sorted((ipaddress.ip_network(text) for text in given), key=lambda net: net.prefixlen)
    for _time in range(2000):
        address = ipaddress.ip_address(chance.randrange(10 << 24, 12 << 24))
        holding = [net for net in nets if address in net]
        assert found.of(str(address)) == (given[str(holding[-1])] if holding else {})


@pytest.mark.parametrize(
    ("given", "what"),
    [
        (["10.0.0.0/8", "10.0.0.0/8"], "f:2:1: the range 10.0.0.0/8 is given twice, first in line 1"),
        (["10.0.0.1-10.0.0.9", "10.0.0.5-10.0.0.20"], "f:2:1: the range 10.0.0.5-10.0.0.20 overlaps 10.0.0.1-10.0.0.9"),
        (["10.1.2.3/16"], "f:1:1: '10.1.2.3/16' has host bits set; did you mean 10.1.0.0/16?"),
        (["10.0.0.0/33"], "is no range of addresses"),
        (["10.0.0"], "is no range of addresses"),
        (["10.0.0.9-10.0.0.1"], "is no range of addresses"),
        (["web1"], "is no range of addresses"),
        (["2001:db8::/129"], "is no range of addresses"),
        (["10.0.0.1-2001:db8::1"], "is no range of addresses"),
    ],
)
def test_ranges_that_cannot_be_meant(given: list[str], what: str) -> None:
    with pytest.raises(InventoryError) as caught:
        ranges(*((text, {"site": "a"}) for text in given))
    assert what in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "10.0.0", "10.0.0.256", "010.0.0.1", "1.2.3.4.5", "::g", "10.0.0.1 ", "a:b", "10.0.0.1/8"]
)
def test_what_is_no_address(text: str) -> None:
    assert number(text) is None
