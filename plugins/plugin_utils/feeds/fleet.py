# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ten thousand hosts against the feeds: what is distinct among them is asked once.

What a host has is kept as numbers of Subjects, under the digests of its sections. So only hosts that have changed are
read again, and cost grows with distinct package versions, not with hosts times vulnerabilities.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.host_sets import HostSets, Load
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.matcher import Matcher
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import LEFT_OVER, Answer, Subject

SECTIONS = ("os", "boot", "packages", "candidates")
"""Sections of a host state that HostFacts name."""


class HostFacts(NamedTuple):
    """What is needed of one host: section (`os`, `boot`, `packages`, `candidates`) -> digest, of those that are
    known."""

    host: str
    digests: Mapping[str, str]


class FleetMatch(NamedTuple):
    """subjects: number -> Subject, of those with something open or watched. answers: number -> what is open in it.
    groups: group -> numbers of its subjects among these (kernels that are only kept are none of them); all subjects of
    a group are of one shelf. listed: host -> its groups. unknown: host -> why nothing, or no more than what is listed,
    is known of it: its packages are not known, or no feed has data of its platform. ecosystems: host -> ecosystem's
    name, "" for none."""

    subjects: dict[int, Subject]
    answers: dict[int, tuple[Answer, ...]]
    groups: dict[int, tuple[int, ...]]
    listed: dict[str, Sequence[int]]
    unknown: dict[str, str]
    ecosystems: dict[str, str]

    def of(self, host: str) -> tuple[int, ...]:
        """Numbers of a host's subjects; KeyError for one whose packages are not known."""
        return tuple(chain.from_iterable(self.groups[group] for group in self.listed[host]))


def match_fleet(
    matcher: Matcher,
    hosts: Iterable[HostFacts],
    load: Load,
    cache: str,
    watch: Collection[tuple[str, str]] = (),
) -> FleetMatch:
    """Match all hosts. load is asked only for sections that the cache has not seen. cache: the feeds' cache folder.
    watch: (ecosystem, package) whose subjects are wanted also where nothing is open in them."""
    sets = HostSets(os.path.join(cache, "hosts.sqlite"))
    try:
        keys, unknown, ecosystems = sets.add([(facts.host, facts.digests) for facts in hosts], load)
        groups_of = sets.groups_of(set(keys.values()))
        groups = sets.groups({group for listed in groups_of.values() for group in listed})
        live: set[int] = set()
        live.update(*groups.values())
        subjects = sets.subjects(live)
        matcher.carried.update(sets.carried({subject.carried for subject in subjects.values()} - {""}))
    finally:
        sets.close()
    for host in keys:
        if not any(feed.status.kind != "changelog" for feed in matcher.feeds.about(ecosystems[host])):
            unknown[host] = f"no feed has data of {ecosystems[host]}"
    found = matcher.open_answers(list(subjects.values()))
    watched = frozenset(watch)
    hot = {
        number
        for number, subject in subjects.items()
        if subject.role != LEFT_OVER and (subject in found or (subject.ecosystem, subject.package) in watched)
    }
    return FleetMatch(
        {number: subjects[number] for number in hot},
        {number: found[subjects[number]] for number in hot if subjects[number] in found},
        {group: tuple(number for number in numbers if number in hot) for group, numbers in groups.items()},
        {host: groups_of[key] for host, key in keys.items()},
        unknown,
        ecosystems,
    )
