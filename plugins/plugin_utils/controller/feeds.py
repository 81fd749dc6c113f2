# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The common variables of vulnerability data, and the feeds that they name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds import sources
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.changelogs import PackageFile, add_changelogs
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.ecosystems import Ecosystem, ecosystem_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.library import Feeds, Problem, open_feeds
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.subjects import source_of, source_version_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.versions import DEB
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import FeedStatus
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import plain, plural
from ansible_collections.lockstep.patching.plugins.plugin_utils.store import Store

_DAY_MS = 86_400_000
MAX_AGE_MS = 30 * _DAY_MS
"""Data that are older are called old."""


class FeedSettings(NamedTuple):
    """wanted: entries of `lockstep_feeds`; cache: folder of what is made of them."""

    wanted: list[str]
    cache: str


def settings(get: Callable[[str], Any], env: Mapping[str, str]) -> FeedSettings:
    """Read `lockstep_feeds` and `lockstep_feeds_cache`; get(name) gives a templated variable or None."""
    wanted = get("lockstep_feeds")
    if wanted is not None and not isinstance(wanted, (str, list)):
        raise LockstepError(
            "it is neither a text nor a list", "lockstep_feeds", "name folders, files and URLs of vulnerability data"
        )
    if isinstance(wanted, list) and not all(isinstance(each, str) for each in wanted):
        raise LockstepError("an entry of it is no text", "lockstep_feeds", "write folders, files and URLs as texts")
    folder = get("lockstep_feeds_cache") or os.path.join(env.get("XDG_CACHE_HOME") or "~/.cache", "lockstep", "feeds")
    return FeedSettings(sources.listed(wanted), os.path.abspath(os.path.expanduser(str(folder))))


def opened(given: FeedSettings, now_ms: int, fetch: str) -> Feeds:
    """The feeds; LockstepError only where the cache cannot be used."""
    try:
        return open_feeds(given.wanted, given.cache, now_ms, fetch=fetch)
    except OSError as error:
        raise LockstepError(
            f"it cannot be used: {error.strerror or error}",
            given.cache,
            "make it writable, or name another folder with lockstep_feeds_cache",
        ) from error


def add_acquired(feeds: Feeds, ledger: Ledger, fleet: str, store: str, cache: str, now_ms: int) -> list[str]:
    """Add the changelogs of the pending versions whose files are in the store. Returns `source version` of those whose
    files have none."""
    kept = Store(store)
    files: dict[str, PackageFile] = {}
    hosts = ledger.inventory(fleet, ("os", "candidates"))
    systems = dict(ledger.contents_of({host.digests["os"] for host in hosts if "os" in host.digests}))
    wanted = {(host.digests.get("os", ""), host.digests.get("candidates", "")) for host in hosts}
    by_digest: dict[str, Ecosystem] = {}
    for system, candidates in sorted(wanted):
        ecosystem = ecosystem_of(systems[system]) if system in systems else None
        if candidates and ecosystem is not None and ecosystem.scheme == DEB:
            by_digest[candidates] = ecosystem
    for digest, rows in ledger.contents_of(by_digest):
        for row in rows if isinstance(rows, list) else ():
            sha256 = str(row.get("sha256") or "")
            if sha256 and sha256 not in files and row.get("version") and kept.has(sha256, row.get("size")):
                source, version = source_of(row), source_version_of(row)
                size = int(row.get("size") or 0)
                files[sha256] = PackageFile(by_digest[digest].name, source, version, sha256, kept.path(sha256), size)
    silent = add_changelogs(feeds, files.values(), cache, now_ms)
    return [f"{source} {version}" for _ecosystem, source, version in silent]


def note_coverage(feeds: Feeds, ecosystems: Iterable[str], now_ms: int) -> None:
    """Add a problem for each ecosystem of the fleet whose data are old or whose support has ended: there, what is not
    named may be there all the same."""
    for ecosystem in sorted(set(ecosystems) - {""}):
        found = feeds.coverage(ecosystem, now_ms, MAX_AGE_MS)
        if found.state == "stale":
            step = "refresh them with the playbook maintain, or copy newer ones to where lockstep_feeds says"
            feeds.problems.append(Problem(ecosystem, found.why, "", step, "what there is", False))
        elif found.state == "end of life":
            step = "upgrade these hosts to a supported release; nobody says any more what is wrong with this one"
            feeds.problems.append(Problem(ecosystem, found.why, "", step, "what there is", False))


def age(ms: int | None, now_ms: int) -> str:
    """`2 days`, for people."""
    if ms is None:
        return "unknown"
    days = max(now_ms - ms, 0) // _DAY_MS
    return plural(days, "day") if days else "today"


def table(statuses: list[FeedStatus], now_ms: int) -> list[str]:
    """A line for each feed."""
    rows = [("feed", "kind", "data of", "records", "")]
    rows += [
        (
            plain(each.name, 60),
            each.kind,
            age(each.as_of_ms, now_ms),
            str(each.records),
            "OLD COPY" if each.problem else f"{each.rejected} unusable" if each.rejected else "",
        )
        for each in statuses
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return [
        f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:>{widths[3]}}  {row[4]}".rstrip()
        for row in rows
    ]


def complaint(problem: Problem) -> str:
    """One problem in one line."""
    where = "" if problem.where in ("", problem.feed) else f" ({plain(problem.where, 200)})"
    return f"{plain(problem.feed, 100)}: {plain(problem.what)}{where}; in use: {problem.used}; {plain(problem.next)}"
