# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lots: what is open in the packages of one shelf, together with what is offered for them; hosts share lots. Pure.

All lists of a report are worked out by lots, so that they cost what is distinct in a fleet, not hosts times findings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.book import Shelf
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.model import Group


class Offer(NamedTuple):
    """What a host's package manager would install for a source package: version None where it offers nothing."""

    version: str | None
    blocked: str = ""
    """Why it would not be taken: a hold, a phased update; empty where nothing stands against it."""
    source: str = ""
    """The source package that it is built from, where the finding names a binary one."""


NOTHING = Offer(None)


@dataclass(eq=False)
class Lot:
    """`offers`: for each group of the shelf; `hosts`: those that have the lot."""

    groups: tuple[str, ...]
    offers: tuple[Offer, ...]
    hosts: list[str] = field(default_factory=list)

    def pairs(self) -> Iterator[tuple[str, Offer]]:
        return zip(self.groups, self.offers, strict=True)


class Lots(NamedTuple):
    """`of`: host -> numbers of its lots."""

    lots: list[Lot]
    of: dict[str, list[int]]


def lots_of(
    books: Mapping[str, tuple[str, ...]],
    shelves: Mapping[str, Shelf],
    groups: Mapping[str, Group],
    offers: Callable[[str], Mapping[str, Offer]],
) -> Lots:
    """`books`: host -> digests of its shelves; `offers(host)`: {source: Offer}, kept by the caller."""
    sources = {name: tuple(groups[group].source for group in shelf.groups) for name, shelf in shelves.items()}
    lots: list[Lot] = []
    numbers: dict[tuple[str, tuple[Offer, ...]], int] = {}
    told: dict[tuple[str, int], int] = {}
    of: dict[str, list[int]] = {}
    for host, names in books.items():
        mine, listed = offers(host), of.setdefault(host, [])
        for name in names:
            key = (name, id(mine) if mine else 0)
            number = told.get(key)
            if number is None:
                offered = tuple(mine.get(source, NOTHING) for source in sources[name])
                number = told[key] = numbers.setdefault((name, offered), len(lots))
                if number == len(lots):
                    lots.append(Lot(shelves[name].groups, offered))
            lots[number].hosts.append(host)
            listed.append(number)
    return Lots(lots, of)
