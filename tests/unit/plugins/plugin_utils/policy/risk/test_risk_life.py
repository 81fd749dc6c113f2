# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The life of a finding, from look to look: opened, carried, closed only when it is seen to be gone, reopened."""

from __future__ import annotations

from typing import NamedTuple

from risk_facts import DAY, DULL, EXPLOITED, INSIDE, NOW, OPEN, context, match, shipped, unit

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.book import (
    NONE_CLOSED,
    Books,
    Past,
    Shelf,
    shelved,
    stocks_of,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.exceptions import read_exceptions
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.model import Closure
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.shelves import shelf_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import (
    FIX,
    FIXED,
    NO_FIX,
    NOT_AFFECTED,
    UNKNOWN,
)

FACTS = {"CVE-1": EXPLOITED, "CVE-2": DULL}
CURL = unit("curl", "1.0", match("CVE-2", FIX, "2.0"))
VULNERABLE = unit("openssl", "1.0", match("CVE-1"), match("CVE-2", NO_FIX, None))


class Made(NamedTuple):
    shelves: tuple[str, ...]
    closures: tuple[Closure, ...]


class Host:
    """One host through several assessments."""

    def __init__(self) -> None:
        self.groups: dict = {}
        self.shelves: dict[str, Shelf] = {}
        self.book: tuple[str, ...] = ()
        self.closed: dict[str, dict[str, int]] = {}

    def look(self, *units, now=NOW, facts=None, profile=OPEN, exceptions=(), replaced=False, **given):
        books = Books(context(FACTS if facts is None else facts, now, **given), self.groups, self.shelves)
        closed = {shelf_of(source): Past({source: times}) for source, times in self.closed.items()}
        made = books.make(stocks_of(units), profile, {}, self.book, closed or NONE_CLOSED, exceptions, replaced)
        self.groups, self.shelves, self.book = books.groups, books.shelves, made.shelves
        closures = tuple(closure for shelf in made.closures for closure in shelf)
        for closure in closures:
            counts = self.closed.setdefault(closure.source, {})
            counts[closure.vuln] = counts.get(closure.vuln, 0) + 1
        return Made(made.shelves, closures)

    def names(self):
        return [group for name in self.book for group in self.shelves[name].groups]

    def open(self):
        return {entry.vuln: entry for name in self.names() for entry in self.groups[name].findings}


def test_a_finding_opens_and_stays_as_it_was_decided() -> None:
    host = Host()
    host.look(VULNERABLE)
    first = host.open()
    assert first["CVE-1"].due_ms == NOW + 3 * DAY and first["CVE-2"].answer == NO_FIX
    again = host.look(VULNERABLE, now=NOW + DAY)
    assert host.open() == first and not again.closures, "nothing new: the same book, which is stored once"


def test_it_closes_only_when_a_look_shows_that_it_is_gone() -> None:
    for answer, why in ((FIXED, "fixed"), (NOT_AFFECTED, "not affected")):
        host = Host()
        host.look(VULNERABLE)
        made = host.look(unit("openssl", "2.0", match("CVE-1", answer), match("CVE-2", NO_FIX, None)), now=NOW + DAY)
        assert [(item.vuln, item.why, item.version) for item in made.closures] == [("CVE-1", why, "2.0")]
        assert made.closures[0].due_ms == NOW + 3 * DAY, "with the deadline that it had"
        assert set(host.open()) == {"CVE-2"}


def test_what_is_not_known_now_stays_open() -> None:
    host = Host()
    host.look(VULNERABLE)
    made = host.look(unit("openssl", "1.0", match("CVE-1", UNKNOWN, None)), now=NOW + DAY, feeds=frozenset({"kev"}))
    assert not made.closures
    assert {vuln: entry.answer for vuln, entry in host.open().items()} == {"CVE-1": UNKNOWN, "CVE-2": UNKNOWN}
    back = host.look(VULNERABLE, now=NOW + 2 * DAY)
    assert not back.closures and host.open()["CVE-1"].opened_ms == NOW


def test_withdrawn_and_removed_are_told_apart() -> None:
    host = Host()
    host.look(VULNERABLE)
    made = host.look(unit("openssl", "1.0", match("CVE-1")))
    assert [(item.vuln, item.why) for item in made.closures] == [("CVE-2", "withdrawn")]
    made = host.look(unit("curl", "1.0"))
    assert [(item.vuln, item.why) for item in made.closures] == [("CVE-1", "removed")]
    assert host.book == ()


def test_what_nobody_names_any_more_is_fixed_when_the_version_says_so() -> None:
    host = Host()
    host.look(VULNERABLE)
    made = host.look(unit("openssl", "2.0"), now=NOW + DAY, feeds=frozenset())
    assert [(item.vuln, item.why) for item in made.closures] == [("CVE-1", "fixed")]
    assert {vuln: entry.answer for vuln, entry in host.open().items()} == {"CVE-2": UNKNOWN}


def test_a_vulnerability_that_comes_back_is_reopened_with_new_time() -> None:
    host = Host()
    host.look(VULNERABLE)
    host.look(unit("openssl", "2.0", match("CVE-1", FIXED), match("CVE-2", FIXED)), now=NOW + DAY)
    host.look(VULNERABLE, now=NOW + 9 * DAY)
    entry = host.open()["CVE-1"]
    assert (entry.reopened, entry.opened_ms, entry.due_ms) == (1, NOW + 9 * DAY, NOW + 12 * DAY)


def test_an_upgrade_that_does_not_fix_keeps_the_age() -> None:
    host = Host()
    host.look(VULNERABLE)
    host.look(unit("openssl", "1.1", match("CVE-1"), match("CVE-2", NO_FIX, None)), now=NOW + DAY)
    assert host.open()["CVE-1"].opened_ms == NOW


def test_two_installed_versions_are_one_finding_that_closes_with_the_last() -> None:
    old, new = unit("linux", "6.1.1", match("CVE-1")), unit("linux", "6.1.2", match("CVE-1", FIXED))
    host = Host()
    host.look(old)
    assert not host.look(old, new, now=NOW + DAY).closures, "the old kernel is still there"
    made = host.look(new, now=NOW + 2 * DAY)
    assert [(item.vuln, item.why) for item in made.closures] == [("CVE-1", "fixed")]


def test_another_machine_of_the_same_name_begins_anew() -> None:
    host = Host()
    host.look(VULNERABLE)
    made = host.look(VULNERABLE, now=NOW + DAY, replaced=True)
    assert {item.why for item in made.closures} == {"replaced"} and host.open()["CVE-1"].opened_ms == NOW + DAY


def test_another_scheme_gives_full_time_and_keeps_the_age() -> None:
    host = Host()
    host.look(VULNERABLE, profile=INSIDE)
    host.look(VULNERABLE, profile=INSIDE, now=NOW + DAY, scheme=shipped("cvss-severity"), same=False)
    entry = host.open()["CVE-2"]
    assert (entry.opened_ms, entry.due_ms, entry.decided_ms) == (NOW, NOW + 91 * DAY, NOW + DAY)


def test_an_exception_covers_a_finding_until_it_ends_and_never_closes_it() -> None:
    text = "exceptions:\n  - {id: a, kind: accept, cves: [CVE-1], owner: o, reason: r, expires: 2026-12-31}\n"
    waivers = read_exceptions(text, "e.yml")
    host = Host()
    host.look(VULNERABLE, exceptions=waivers)
    assert host.open()["CVE-1"].exception == "a" and host.open()["CVE-2"].exception is None
    after = waivers[0].until_ms
    host.look(VULNERABLE, exceptions=waivers, now=after)
    assert host.open()["CVE-1"].exception is None, "expired: it counts as open"


def test_hosts_that_have_the_same_share_one_group() -> None:
    books = Books(context(FACTS), {})
    stocks = stocks_of((VULNERABLE, CURL))
    made = [books.make(stocks, OPEN, {}, (), NONE_CLOSED, ()) for _host in range(3)]
    assert len({item.shelves for item in made}) == 1 and len(books.groups) == len(books.shelves) == 2
    other = books.make(stocks, INSIDE, {}, (), NONE_CLOSED, ())
    assert other.shelves != made[0].shelves and len(books.groups) == 4, "another profile decides otherwise"
    drifted = books.make(stocks_of((VULNERABLE, unit("curl", "2.0", match("CVE-2", FIX, "3.0")))), OPEN, {}, (), {}, ())
    assert len(set(drifted.shelves) & set(made[0].shelves)) == 1, "all other shelves are shared"
    openssl = next(group for group in books.groups.values() if group.source == "openssl")
    assert openssl.findings[0].answer == FIX


def test_what_a_host_uses_is_its_own_though_hosts_share_their_packages() -> None:
    books = Books(context(FACTS), {})
    stocks = stocks_of((VULNERABLE, CURL))
    uses = [{"openssl": "listening"}, {"openssl": "no"}, {"curl": "mapped"}, {}]
    made = [books.make(stocks, OPEN, use, (), NONE_CLOSED, ()) for use in uses]
    for use, book in zip(uses, made, strict=True):
        groups = [books.groups[name] for shelf in book.shelves for name in books.shelves[shelf].groups]
        assert {group.source: group.in_use for group in groups} == {"openssl": "unknown", "curl": "unknown", **use}


def test_a_book_of_an_older_version_goes_on_with_its_whole_life() -> None:
    """Books were lists of groups; they are put on the shelves that a new look finds."""
    host = Host()
    host.look(VULNERABLE, CURL)
    older = shelved(host.names(), host.groups)
    assert set(older) == set(host.book) and older == {name: host.shelves[name] for name in older}
    host.shelves, host.book = older, tuple(older)
    first = host.open()
    made = host.look(VULNERABLE, CURL, now=NOW + DAY)
    assert not made.closures and host.open() == first
    host.look(VULNERABLE, unit("curl", "2.0", match("CVE-2", FIXED)), now=NOW + 2 * DAY)
    assert host.closed == {"curl": {"CVE-2": 1}}
