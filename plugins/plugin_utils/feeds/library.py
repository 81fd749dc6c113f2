# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All feeds of `lockstep_feeds`, ready for questions, each in its last good copy."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds import download, inputs, part, sources
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.errors import FeedError
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.inputs import Limits
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.sources import Source
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.support import ended
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import Coverage, FeedStatus

_TOO_MANY_REJECTED = 0.1
"""A feed with more unusable records than this part of all is refused: its format has changed, or it is none."""
_TELL = "tell its publisher; what it names is unknown"
ROWS = ("osv", "tracker", "changelog")
"""Kinds of feeds that say which versions are affected."""


class Problem(NamedTuple):
    """Something wrong with a feed. where: file and record; next: what to do. used: what is used instead. refused: the
    newest copy is not used at all; else only single records of it are not."""

    feed: str
    what: str
    where: str
    next: str
    used: str
    refused: bool


class Open(NamedTuple):
    """A feed in use."""

    status: FeedStatus
    part: part.Part


class Feeds:
    """Feeds in use. problems: what is wrong with them; the others are complete. `close` when done."""

    def __init__(self, opened: list[Open], problems: list[Problem]) -> None:
        self.opened = opened
        self.problems = problems
        self._known: dict[str, list[Open]] | None = None

    def add(self, feed: Open) -> None:
        """Use one more feed."""
        self.opened.append(feed)
        self._known = None

    def close(self) -> None:
        for each in self.opened:
            each.part.close()

    @property
    def statuses(self) -> list[FeedStatus]:
        return [each.status for each in self.opened]

    def of(self, *kinds: str) -> list[Open]:
        """Feeds of these kinds, the oldest data first."""
        found = [each for each in self.opened if each.status.kind in kinds]
        return sorted(found, key=lambda each: (each.status.as_of_ms or 0, each.status.name))

    def about(self, ecosystem: str) -> list[Open]:
        """Feeds that have rows of an ecosystem, by name."""
        if self._known is None:
            self._known = {}
            for each in sorted(self.of(*ROWS), key=lambda each: each.status.name):
                for name in each.part.ecosystems():
                    self._known.setdefault(name, []).append(each)
        return self._known.get(ecosystem, [])

    def coverage(self, ecosystem: str, now_ms: int, max_age_ms: int | None = None) -> Coverage:
        """What can be said of an ecosystem at all. Data older than max_age_ms is stale; None: age does not matter."""
        found = [each for each in self.about(ecosystem) if each.status.kind != "changelog"]
        if not found:
            why = f"no feed has data of {ecosystem}" if ecosystem else "no data are published for this operating system"
            return Coverage(ecosystem, "no data", why, (), None)
        names = tuple(each.status.name for each in found)
        day = ended(ecosystem, now_ms)
        dates = [each.status.as_of_ms for each in found if each.status.as_of_ms is not None]
        newest = max(dates) if dates else None
        if day is not None:
            return Coverage(ecosystem, "end of life", f"support of {ecosystem} ended on {day}", names, newest)
        if max_age_ms is not None and (newest is None or now_ms - newest > max_age_ms):
            days = f"{(now_ms - newest) // 86_400_000} days old" if newest is not None else "of unknown age"
            return Coverage(ecosystem, "stale", f"the data of {ecosystem} are {days}", names, newest)
        return Coverage(ecosystem, "ok", "", names, newest)


def open_feeds(
    wanted: str | Iterable[str] | None, cache: str, now_ms: int, limits: Limits | None = None, fetch: str = "missing"
) -> Feeds:
    """Open what `lockstep_feeds` names. Never raises for a feed that is bad: that is a Problem, and its last good copy
    is used where there is one.

    cache: folder of parts and downloads, made if need be. fetch: which URLs are asked: `missing` (those of which there
    is no copy), `always` (conditional requests), `never`. LockstepError only when the cache cannot be used.
    """
    limits = limits or Limits()
    os.makedirs(os.path.join(cache, "parts"), mode=0o700, exist_ok=True)
    with _locked(cache):
        builder = _Builder(cache, now_ms, limits)
        for entry in sources.listed(wanted):
            try:
                found = [_fetched(entry, builder, fetch)] if sources.is_url(entry) else sources.local(entry)
            except FeedError as error:
                builder.problems.append(
                    Problem(sources.shown(entry), error.what, error.where, error.next_step, "nothing", True)
                )
                continue
            for source in found:
                builder.take(source)
        builder.save()
    return Feeds(builder.opened, builder.problems)


def _fetched(url: str, builder: _Builder, fetch: str) -> Source:
    got = download.fetch(url, os.path.join(builder.cache, "downloads"), builder.limits.file, builder.now_ms, fetch)
    if got.problem:
        used = f"the copy of {_ago(builder.now_ms - (got.fetched_ms or 0))} ago" if got.path else "nothing"
        builder.problems.append(
            Problem(sources.shown(url), got.problem.what, got.problem.where, got.problem.next_step, used, True)
        )
    if got.path is None:
        raise FeedError(
            "there is no copy of it yet",
            sources.shown(url),
            "run lockstep.patching.maintain where the network reaches it",
        )
    return Source(got.name, got.path, url)


class _Builder:
    """Makes parts of what is new, and keeps the catalogue: which part is a source's last good one."""

    def __init__(self, cache: str, now_ms: int, limits: Limits) -> None:
        self.cache, self.now_ms, self.limits = cache, now_ms, limits
        self.opened: list[Open] = []
        self.problems: list[Problem] = []
        self.catalogue: dict[str, dict[str, Any]] = {}
        self.before: dict[str, dict[str, Any]] = {}
        with suppress(OSError, ValueError), open(self._file(), encoding="utf-8") as file:
            loaded = json.load(file)
            if isinstance(loaded, dict) and loaded.get("format") == part.FORMAT:
                self.before = loaded["feeds"]
        self.catalogue = dict(self.before)

    def _file(self) -> str:
        return os.path.join(self.cache, "catalogue.json")

    def take(self, source: Source) -> None:
        key = sources.shown(source.url) or source.path
        known = self.catalogue.get(key)
        problem = ""
        try:
            seen = _fingerprint(source.path)
            if known is None or known["seen"] != seen or not os.path.exists(self._part(known)):
                known = self._new(source, seen, known)
                self.catalogue[key] = known
        except FeedError as error:
            problem = self._refuse(source, error, known)
        except OSError as error:
            problem = self._refuse(source, FeedError(f"it cannot be read: {error}", source.path, "look at it"), known)
        if known is None or not os.path.exists(self._part(known)):
            return
        status = FeedStatus(
            source.name,
            known["kind"],
            known["as_of_ms"],
            known["taken_ms"],
            known["digest"],
            known["records"],
            known["rejected"],
            problem,
        )
        for record, why in known["shown"][:1]:
            more = f" and {known['rejected'] - 1} more like it" if known["rejected"] > 1 else ""
            self.problems.append(
                Problem(
                    source.name,
                    why + more,
                    record,
                    "tell its publisher; what it names is unknown",
                    "the rest of it",
                    False,
                )
            )
        self.opened.append(Open(status, part.Part(self._part(known))))

    def _refuse(self, source: Source, error: FeedError, known: dict[str, Any] | None) -> str:
        used = "nothing"
        if known is not None:
            used = f"the last good copy, taken {_ago(self.now_ms - known['taken_ms'])} ago"
        self.problems.append(Problem(source.name, error.what, error.where, error.next_step, used, True))
        return str(error)

    def _part(self, known: dict[str, Any]) -> str:
        return os.path.join(self.cache, "parts", f"{known['digest']}-{part.FORMAT}.sqlite")

    def _new(self, source: Source, seen: list[int], known: dict[str, Any] | None) -> dict[str, Any]:
        digest = _digest(source.path)
        if known is not None and known["digest"] == digest and os.path.exists(self._part(known)):
            return {**known, "seen": seen}
        kind, records = inputs.read(source.path, self.limits)
        path = self._part({"digest": digest})
        made = part.write(path, records)
        if not made.records or made.rejected > _TOO_MANY_REJECTED * (made.records + made.rejected) + 1:
            os.unlink(path)
            first = made.shown[0] if made.shown else None
            what = f"{made.rejected} of its {made.records + made.rejected} records are unusable"
            what += f", the first: {first.why}" if first else ""
            raise FeedError(what, first.record if first else source.path, "has its format changed? Fetch it again")
        as_of = made.as_of_ms if made.as_of_ms else int(os.path.getmtime(source.path)) * 1000
        return {
            "kind": kind,
            "seen": seen,
            "digest": digest,
            "as_of_ms": as_of,
            "taken_ms": self.now_ms,
            "records": made.records,
            "rejected": made.rejected,
            "shown": [list(each) for each in made.shown],
        }

    def save(self) -> None:
        self.catalogue = {
            key: known for key, known in self.catalogue.items() if sources.is_url(key) or os.path.exists(key)
        }
        used = {os.path.basename(self._part(known)) for known in self.catalogue.values()}
        if self.catalogue != self.before:
            partial = f"{self._file()}.{os.getpid()}"
            with open(partial, "w", encoding="utf-8") as file:
                json.dump({"format": part.FORMAT, "feeds": self.catalogue}, file)
            os.replace(partial, self._file())
        for name in os.listdir(os.path.join(self.cache, "parts")):
            if name not in used:
                with suppress(OSError):
                    os.unlink(os.path.join(self.cache, "parts", name))


def _fingerprint(path: str) -> list[int]:
    if not os.path.isdir(path):
        stat = os.stat(path)
        return [stat.st_size, stat.st_mtime_ns, stat.st_ino]
    count, size, newest = 0, 0, 0
    for name in _files(path):
        stat = os.stat(name)
        count, size, newest = count + 1, size + stat.st_size, max(newest, stat.st_mtime_ns)
    return [count, size, newest]


def _digest(path: str) -> str:
    hashed = hashlib.sha256()
    for name in _files(path):
        hashed.update(os.path.relpath(name, path).encode("utf-8", "replace") + b"\0")
        with open(name, "rb") as file:
            while data := file.read(1 << 20):
                hashed.update(data)
    return hashed.hexdigest()


def _files(path: str) -> Collection[str]:
    if not os.path.isdir(path):
        return [path]
    return [
        os.path.join(top, name)
        for top, folders, names in os.walk(path)
        for name in sorted(names)
        if folders.sort() is None and name.endswith(".json")
    ]


def _ago(ms: int) -> str:
    """A span of time, roughly."""
    hours = max(ms, 0) // 3_600_000
    return f"{hours} hours" if hours < 72 else f"{hours // 24} days"


@contextmanager
def _locked(cache: str) -> Iterator[None]:
    """Only one process at a time makes parts."""
    with open(os.path.join(cache, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
