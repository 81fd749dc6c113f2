# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A feed made ready for questions: one SQLite file for each content of a feed, written once and then only read.

A part is found by the SHA-256 of what it was made from, so a daily change of one feed costs only that one.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.records import (
    About,
    Advisory,
    Described,
    Exploited,
    Record,
    Rejected,
    Row,
    Scored,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import Cvss, Epss, Kev, Ssvc

FORMAT = 3
"""Part of a part's file name: one that another version of the readers wrote is made anew."""
_TABLES = """
CREATE TABLE advisory (id INTEGER PRIMARY KEY, name TEXT, published INTEGER, severity TEXT, summary TEXT,
                       listed TEXT);
CREATE TABLE row (ecosystem TEXT, package TEXT, advisory INTEGER, introduced TEXT, fixed TEXT, last TEXT, state TEXT,
                  note TEXT);
CREATE TABLE named (cve TEXT, advisory INTEGER);
CREATE TABLE cve (cve TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID;
CREATE TABLE kev (cve TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID;
CREATE TABLE epss (cve TEXT PRIMARY KEY, score REAL, percentile REAL) WITHOUT ROWID;
"""
_INDEXES = "CREATE INDEX row_of ON row (ecosystem, package); CREATE INDEX named_of ON named (cve);"
_AT_ONCE = 500
_REJECTED_SHOWN = 20


class Made(NamedTuple):
    """What making a part found. rejected: how many records say nothing usable; shown: the first of them."""

    as_of_ms: int | None
    records: int
    rejected: int
    shown: tuple[Rejected, ...]


class Notice(NamedTuple):
    """An advisory, without its rows."""

    name: str
    ids: tuple[str, ...]
    published_ms: int | None
    severity: str
    summary: str
    references: tuple[str, ...]
    modules: tuple[str, ...]


def write(path: str, records: Iterable[Record]) -> Made:
    """Write a part from a reader's records. Whatever the reader raises goes through, and nothing is left at path."""
    partial = f"{path}.{os.getpid()}"
    try:
        with closing(sqlite3.connect(partial, isolation_level=None)) as database:
            database.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN;" + _TABLES)
            made = _Writer(database).write(records)
            database.execute("COMMIT")
            database.executescript(_INDEXES)
        os.replace(partial, path)
    finally:
        if os.path.exists(partial):
            os.unlink(partial)
    return made


class _Writer:
    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database
        self.waiting: dict[str, list[tuple[Any, ...]]] = {}
        self.advisories = 0

    def write(self, records: Iterable[Record]) -> Made:
        as_of: int | None = None
        count, rejected = 0, 0
        shown: list[Rejected] = []
        for record in records:
            if isinstance(record, About):
                as_of = max(as_of or 0, record.as_of_ms)
                continue
            if isinstance(record, Rejected):
                rejected += 1
                if len(shown) < _REJECTED_SHOWN:
                    shown.append(record)
                continue
            count += 1
            if isinstance(record, Scored):
                self._add("INSERT OR REPLACE INTO epss VALUES (?,?,?)", tuple(record))
            elif isinstance(record, Advisory):
                as_of = max(as_of or 0, record.modified_ms or 0) or None
                self._advisory(record)
            elif isinstance(record, Exploited):
                self._add("INSERT OR REPLACE INTO kev VALUES (?,?)", (record.cve, json.dumps(record.kev)))
            else:
                self._add("INSERT OR REPLACE INTO cve VALUES (?,?)", (record.cve, _described(record)))
        for statement in list(self.waiting):
            self._flush(statement)
        return Made(as_of, count, rejected, tuple(shown))

    def _advisory(self, record: Advisory) -> None:
        self.advisories += 1
        self._add(
            "INSERT INTO advisory VALUES (?,?,?,?,?,?)",
            (
                self.advisories,
                record.id,
                record.published_ms,
                record.severity,
                record.summary,
                json.dumps([record.ids, record.references, record.modules]),
            ),
        )
        for cve in record.ids:
            self._add("INSERT INTO named VALUES (?,?)", (cve, self.advisories))
        for row in record.rows:
            self._add("INSERT INTO row VALUES (?,?,?,?,?,?,?,?)", (row[0], row[1], self.advisories, *row[2:]))

    def _add(self, statement: str, values: tuple[Any, ...]) -> None:
        rows = self.waiting.setdefault(statement, [])
        rows.append(values)
        if len(rows) >= 5000:
            self._flush(statement)

    def _flush(self, statement: str) -> None:
        self.database.executemany(statement, self.waiting.pop(statement))


def _described(record: Described) -> str:
    return json.dumps([record.title, record.published_ms, record.cvss, record.ssvc, record.references])


class Part:
    """Questions to one part. Not for use by several threads."""

    def __init__(self, path: str) -> None:
        self.database = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)

    def close(self) -> None:
        self.database.close()

    def ecosystems(self) -> set[str]:
        return {name for (name,) in self.database.execute("SELECT DISTINCT ecosystem FROM row")}

    def rows(self, ecosystem: str, packages: Collection[str]) -> Iterator[tuple[int, Row]]:
        """(advisory, row) of the packages."""
        for chunk in _chunks(packages):
            marks = ",".join("?" * len(chunk))
            for found in self.database.execute(
                "SELECT advisory, ecosystem, package, introduced, fixed, last, state, note FROM row"
                f" WHERE ecosystem = ? AND package IN ({marks})",
                (ecosystem, *chunk),
            ):
                yield found[0], Row(*found[1:])

    def notices(self, advisories: Collection[int]) -> dict[int, Notice]:
        found = {}
        for chunk in _chunks(advisories):
            marks = ",".join("?" * len(chunk))
            for number, name, published, severity, summary, listed in self.database.execute(
                f"SELECT id, name, published, severity, summary, listed FROM advisory WHERE id IN ({marks})", chunk
            ):
                ids, references, modules = (tuple(each) for each in json.loads(listed))
                found[number] = Notice(name, ids, published, severity, summary, references, modules)
        return found

    def naming(self, cves: Collection[str]) -> Iterator[tuple[str, int]]:
        """(CVE, advisory) of the advisories that name the CVEs."""
        for chunk in _chunks(cves):
            marks = ",".join("?" * len(chunk))
            yield from self.database.execute(f"SELECT cve, advisory FROM named WHERE cve IN ({marks})", chunk)

    def kev(self, cves: Collection[str]) -> Iterator[tuple[str, Kev]]:
        for cve, body in self._of("kev", "body", cves):
            yield cve, Kev(*json.loads(body))

    def epss(self, cves: Collection[str], date: str) -> Iterator[tuple[str, Epss]]:
        for cve, score, percentile in self._of("epss", "score, percentile", cves):
            yield cve, Epss(score, percentile, date)

    def described(self, cves: Collection[str]) -> Iterator[tuple[str, Described]]:
        for cve, body in self._of("cve", "body", cves):
            title, published, cvss, ssvc, references = json.loads(body)
            scores = tuple(Cvss(*each) for each in cvss)
            yield cve, Described(cve, title, published, scores, Ssvc(*ssvc) if ssvc else None, tuple(references))

    def _of(self, table: str, columns: str, cves: Collection[str]) -> Iterator[Any]:
        for chunk in _chunks(cves):
            marks = ",".join("?" * len(chunk))
            yield from self.database.execute(f"SELECT cve, {columns} FROM {table} WHERE cve IN ({marks})", chunk)


def _chunks(values: Collection[Any]) -> Iterator[list[Any]]:
    listed = sorted(values)
    return (listed[start : start + _AT_ONCE] for start in range(0, len(listed), _AT_ONCE))
