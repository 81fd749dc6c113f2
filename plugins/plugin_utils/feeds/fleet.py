# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ten thousand hosts against the feeds: what is distinct among them is asked once.

What a host has is kept as numbers of Subjects, under the digests of its sections. So only hosts that have changed are
read again, and cost grows with distinct package versions, not with hosts times vulnerabilities.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.carried import carried
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.ecosystems import Ecosystem, ecosystem_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.matcher import Matcher
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.subjects import subjects_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import LEFT_OVER, Answer, Subject

_FORMAT = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS subject (id INTEGER PRIMARY KEY, ecosystem TEXT, package TEXT, version TEXT, scheme TEXT,
    role TEXT, module TEXT, carried TEXT, UNIQUE (ecosystem, package, version, scheme, role, module, carried));
CREATE TABLE IF NOT EXISTS carried (digest TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS host (key TEXT PRIMARY KEY, subjects BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS known (digest TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID;
"""
_AT_ONCE = 500
_READ_AT_ONCE = 100
"""Hosts whose package lists are in memory together."""
NO_PACKAGES = "its packages are not known"


class HostFacts(NamedTuple):
    """What is needed of one host: section (`os`, `boot`, `packages`, `candidates`) -> digest, of those that are
    known."""

    host: str
    digests: Mapping[str, str]


class FleetMatch(NamedTuple):
    """subjects: number -> Subject, of those with something open or watched. answers: number -> what is open in it.
    hosts: host -> numbers of its subjects among these (kernels that are only kept are none of them); a host whose
    packages are not known is in `unknown` with the reason instead. ecosystems: host -> ecosystem's name, "" for
    none."""

    subjects: dict[int, Subject]
    answers: dict[int, tuple[Answer, ...]]
    hosts: dict[str, tuple[int, ...]]
    unknown: dict[str, str]
    ecosystems: dict[str, str]


Load = Callable[[Collection[str]], Iterable[tuple[str, Any]]]
"""digests -> (digest, content of the section) of those that are known."""
SECTIONS = ("os", "boot", "packages", "candidates")
"""Sections of a host state that HostFacts name."""


class _Wanted(NamedTuple):
    """A set of Subjects and what it is read from."""

    ecosystem: Ecosystem
    kernel: str
    packages: str
    candidates: str

    def key(self) -> str:
        parts = (self.ecosystem.name, *self[1:])
        return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]


def match_fleet(
    matcher: Matcher,
    hosts: Iterable[HostFacts],
    load: Load,
    cache: str,
    watch: Collection[tuple[str, str]] = (),
) -> FleetMatch:
    """Match all hosts. load is asked only for sections that the cache has not seen. cache: the feeds' cache folder.
    watch: (ecosystem, package) whose subjects are wanted also where nothing is open in them."""
    sets = _Sets(os.path.join(cache, f"hosts-{_FORMAT}.sqlite"))
    try:
        keys, unknown, ecosystems = sets.add(hosts, load)
        live: set[int] = set()
        distinct = set(keys.values())
        for _key, numbers in sets.of(distinct):
            live.update(numbers)
        subjects = sets.subjects(live)
        matcher.carried.update(sets.carried({subject.carried for subject in subjects.values()} - {""}))
        found = matcher.open_answers(list(subjects.values()))
        watched = frozenset(watch)
        hot = {
            number
            for number, subject in subjects.items()
            if subject.role != LEFT_OVER and (subject in found or (subject.ecosystem, subject.package) in watched)
        }
        open_of = {key: tuple(number for number in numbers if number in hot) for key, numbers in sets.of(distinct)}
    finally:
        sets.close()
    return FleetMatch(
        {number: subjects[number] for number in hot},
        {number: found[subjects[number]] for number in hot if subjects[number] in found},
        {host: open_of[key] for host, key in keys.items()},
        unknown,
        ecosystems,
    )


class _Sets:
    """Which Subjects a host has, by what it was read from."""

    def __init__(self, path: str) -> None:
        self.database = sqlite3.connect(path, isolation_level=None, timeout=60)
        self.database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;" + _TABLES)
        self.numbers: dict[Subject, int] = {}

    def close(self) -> None:
        self.database.close()

    def add(self, hosts: Iterable[HostFacts], load: Load) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
        """(host -> key, host -> why it has none, host -> ecosystem). Reads what is new."""
        listed = list(hosts)
        systems = self._known("os", [facts.digests.get("os") for facts in listed], load, _system)
        kernels = self._known("boot", [facts.digests.get("boot") for facts in listed], load, _kernel)
        keys: dict[str, str] = {}
        unknown: dict[str, str] = {}
        ecosystems: dict[str, str] = {}
        wanted: dict[str, _Wanted] = {}
        for facts in listed:
            digests = facts.digests
            ecosystem = ecosystem_of(systems.get(digests.get("os", ""), {}))
            ecosystems[facts.host] = ecosystem.name if ecosystem else ""
            if "packages" not in digests or "os" not in digests:
                unknown[facts.host] = NO_PACKAGES
            elif ecosystem is None:
                unknown[facts.host] = "no data are published for its operating system"
            else:
                kernel = kernels.get(digests.get("boot", ""), "")
                one = _Wanted(ecosystem, kernel, digests["packages"], digests.get("candidates", ""))
                key = one.key()
                keys[facts.host] = key
                wanted[key] = one
        self._fill({key: wanted[key] for key in wanted.keys() - self._present(wanted)}, load)
        lacking = wanted.keys() - self._present(wanted)
        for host in [host for host, key in keys.items() if key in lacking]:
            unknown[host] = NO_PACKAGES
            del keys[host]
        return keys, unknown, ecosystems

    def _known(
        self, what: str, digests: Iterable[str | None], load: Load, part: Callable[[Any], Any]
    ) -> dict[str, Any]:
        """The part of small sections that counts here, kept so that they are read once."""
        wanted = {f"{what} {digest}" for digest in digests if digest}
        found: dict[str, Any] = {}
        for marks, chunk in _chunks(wanted):
            for name, body in self.database.execute(f"SELECT digest, body FROM known WHERE digest IN ({marks})", chunk):
                found[name.partition(" ")[2]] = json.loads(body)
        lacking = {name.partition(" ")[2] for name in wanted} - found.keys()
        if lacking:
            new = {digest: part(content) for digest, content in load(lacking)}
            rows = [(f"{what} {digest}", json.dumps(value)) for digest, value in new.items()]
            self.database.execute("BEGIN IMMEDIATE")
            self.database.executemany("INSERT OR REPLACE INTO known VALUES (?,?)", rows)
            self.database.execute("COMMIT")
            found.update(new)
        return found

    def _present(self, keys: Collection[str]) -> set[str]:
        found: set[str] = set()
        for marks, chunk in _chunks(keys):
            found.update(key for (key,) in self.database.execute(f"SELECT key FROM host WHERE key IN ({marks})", chunk))
        return found

    def _fill(self, wanted: dict[str, _Wanted], load: Load) -> None:
        listed = sorted(wanted.items(), key=lambda item: item[1][2:])
        for start in range(0, len(listed), _READ_AT_ONCE):
            part = listed[start : start + _READ_AT_ONCE]
            contents = dict(load({digest for _key, one in part for digest in one[2:] if digest}))
            self.database.execute("BEGIN IMMEDIATE")
            try:
                for key, one in part:
                    self._one(key, one, contents)
                self.database.execute("COMMIT")
            except BaseException:
                self.database.execute("ROLLBACK")
                self.numbers.clear()
                raise

    def _one(self, key: str, one: _Wanted, contents: dict[str, Any]) -> None:
        packages, candidates = contents.get(one.packages), contents.get(one.candidates)
        if not isinstance(packages, list):
            return
        said = carried(candidates) if isinstance(candidates, list) else {}
        self.database.executemany("INSERT OR IGNORE INTO carried VALUES (?,?)", list(said.values()))
        digests = {at: digest for at, (digest, _body) in said.items()}
        subjects = subjects_of(packages, one.ecosystem, one.kernel, digests)
        numbers = array("I", sorted(self._number(subject) for subject in subjects))
        self.database.execute("INSERT OR REPLACE INTO host VALUES (?,?)", (key, numbers.tobytes()))

    def _number(self, subject: Subject) -> int:
        number = self.numbers.get(subject)
        if number is None:
            row = self.database.execute(
                "SELECT id FROM subject WHERE ecosystem=? AND package=? AND version=? AND scheme=? AND role=?"
                " AND module=? AND carried=?",
                subject,
            ).fetchone()
            if row is None:
                done = self.database.execute(
                    "INSERT INTO subject (ecosystem, package, version, scheme, role, module, carried)"
                    " VALUES (?,?,?,?,?,?,?)",
                    subject,
                )
                number = int(done.lastrowid or 0)
            else:
                number = int(row[0])
            self.numbers[subject] = number
        return number

    def of(self, keys: Collection[str]) -> Iterator[tuple[str, array[int]]]:
        for marks, chunk in _chunks(keys):
            for key, blob in self.database.execute(f"SELECT key, subjects FROM host WHERE key IN ({marks})", chunk):
                numbers = array("I")
                numbers.frombytes(blob)
                yield key, numbers

    def subjects(self, numbers: Collection[int]) -> dict[int, Subject]:
        return {
            row[0]: Subject(*row[1:]) for row in self.database.execute("SELECT * FROM subject") if row[0] in numbers
        }

    def carried(self, digests: Collection[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for marks, chunk in _chunks(digests):
            found.update(self.database.execute(f"SELECT digest, body FROM carried WHERE digest IN ({marks})", chunk))
        return found


def _system(content: Any) -> dict[str, str]:
    keys = ("id", "version", "codename")
    return {key: str(content.get(key) or "") for key in keys} if isinstance(content, Mapping) else {}


def _kernel(content: Any) -> str:
    return str(content.get("kernel_running") or "") if isinstance(content, Mapping) else ""


def _chunks(values: Collection[str]) -> Iterator[tuple[str, list[str]]]:
    listed = sorted(values)
    for start in range(0, len(listed), _AT_ONCE):
        chunk = listed[start : start + _AT_ONCE]
        yield ",".join("?" * len(chunk)), chunk
