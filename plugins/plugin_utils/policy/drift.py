# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which versions reached production that no test host had run before, told from the hosts' own package logs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.facts import section
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import plain

Version = tuple[str, str, str]
"""Package, architecture, version."""


class Arrival(NamedTuple):
    """A version that came to production before any test host had run it."""

    package: str
    arch: str
    version: str
    first_ms: int
    first_host: str
    hosts: list[str]
    tested_ms: int | None
    """When a test host first had it, later than production; None if never, as far as the logs tell."""
    sure: bool
    """False where a test host's log does not reach back far enough to say for certain."""


class Untested(NamedTuple):
    """The answer and how far it can be trusted."""

    arrivals: list[Arrival]
    compared: int
    """Versions that came to production in the span."""
    missing: list[dict[str, Any]]
    """`[{host, group: test|production, from_ms, why}]`: hosts whose logs do not cover the span; the answer says
    nothing about them."""


def reached_production_untested(
    test: Mapping[str, Mapping[str, Any] | None], production: Mapping[str, Mapping[str, Any] | None], since_ms: int
) -> Untested:
    """Compare host states (`{sections}` with `history`, `packages` and `os`) of test and production hosts since a time.

    A version counts as run on a test host from the time its log shows it, or from ever if it is installed there and
    the log does not show it coming. Versions are compared per distribution release and architecture.
    """
    missing = [
        gap for group, hosts in (("test", test), ("production", production)) for gap in _gaps(group, hosts, since_ms)
    ]
    blind = {item["host"] for item in missing if item["group"] == "test"}
    seen = _first_on(test)
    blind_releases = {_release(test[host]) for host in blind}
    arrived: dict[tuple[str, Version], list[tuple[int, str]]] = {}
    for host in sorted(production):
        for ms, version in _arrivals(production[host]):
            if ms >= since_ms:
                arrived.setdefault((_release(production[host]), version), []).append((ms, host))
    arrivals: list[Arrival] = []
    for (release, version), times in sorted(arrived.items()):
        first_ms, first_host = min(times)
        tested = seen.get((release, version))
        if tested is None or tested > first_ms:
            hosts = sorted({host for _ms, host in times})
            sure = release not in blind_releases and "" not in blind_releases
            arrivals.append(Arrival(*version, first_ms, first_host, hosts, tested, sure))
    arrivals.sort(key=lambda item: (item.first_ms, item.package, item.arch))
    return Untested(arrivals, len(arrived), missing)


def _release(state: Mapping[str, Any] | None) -> str:
    """What makes versions comparable: the distribution and its release; empty where that is unknown."""
    content = section(state, "os")[0]
    return f"{content.get('id')} {content.get('version')}" if content else ""


def _arrivals(state: Mapping[str, Any] | None) -> list[tuple[int, Version]]:
    events = (section(state, "history")[0] or {}).get("events") or []
    return [
        (int(event["ms"]), (str(event["name"]), str(event["arch"]), str(event["to"])))
        for event in events
        if event.get("action") in ("install", "upgrade", "downgrade")
        and event.get("to")
        and isinstance(event.get("ms"), int)
    ]


def _first_on(hosts: Mapping[str, Mapping[str, Any] | None]) -> dict[tuple[str, Version], int]:
    """When a version first ran on any of the hosts; 0 is 'before the log begins'."""
    first: dict[tuple[str, Version], int] = {}
    for state in hosts.values():
        release = _release(state)
        came: dict[Version, int] = {}
        for event in (section(state, "history")[0] or {}).get("events") or []:
            name, arch = str(event.get("name")), str(event.get("arch"))
            if event.get("from") and isinstance(event.get("ms"), int):
                came.setdefault((name, arch, str(event["from"])), 0)
            if event.get("to") and isinstance(event.get("ms"), int):
                version = (name, arch, str(event["to"]))
                came[version] = min(event["ms"], came.get(version, event["ms"]))
        for item in section(state, "packages")[0] or []:
            came.setdefault((str(item["name"]), str(item["arch"]), str(item["version"])), 0)
        for version, ms in came.items():
            first[release, version] = min(ms, first.get((release, version), ms))
    return first


def _gaps(group: str, hosts: Mapping[str, Mapping[str, Any] | None], since_ms: int) -> list[dict[str, Any]]:
    gaps: list[dict[str, Any]] = []
    for host in sorted(hosts):
        history, why = section(hosts[host], "history")
        begins = (history or {}).get("complete_from_ms")
        if history is None:
            gaps.append({"host": host, "group": group, "from_ms": None, "why": str(why)})
        elif begins is None or begins > since_ms or history.get("missing"):
            said = plain(history.get("missing") or "its package logs do not reach back that far")
            gaps.append({"host": host, "group": group, "from_ms": begins, "why": said})
    return gaps
