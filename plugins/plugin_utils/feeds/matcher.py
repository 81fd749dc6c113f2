# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which vulnerabilities are open in which package versions: for distinct versions, whatever the number of hosts."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds import carried, judge
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.library import Feeds
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.part import Notice
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.records import Row
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.table import Hit, Table, modular
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.versions import valid
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import (
    UNKNOWN,
    Answer,
    Claim,
    Subject,
)

_Rows = list[tuple[int, Row]]
HOST_STREAM = "the host does not say which module stream the package is of"
ADVISORY_STREAM = "the advisory does not say which module stream it is about"


class Matcher:
    """Answers from feeds. It keeps what it has read, so ask one Matcher for all that belongs together."""

    def __init__(self, feeds: Feeds) -> None:
        self.feeds = feeds
        self.sources = sorted(feeds.of("osv", "tracker", "changelog"), key=lambda each: each.status.name)
        self.names = [each.status.name for each in self.sources]
        self.changelogs = {each.status.name for each in self.sources if each.status.kind == "changelog"}
        self.notices: list[dict[int, Notice]] = [{} for _each in self.sources]
        self.rows: dict[tuple[str, str], dict[int, _Rows]] = {}
        self.builds: dict[tuple[str, str], dict[str, tuple[str, ...]]] = {}
        self.tables: dict[tuple[str, str, str], list[Table]] = {}
        self.made: dict[tuple[Hit, ...], tuple[Answer, ...]] = {}
        self.single: dict[tuple[Hit, str], Answer] = {}
        self.claims: dict[Hit, Claim] = {}
        self.carried: dict[str, str] = {}
        """Digest -> body of what hosts' repositories say (see the module `carried`), for Subjects that name it."""

    def open_answers(self, subjects: Collection[Subject]) -> dict[Subject, tuple[Answer, ...]]:
        """What is affected or unknown in each subject, by id; subjects without such an answer are left out."""
        self._load(subjects)
        found: dict[Subject, tuple[Answer, ...]] = {}
        for subject in subjects:
            answers = self._with_carried(subject, self._open(subject))
            if answers:
                found[subject] = answers
        return found

    def all_answers(self, subject: Subject) -> tuple[Answer, ...]:
        """All that the feeds say of a subject, also what is fixed or not affected."""
        self._load([subject])
        hits: list[Hit] = []
        for table in self._tables(subject):
            hits += self._doubted(table, subject) or (*table.open(subject.version), *table.closed(subject.version))
        return self._with_carried(subject, self._answers(tuple(hits), subject.scheme))

    def _with_carried(self, subject: Subject, answers: tuple[Answer, ...]) -> tuple[Answer, ...]:
        """What the host's own repositories say, beside what the feeds say."""
        if not subject.carried:
            return answers
        said: dict[str, list[Claim]] = {}
        for name, claim in carried.claims(self.carried[subject.carried]):
            said.setdefault(name, []).append(claim)
        known = {answer.id: answer for answer in answers}
        lacking = said.keys() - known.keys()
        if lacking:
            known.update({each.id: each for each in self._closed(subject) if each.id in lacking})
        for name, extra in said.items():
            claims = [*(known[name].claims if name in known else ()), *extra]
            known[name] = judge.answer(name, claims, subject.scheme, self.changelogs)
        return tuple(known[name] for name in sorted(known))

    def _closed(self, subject: Subject) -> tuple[Answer, ...]:
        hits = tuple(hit for table in self._tables(subject) for hit in table.closed(subject.version))
        return self._answers(hits, subject.scheme)

    def _open(self, subject: Subject) -> tuple[Answer, ...]:
        tables = self._tables(subject)
        hits: tuple[Hit, ...] = ()
        for table in tables:
            hits += self._doubted(table, subject) or table.open(subject.version)
        if not hits:
            return ()
        if len(tables) == 1:
            return self._answers(hits, subject.scheme)
        # another feed may say of the same vulnerability that it is none
        wanted = {name for hit in hits for name in self._notice(hit).ids}
        for table in tables:
            hits += tuple(hit for hit in table.closed(subject.version) if not wanted.isdisjoint(self._notice(hit).ids))
        return tuple(answer for answer in self._answers(hits, subject.scheme) if answer.id in wanted)

    def _doubted(self, table: Table, subject: Subject) -> tuple[Hit, ...]:
        if valid(subject.version, subject.scheme):
            return ()
        why = f"the host gives an impossible version: {subject.version[:80]!r}"
        both = (*table.open("0"), *table.closed("0"))
        return tuple(hit._replace(status=UNKNOWN, why=why) for hit in both)

    def _answers(self, hits: tuple[Hit, ...], scheme: str) -> tuple[Answer, ...]:
        known = self.made.get(hits)
        if known is None:
            by_id: dict[str, list[Hit]] = {}
            for hit in hits:
                for name in self._notice(hit).ids:
                    by_id.setdefault(name, []).append(hit)
            known = tuple(self._answer(name, by_id[name], scheme) for name in sorted(by_id))
            self.made[hits] = known
        return known

    def _answer(self, name: str, hits: list[Hit], scheme: str) -> Answer:
        if len(hits) > 1:
            return judge.answer(name, [self._claim(hit) for hit in hits], scheme, self.changelogs)
        key = (hits[0], name)
        if key not in self.single:
            self.single[key] = judge.answer(name, [self._claim(hits[0])], scheme, self.changelogs)
        return self.single[key]

    def _claim(self, hit: Hit) -> Claim:
        claim = self.claims.get(hit)
        if claim is None:
            claim = Claim(self.names[hit.source], self._notice(hit).name, hit.status, hit.fixed, hit.why)
            self.claims[hit] = claim
        return claim

    def _notice(self, hit: Hit) -> Notice:
        return self.notices[hit.source][hit.advisory]

    def _load(self, subjects: Iterable[Subject]) -> None:
        """Read the rows of all packages that are not known yet, with as few questions as there are ecosystems."""
        wanted: dict[str, set[str]] = {}
        for subject in subjects:
            if (subject.ecosystem, subject.package) not in self.rows:
                wanted.setdefault(subject.ecosystem, set()).add(subject.package)
        for ecosystem, packages in wanted.items():
            for package in packages:
                self.rows[(ecosystem, package)] = {}
            about = {each.status.name for each in self.feeds.about(ecosystem)}
            for number, source in enumerate(self.sources):
                if source.status.name not in about:
                    continue
                advisories = set()
                for advisory, row in source.part.rows(ecosystem, packages):
                    self.rows[(ecosystem, row.package)].setdefault(number, []).append((advisory, row))
                    advisories.add(advisory)
                self.notices[number].update(source.part.notices(advisories - self.notices[number].keys()))

    def _tables(self, subject: Subject) -> list[Table]:
        module = self._stream(subject)
        key = (subject.ecosystem, subject.package, module)
        known = self.tables.get(key)
        if known is None:
            known = []
            for number, rows in self.rows[(subject.ecosystem, subject.package)].items():
                chosen = self._of_stream(number, rows, module)
                if chosen:
                    known.append(Table(number, chosen, subject.scheme))
            self.tables[key] = known
        return known

    def _of_stream(self, number: int, rows: _Rows, module: str) -> list[tuple[int, Row, str]]:
        """Modular rows are about modular packages of the same stream only; the others about the others. The third is
        why it is in doubt whether a row is about this stream, or ""."""
        chosen = []
        notices = self.notices[number]
        streams = {each for advisory, row in rows if modular(row.fixed) for each in notices[advisory].modules}
        for advisory, row in rows:
            if row.fixed is not None and modular(row.fixed) != bool(module):
                continue
            said = notices[advisory].modules
            if module and module != "?" and said and module not in said:
                continue
            doubt = ""
            if module and len(streams) > 1:
                doubt = HOST_STREAM if module == "?" else "" if said else ADVISORY_STREAM
            chosen.append((advisory, row, doubt))
        return chosen

    def _stream(self, subject: Subject) -> str:
        """The stream of a modular package: as the host says, else that of the build which its release names, else the
        one whose name its own version begins with (nodejs 16.14 is of nodejs:16)."""
        if subject.module != "?":
            return subject.module
        key = (subject.ecosystem, subject.package)
        if key not in self.builds:
            self.builds[key] = {
                row.fixed.rpartition(".module")[2]: self.notices[number][advisory].modules
                for number, rows in self.rows[key].items()
                for advisory, row in rows
                if row.fixed is not None and modular(row.fixed) and self.notices[number][advisory].modules
            }
        built = self.builds[key].get(subject.version.rpartition(".module")[2], ())
        if len(built) == 1:
            return built[0]
        upstream = subject.version.partition(":")[2] or subject.version
        fitting = {
            module
            for modules in self.builds[key].values()
            for module in modules
            if module.partition(":")[0] == subject.package and upstream.startswith(module.partition(":")[2] + ".")
        }
        return fitting.pop() if len(fitting) == 1 else "?"
