# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the feeds know of vulnerabilities themselves, wherever they are."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timezone

from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.library import Feeds
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.part import Notice
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.records import CVE, Described
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import Epss, Kev, Vulnerability

_REFERENCES = 10


def vulnerabilities(feeds: Feeds, ids: Collection[str]) -> dict[str, Vulnerability]:
    """A Vulnerability for each id, also for one of which nothing is known."""
    kev: dict[str, Kev] = {}
    epss: dict[str, Epss] = {}
    described: dict[str, Described] = {}
    for each in feeds.of("kev"):  # of two copies of a feed, the newer one speaks
        kev.update(each.part.kev(ids))
    for each in feeds.of("epss"):
        epss.update(each.part.epss(ids, _day(each.status.as_of_ms)))
    for each in feeds.of("cve"):
        described.update(each.part.described(ids))
    named: dict[str, list[tuple[str, Notice]]] = {}
    for name, source, notice in _naming(feeds, ids):
        named.setdefault(name, []).append((source, notice))
    return {
        name: _one(name, kev.get(name), epss.get(name), described.get(name), named.get(name, []))
        for name in sorted(ids)
    }


def _naming(feeds: Feeds, ids: Collection[str]) -> Iterator[tuple[str, str, Notice]]:
    for each in feeds.of("osv", "tracker"):
        pairs = list(each.part.naming(ids))
        notices = each.part.notices({advisory for _name, advisory in pairs})
        for name, advisory in pairs:
            yield name, each.status.name, notices[advisory]


def _one(
    name: str, kev: Kev | None, epss: Epss | None, record: Described | None, named: list[tuple[str, Notice]]
) -> Vulnerability:
    dates = [notice.published_ms for _source, notice in named if notice.published_ms is not None]
    published = record.published_ms if record and record.published_ms is not None else min(dates, default=None)
    title = record.title if record and record.title else ""
    for _source, notice in named:
        title = title or notice.summary
    links = list(record.references if record else ())
    for _source, notice in named:
        links += notice.references
    return Vulnerability(
        name,
        title or (kev.name if kev else ""),
        tuple(sorted({notice.name for _source, notice in named} - {name}))[:50],
        published,
        tuple(sorted({(source, notice.severity) for source, notice in named if notice.severity})),
        kev,
        epss,
        record.cvss if record else (),
        record.ssvc if record else None,
        tuple(dict.fromkeys([*_own(name), *links]))[:_REFERENCES],
    )


def _own(name: str) -> list[str]:
    return [f"https://www.cve.org/CVERecord?id={name}"] if CVE.match(name) else []


def _day(ms: int | None) -> str:
    return datetime.fromtimestamp(ms / 1000, timezone.utc).strftime("%Y-%m-%d") if ms is not None else ""
