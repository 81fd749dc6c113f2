# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Changelogs of acquired packages as a feed of their own: it works where there is no other data at all."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds import deb_file, part
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.errors import FeedError
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.library import Feeds, Open, Problem
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.read_changelog import Entry, entries, is_one
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.records import Advisory, Row
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import FeedStatus

NAME = "package changelogs"


class PackageFile(NamedTuple):
    """A .deb that a host is offered. source, source_version: as `subjects` name them; path: where it is kept."""

    ecosystem: str
    source: str
    source_version: str
    sha256: str
    path: str
    size: int


def add_changelogs(feeds: Feeds, files: Iterable[PackageFile], cache: str, now_ms: int) -> list[tuple[str, str, str]]:
    """Add what the changelogs of these packages say to the feeds. Each file is read once, ever.

    Returns (ecosystem, source, version) of those of which no file has a changelog: there "not named" means nothing. Of
    the binaries of a source the smallest one with a changelog speaks; some only link to a sibling's.
    """
    groups: dict[tuple[str, str, str], list[PackageFile]] = {}
    for file in files:
        groups.setdefault((file.ecosystem, file.source, file.source_version), []).append(file)
    silent: list[tuple[str, str, str]] = []
    said: dict[tuple[str, str], dict[Entry, None]] = {}
    with closing(_opened(cache)) as known:
        for group in sorted(groups):
            found = None
            for file in sorted(groups[group], key=lambda each: (each.size, each.sha256)):
                found = _entries(known, file, feeds.problems)
                if found is not None:
                    break
            if found is None:
                silent.append(group)
            else:
                said.setdefault(group[:2], {}).update(dict.fromkeys(found))
    if groups:
        path = _path(cache, groups)
        made = part.write(path, _records(said))
        digest = os.path.basename(path).partition(".")[0]
        status = FeedStatus(NAME, "changelog", now_ms, now_ms, digest, made.records, made.rejected, "")
        feeds.add(Open(status, part.Part(path)))
        os.unlink(path)  # stays readable while it is open; the next run makes it anew from what is kept
    return silent


def _opened(cache: str) -> sqlite3.Connection:
    os.makedirs(cache, mode=0o700, exist_ok=True)
    database = sqlite3.connect(os.path.join(cache, "changelogs-1.sqlite"), isolation_level=None, timeout=60)
    database.execute("CREATE TABLE IF NOT EXISTS changelog (sha256 TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID")
    return database


def _entries(known: sqlite3.Connection, file: PackageFile, problems: list[Problem]) -> list[Entry] | None:
    row = known.execute("SELECT body FROM changelog WHERE sha256 = ?", (file.sha256,)).fetchone()
    if row is None:
        try:
            text = deb_file.changelog(file.path)
        except FeedError as error:
            problems.append(Problem(NAME, error.what, error.where, error.next_step, "nothing of it", False))
            return None
        found = list(entries(text)) if text is not None and is_one(text) else None
        known.execute("INSERT OR REPLACE INTO changelog VALUES (?,?)", (file.sha256, json.dumps(found)))
        return found
    stored = json.loads(row[0])
    return None if stored is None else [Entry(version, tuple(cves)) for version, cves in stored]


def _records(said: dict[tuple[str, str], dict[Entry, None]]) -> Iterator[Advisory]:
    for (ecosystem, source), found in sorted(said.items()):
        for entry in found:
            row = Row(ecosystem, source, "0", entry.version, None, "", "the changelog of this version names it")
            yield Advisory(f"{source} {entry.version}", entry.cves, None, None, "", "", (), (), (row,))


def _path(cache: str, groups: Iterable[tuple[str, str, str]]) -> str:
    digest = hashlib.sha256(json.dumps(sorted(groups)).encode()).hexdigest()
    return os.path.join(cache, f"changelog-{digest[:24]}.{os.getpid()}.sqlite")
