# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What to patch first, what is new, and what was kept: worked out on small fleets."""

from __future__ import annotations

from risk_facts import DAY, DULL, EXPLOITED, INSIDE, NOW, OPEN, context, match, newer, shipped, unit

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.book import NONE_CLOSED, Books, stocks_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.deadlines import Step, fleet_lives
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.lots import Lots, Offer, lots_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.model import Closure, Facts, Group
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.news import Change, gathered, news_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.work import host_list, work_list
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.shelves import shelf_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import NO_FIX

SCHEME = shipped("cisa-bod-26-04")
KERNEL = [f"CVE-2026-{number}" for number in range(3000, 5000)]
FACTS: dict[str, Facts] = {"CVE-2026-1": EXPLOITED, "CVE-2026-2": DULL, **dict.fromkeys(KERNEL, DULL)}
OPENSSL = unit("openssl", "3.0.20", match("CVE-2026-1", fixed="3.0.21"), match("CVE-2026-2", fixed="3.0.22"))
LINUX = unit("linux", "6.1.1", *(match(vuln, fixed="6.1.9") for vuln in KERNEL))
CURL = unit("curl", "8.0", match("CVE-2026-2", NO_FIX, None))
OFFERS = {"openssl": Offer("3.0.22"), "linux": Offer("6.1.9", "held on this host")}


def fleet() -> tuple[dict[str, tuple[str, ...]], Books]:
    books = Books(context(FACTS), {})
    hosts = {}
    for name, units, profile in [
        ("web1", (OPENSSL, LINUX), OPEN),
        ("web2", (OPENSSL,), OPEN),
        ("db1", (LINUX, CURL), INSIDE),
    ]:
        hosts[name] = books.make(stocks_of(units), profile, {"openssl": "listening"}, (), NONE_CLOSED, ()).shelves
    return hosts, books


def lots(*only: str, offers: dict[str, Offer] | None = None) -> tuple[Lots, dict[str, Group]]:
    hosts, books = fleet()
    wanted = {host: book for host, book in hosts.items() if not only or host in only}
    return lots_of(
        wanted, books.shelves, books.groups, lambda _host: OFFERS if offers is None else offers
    ), books.groups


def test_the_list_is_by_deadline_and_a_kernel_is_one_line() -> None:
    found, groups = lots()
    lines = work_list(found.lots, groups, SCHEME, FACTS, newer, NOW)
    told = [(line["source"], line["from"], line["to"], line["some"], line["open"], line["kev"]) for line in lines]
    assert told == [
        ("openssl", ["3.0.20"], "3.0.22", ["web1", "web2"], 2, ["CVE-2026-1"]),
        ("linux", ["6.1.1"], "6.1.9", ["db1", "web1"], 2000, []),
        ("curl", ["8.0"], None, ["db1"], 1, []),
    ]
    assert lines[0]["first_due_ms"] == NOW + 3 * DAY and lines[0]["decision"] == "3 days & forensic investigation"
    assert lines[0]["in_use"] == {"listening": 2} and [line["hosts"] for line in lines] == [2, 2, 1]
    assert lines[1]["first_due_ms"] == NOW + 60 * DAY, "that of the exposed host"
    assert lines[1]["blocked"] == "held on this host" and lines[2]["blocked"] == "no fix is known"


def test_an_offer_that_is_too_old_closes_only_what_it_fixes() -> None:
    found, groups = lots("web2", offers={"openssl": Offer("3.0.21")})
    lines = work_list(found.lots, groups, SCHEME, FACTS, newer, NOW)
    assert [(line["to"], line["vulns"], line["blocked"]) for line in lines] == [
        ("3.0.21", ["CVE-2026-1"], ""),
        (None, ["CVE-2026-2"], "the fixed version is not on offer"),
    ]


def test_hosts_are_ranked_by_packages_and_not_by_how_much_a_kernel_names() -> None:
    found, groups = lots()
    rows = host_list(found, groups, SCHEME, FACTS, NOW)
    assert [(row["host"], row["upgrades"], row["open"], row["kev"]) for row in rows] == [
        ("web1", 2, 2002, 1),
        ("web2", 1, 2, 1),
        ("db1", 2, 2001, 0),
    ]
    late = host_list(found, groups, SCHEME, FACTS, NOW + 4 * DAY)
    assert [(row["overdue"], row["overdue_upgrades"]) for row in late] == [(1, 1), (1, 1), (0, 0)]


def test_what_is_new_is_told_once_for_all_hosts_and_kev_comes_first() -> None:
    first = Books(context({**FACTS, "CVE-2026-1": EXPLOITED._replace(kev="no")}), {})
    before = first.make(stocks_of((OPENSSL, CURL)), OPEN, {}, (), NONE_CLOSED, ())
    then = Books(context(FACTS, NOW + DAY), first.groups, first.shelves)
    after = then.make(stocks_of((OPENSSL, LINUX)), OPEN, {}, before.shelves, NONE_CLOSED, ())
    changes = [Change(host, before.shelves, *after) for host in ("web1", "web2")]
    decisions = {row.number: row.decision for row in SCHEME.rows}
    items = news_of(changes, then.shelves, then.groups, SCHEME, decisions, FACTS, {**FACTS, "CVE-2026-1": DULL})
    assert (items[0]["kind"], items[0]["vuln"], items[0]["some"]) == ("entered_kev", "CVE-2026-1", ["web1", "web2"])
    assert items[1]["kind"] == "decision" and items[1]["before"] == "3 days"
    lines = gathered(items)
    assert [(line["kind"], line["source"], line["vulns"], line["hosts"]) for line in lines] == [
        ("entered_kev", "openssl", 1, 2),
        ("decision", "openssl", 1, 2),
        ("appeared", "linux", 2000, 2),
        ("gone", "curl", 1, 2),
    ]
    assert lines[3]["after"] == "removed"
    again = [Change("web1", after.shelves, after.shelves, ())]
    assert news_of(again, then.shelves, then.groups, SCHEME, decisions, FACTS, FACTS) == []


def test_deadlines_of_a_past_period_are_kept_missed_or_open_as_they_stood() -> None:
    books = Books(context(FACTS), {})
    first = books.make(stocks_of((OPENSSL, LINUX)), OPEN, {}, (), NONE_CLOSED, ())
    decisions = {row.number: row.decision for row in SCHEME.rows}
    gone = (Closure("openssl", "CVE-2026-1", "fixed", NOW, NOW + 3 * DAY, "3.0.22"),)
    linux_only = tuple(name for name in first.shelves if books.shelves[name].at == shelf_of("linux"))
    for closed_after, outcome in ((2, "kept"), (5, "missed")):
        steps = [
            Step(NOW, first.shelves, (), decisions),
            Step(NOW + closed_after * DAY, linux_only, (gone,), decisions),
        ]
        hosts = dict.fromkeys(("web1", "web2"), steps)
        found = list(fleet_lives(hosts, books.shelves, books.groups, NOW, NOW + 10 * DAY))
        lives = {(host, life.vuln): life for host, life in found}
        assert lives["web1", "CVE-2026-1"].outcome == outcome == lives["web2", "CVE-2026-1"].outcome
        assert lives["web1", "CVE-2026-1"].why == "fixed"
        assert lives["web1", KERNEL[0]].outcome == "open" and lives["web1", KERNEL[0]].due_ms == NOW + 60 * DAY
        later = list(fleet_lives(hosts, books.shelves, books.groups, NOW + 61 * DAY, NOW + 90 * DAY))
        assert {life.outcome for _host, life in later} == {"missed"} and len(later) == 2 * 2000
        early = list(fleet_lives(hosts, books.shelves, books.groups, NOW, NOW + DAY))
        assert {life.outcome for _host, life in early} == {"open"}
