# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which Subjects a host has, kept by what they were read from, so that a host that has not changed is not read again.

Subjects have numbers. A host has a group of them for each shelf of packages, so hosts that differ in a few packages
share all other groups.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.carried import carried
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.ecosystems import Ecosystem, ecosystem_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.subjects import subjects_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.shelves import shelf_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import Subject

_FORMAT = 3
_TABLES = """
CREATE TABLE IF NOT EXISTS subject (id INTEGER PRIMARY KEY, ecosystem TEXT, package TEXT, version TEXT, scheme TEXT,
    role TEXT, module TEXT, carried TEXT, UNIQUE (ecosystem, package, version, scheme, role, module, carried));
CREATE TABLE IF NOT EXISTS part (id INTEGER PRIMARY KEY, subjects BLOB UNIQUE);
CREATE TABLE IF NOT EXISTS carried (digest TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS host (key TEXT PRIMARY KEY, parts BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS known (digest TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID;
"""
_NAMES = ("subject", "part", "carried", "host", "known")
_AT_ONCE = 500
_READ_AT_ONCE = 100
"""Hosts whose package lists are in memory together."""
_OLD_ROWS = 50_000
"""More hosts' sets than this, most of them not wanted any more, are too many to keep."""
NO_PACKAGES = "its packages are not known"

Load = Callable[[Collection[str]], Iterable[tuple[str, Any]]]
"""digests -> (digest, content of the section) of those that are known."""


class _Wanted(NamedTuple):
    """A set of Subjects and what it is read from."""

    ecosystem: Ecosystem
    kernel: str
    packages: str
    candidates: str

    def key(self) -> str:
        parts = (self.ecosystem.name, *self[1:])
        return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]


class HostSets:
    """The cache, in one SQLite file. Close it when done."""

    def __init__(self, path: str) -> None:
        self.database = sqlite3.connect(path, isolation_level=None, timeout=60)
        self.database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;")
        if self.database.execute("PRAGMA user_version").fetchone()[0] != _FORMAT:
            drops = "".join(f"DROP TABLE IF EXISTS {name};" for name in _NAMES)
            self.database.executescript(f"BEGIN IMMEDIATE;{drops}PRAGMA user_version={_FORMAT};COMMIT;")
        self.database.executescript(_TABLES)
        self.numbers: dict[Subject, int] = {}
        self.parts: dict[bytes, int] = {}

    def close(self) -> None:
        self.database.close()

    def add(
        self, hosts: Collection[tuple[str, Mapping[str, str]]], load: Load
    ) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
        """(host -> key, host -> why it has none, host -> ecosystem) of hosts: (name, section -> digest). Reads what is
        new."""
        systems = self._known("os", [digests.get("os") for _host, digests in hosts], load, _system)
        kernels = self._known("boot", [digests.get("boot") for _host, digests in hosts], load, _kernel)
        known = {digest: ecosystem_of(system) for digest, system in systems.items()}
        keys: dict[str, str] = {}
        unknown: dict[str, str] = {}
        ecosystems: dict[str, str] = {}
        wanted: dict[str, _Wanted] = {}
        for host, digests in hosts:
            ecosystem = known.get(digests.get("os", ""))
            ecosystems[host] = ecosystem.name if ecosystem else ""
            if "packages" not in digests or "os" not in digests:
                unknown[host] = NO_PACKAGES
            elif ecosystem is None:
                unknown[host] = "no data are published for its operating system"
            else:
                kernel = kernels.get(digests.get("boot", ""), "")
                one = _Wanted(ecosystem, kernel, digests["packages"], digests.get("candidates", ""))
                keys[host] = key = one.key()
                wanted[key] = one
        lacking = wanted.keys() - self._present(wanted)
        if lacking:
            self._fill({key: wanted[key] for key in lacking}, load)
            self._prune(wanted)
            lacking -= self._present(lacking)
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
        values: dict[str, Any] = {}
        for marks, chunk in _chunks(wanted):
            for name, body in self.database.execute(f"SELECT digest, body FROM known WHERE digest IN ({marks})", chunk):
                if body not in values:
                    values[body] = json.loads(body)
                found[name.partition(" ")[2]] = values[body]
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
                self.parts.clear()
                raise

    def _prune(self, wanted: Collection[str]) -> None:
        """Forget what no host has any more, now and then."""
        (count,) = self.database.execute("SELECT count(*) FROM host").fetchone()
        if count <= _OLD_ROWS or count <= 4 * len(wanted):
            return
        self.database.execute("BEGIN IMMEDIATE")
        kept = [(key, parts.tobytes()) for key, parts in self.groups_of(wanted).items()]
        self.database.execute("DELETE FROM host")
        self.database.executemany("INSERT INTO host VALUES (?,?)", kept)
        live = {part for _key, blob in kept for part in _numbers(blob)}
        gone = [(part,) for (part,) in self.database.execute("SELECT id FROM part") if part not in live]
        self.database.executemany("DELETE FROM part WHERE id = ?", gone)
        self.database.execute("DELETE FROM known")
        self.database.execute("COMMIT")
        self.parts.clear()

    def _one(self, key: str, one: _Wanted, contents: dict[str, Any]) -> None:
        packages, candidates = contents.get(one.packages), contents.get(one.candidates)
        if not isinstance(packages, list):
            return
        said = carried(candidates) if isinstance(candidates, list) else {}
        self.database.executemany("INSERT OR IGNORE INTO carried VALUES (?,?)", list(said.values()))
        digests = {at: digest for at, (digest, _body) in said.items()}
        subjects = subjects_of(packages, one.ecosystem, one.kernel, digests)
        shelves: dict[int, array[int]] = {}
        for subject in subjects:
            shelves.setdefault(shelf_of(subject.package), array("I")).append(self._number(subject))
        parts = array("I", (self._part(shelves[at]) for at in sorted(shelves)))
        self.database.execute("INSERT OR REPLACE INTO host VALUES (?,?)", (key, parts.tobytes()))

    def _part(self, group: array[int]) -> int:
        blob = group.tobytes()
        number = self.parts.get(blob)
        if number is None:
            row = self.database.execute("SELECT id FROM part WHERE subjects = ?", (blob,)).fetchone()
            if row is None:
                done = self.database.execute("INSERT INTO part (subjects) VALUES (?)", (blob,))
                number = int(done.lastrowid or 0)
            else:
                number = int(row[0])
            self.parts[blob] = number
        return number

    def _number(self, subject: Subject) -> int:
        number = self.numbers.get(subject)
        if number is None:
            clean = tuple(text.encode("utf-8", "replace").decode("utf-8") for text in subject)
            row = self.database.execute(
                "SELECT id FROM subject WHERE ecosystem=? AND package=? AND version=? AND scheme=? AND role=?"
                " AND module=? AND carried=?",
                clean,
            ).fetchone()
            if row is None:
                done = self.database.execute(
                    "INSERT INTO subject (ecosystem, package, version, scheme, role, module, carried)"
                    " VALUES (?,?,?,?,?,?,?)",
                    clean,
                )
                number = int(done.lastrowid or 0)
            else:
                number = int(row[0])
            self.numbers[subject] = number
        return number

    def groups_of(self, keys: Collection[str]) -> dict[str, array[int]]:
        """key -> numbers of its groups."""
        found = {}
        for marks, chunk in _chunks(keys):
            for key, blob in self.database.execute(f"SELECT key, parts FROM host WHERE key IN ({marks})", chunk):
                found[key] = _numbers(blob)
        return found

    def groups(self, numbers: Collection[int]) -> dict[int, array[int]]:
        """group -> numbers of its subjects."""
        rows = self.database.execute("SELECT id, subjects FROM part")
        return {number: _numbers(blob) for number, blob in rows if number in numbers}

    def subjects(self, numbers: Collection[int]) -> dict[int, Subject]:
        return {
            row[0]: Subject(*row[1:]) for row in self.database.execute("SELECT * FROM subject") if row[0] in numbers
        }

    def carried(self, digests: Collection[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for marks, chunk in _chunks(digests):
            found.update(self.database.execute(f"SELECT digest, body FROM carried WHERE digest IN ({marks})", chunk))
        return found


def _numbers(blob: bytes) -> array[int]:
    numbers = array("I")
    numbers.frombytes(blob)
    return numbers


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
