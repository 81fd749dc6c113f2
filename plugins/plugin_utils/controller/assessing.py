# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Assess a fleet: what the matcher finds, decided by the scheme, beside what was open before, and recorded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.feeds import note_coverage
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.kept import ClosedOn, Kept, Sheet, parts_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.risk_files import RiskFiles
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.ecosystems import scheme_of_rows
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.enrich import vulnerabilities
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.fleet import (
    SECTIONS,
    FleetMatch,
    HostFacts,
    match_fleet,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.library import Feeds
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.matcher import Matcher
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.findings import HostBook, Looked
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.book import Books, Shelf, Stock, stock_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.exceptions import for_host
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.facts import facts_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.inputs import profile_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.life import Context
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.model import (
    Facts,
    Group,
    Match,
    Profile,
    Unit,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.news import Change, gathered, news_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.shelves import shelf_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.versions import compare
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import (
    AFFECTED,
    Answer,
    Subject,
    Vulnerability,
)

HOST_WORDS = ("lockstep_exposure", "lockstep_criticality")
"""Host variables that decide about findings."""

NEVER = Looked(None, "no look at it is known", 1, None)
NO_LOOK = "this run got no look at it; its worker may have died"


class Assessed(NamedTuple):
    """What an assessment found. `books`: host -> digests of its shelves, of every host in question; `states`: host ->
    `assessed`, `stale` (known by an older look) or `unknown`; `notes`: host -> what is not known of it."""

    assessment_id: int
    books: dict[str, tuple[str, ...]]
    shelves: dict[str, Shelf]
    groups: dict[str, Group]
    states: dict[str, str]
    looks: dict[str, int | None]
    profiles: dict[str, Profile]
    notes: dict[str, list[str]]
    errors: dict[str, str]
    """host -> why its newest look did not work."""
    facts: dict[str, Facts]
    known: dict[str, Vulnerability]
    news: list[dict[str, Any]]
    since_ms: int | None


class Fleet(NamedTuple):
    """The hosts in question. `words`: host -> its variables of HOST_WORDS; `in_use`: host -> {package: use}."""

    name: str
    hosts: Sequence[str]
    words: Mapping[str, Mapping[str, Any]]
    in_use: Callable[[str], Mapping[str, str]]
    controls: Callable[[str], Collection[str]]
    asked: Collection[str]
    """Those that this run was to look at."""


def assess(
    ledger: Ledger,
    fleet: Fleet,
    token: int,
    policy: Policy,
    files: RiskFiles,
    feeds: Feeds,
    cache: str,
    now_ms: int,
    keep: bool = True,
) -> Assessed:
    """Assess hosts and record it, unless `keep` is false (check mode)."""
    last = ledger.assessment(fleet.name)
    before = ledger.open_books(fleet.name)
    kept = Kept.of_open(ledger, ((row["book"], row["names"]) for row in before.values()))
    looked = ledger.looked(fleet.name)
    wanted = set(fleet.hosts)
    listed = [HostFacts(row.host, row.digests) for row in ledger.inventory(fleet.name, SECTIONS) if row.host in wanted]
    matcher = Matcher(feeds)
    watch = {(group.ecosystem, group.source) for group in kept.groups.values()}
    found = match_fleet(matcher, listed, ledger.contents_of, cache, watch)
    note_coverage(feeds, found.ecosystems.values(), now_ms)
    units = _units(matcher, found, kept.groups)
    stocks = _stocks(found, units)
    known = vulnerabilities(feeds, {match.vuln for unit in units.values() for match in unit.matches})
    catalogue = max((each.status.as_of_ms or 0 for each in feeds.of("kev")), default=None)
    facts = {name: facts_of(each, catalogue) for name, each in known.items()}
    context = Context(
        files.scheme,
        policy.risk,
        facts,
        now_ms,
        last is not None and last["scheme_key"] == files.scheme.digest,
        frozenset(each.name for each in feeds.statuses),
        newer,
        {},
    )
    books = Books(context, kept.groups, kept.shelves)
    closed = ClosedOn(ledger, fleet.name)
    sheets: dict[int, Sheet] = {}
    made: dict[str, HostBook] = {}
    profiles: dict[str, Profile] = {}
    notes: dict[str, list[str]] = {}
    states: dict[str, str] = {}
    errors: dict[str, str] = {}
    changes: list[Change] = []
    for host in fleet.hosts:
        look_ms, error, incarnation, tried = looked.get(host, NEVER)
        if host in fleet.asked and tried != token:
            error = errors[host] = NO_LOOK
        elif error:
            errors[host] = error
        words = fleet.words.get(host, {})
        profile, said = profile_of(policy.risk, host, words, fleet.controls(host), files.matches)
        profiles[host], notes[host] = profile, said
        was = before.get(host)
        if host not in found.listed:
            states[host] = "unknown"
            notes[host].append(error or found.unknown.get(host, "its packages are not known"))
            continue
        stale = look_ms is None or error is not None or now_ms - look_ms > policy.look_max_age_ms
        states[host] = "stale" if stale else "assessed"
        if stale:
            notes[host].append(error or "its last look is too old")
        if host in found.unknown:
            states[host] = "unknown"
            notes[host].append(found.unknown[host])
        mine = kept.books[was["book"]] if was else ()
        book = books.make(
            [stock for group in found.listed[host] if (stock := stocks.get(group)) is not None],
            profile,
            fleet.in_use(host),
            mine,
            closed.of(host),
            for_host(files.waivers, host, files.matches, now_ms),
            was is not None and was["incarnation"] != incarnation,
        )
        shut = tuple(sheets.setdefault(id(each), Sheet.of(each)).name for each in book.closures)
        same = was["book"] if was and book.shelves == mine and was["names"][0] == "shelves" else None
        made[host] = HostBook(book.shelves, shut, incarnation, look_ms, same)
        changes.append(Change(host, mine, *book))
    news = _news(changes, books, last, facts)
    current = {
        host: made[host].shelves if host in made else kept.books[before[host]["book"]] if host in before else ()
        for host in fleet.hosts
    }
    assessment_id = 0
    if keep:
        assessment_id = ledger.record_assessment(
            fleet.name,
            token,
            now_ms,
            files.scheme.digest,
            {
                "scheme": files.scheme.about(),
                "feeds": [status._asdict() for status in feeds.statuses],
                "facts": {name: each._asdict() for name, each in facts.items()},
                "waivers": [waiver._asdict() for waiver in files.waivers],
                "news": news,
                "summary": {"hosts": len(made), "lines": gathered(news)},
            },
            parts_of(books, kept, made, sheets.values()),
            made,
        )
    looks = {host: looked.get(host, NEVER).look_ms for host in fleet.hosts}
    return Assessed(
        assessment_id,
        current,
        books.shelves,
        books.groups,
        states,
        looks,
        profiles,
        notes,
        errors,
        facts,
        known,
        news,
        last["ms"] if last else None,
    )


def newer(ecosystem: str, one: str, two: str) -> bool:
    """Is version one newer than two, by the ecosystem's own order?"""
    return compare(one, two, scheme_of_rows(ecosystem)) > 0


def _stocks(found: FleetMatch, units: Mapping[int, Unit]) -> dict[int, Stock]:
    """Group of subjects -> Stock, of those with something open or watched; equal ones are one."""
    made: dict[tuple[int, ...], Stock] = {}
    stocks = {}
    for group, numbers in found.groups.items():
        if numbers:
            if numbers not in made:
                made[numbers] = stock_of(shelf_of(units[numbers[0]].source), [units[number] for number in numbers])
            stocks[group] = made[numbers]
    return stocks


def _units(matcher: Matcher, found: FleetMatch, groups: Mapping[str, Group]) -> dict[int, Unit]:
    """Units by the number of their subject. Of what was open before, also what is said of it now that it is not."""
    was: dict[tuple[str, str], set[str]] = {}
    for group in groups.values():
        was.setdefault((group.ecosystem, group.source), set()).update(entry.vuln for entry in group.findings)
    units = {}
    for number, subject in found.subjects.items():
        answers = found.answers.get(number, ())
        lacking = was.get((subject.ecosystem, subject.package), set()) - {answer.id for answer in answers}
        if lacking:
            answers += tuple(answer for answer in matcher.all_answers(subject) if answer.id in lacking)
        units[number] = _unit(subject, answers)
    return units


def _unit(subject: Subject, answers: Iterable[Answer]) -> Unit:
    key = "\t".join(subject)
    matches = tuple(_match(answer) for answer in answers)
    return Unit(key, subject.ecosystem, subject.package, subject.version, (), matches)


def _match(answer: Answer) -> Match:
    claims = [claim for claim in answer.claims if claim.status in AFFECTED] or answer.claims
    return Match(
        answer.id,
        answer.status,
        answer.fixed,
        tuple(sorted({claim.advisory for claim in claims if claim.advisory})),
        tuple(sorted({claim.source for claim in claims})),
        answer.why,
        answer.disagree,
    )


def _news(
    changes: Iterable[Change], books: Books, last: Mapping[str, Any] | None, facts: Mapping[str, Facts]
) -> list[dict[str, Any]]:
    """What is new; on a first assessment nothing, since there is nothing to compare with."""
    if last is None:
        return []
    decisions = {row["row"]: row["decision"] for row in last["scheme"]["rows"]}
    old = {name: Facts(**known) for name, known in last["facts"].items()}
    return news_of(changes, books.shelves, books.groups, books.context.scheme, decisions, facts, old)
