# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Standards: what hosts of a group should be, how far each is from it, and the fewest changes to one version. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.state import is_unknown, why_unknown
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy import control_rules, ranges
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.software import Item

DAY_MS = 86_400_000


class Deviation(NamedTuple):
    """One thing in which a host is not as its standard says. unknown: nobody could tell whether it is."""

    host: str
    standard: str
    what: str
    """`os`, `kernel`, `package`, `repository` or `control`."""
    name: str
    has: str
    wants: str
    unknown: bool


class Change(NamedTuple):
    """One step to one common version: these hosts take a version that another host of the group has already."""

    standard: str
    release: str
    name: str
    arch: str
    version: str
    hosts: tuple[str, ...]
    """The hosts that have another version; the others need no change."""
    of: int
    """How many hosts of the group and release have the package."""
    has: tuple[str, ...]
    """The versions that would go."""
    unused: int
    """On how many of those hosts nothing uses it."""


class Ending(NamedTuple):
    """A release or package whose support ends, or has ended."""

    what: str
    name: str
    ends: str
    days: int
    """Until then; below 0 after it."""
    stage: str
    source: str
    hosts: tuple[str, ...]


@dataclass(frozen=True)
class Standard:
    """What one group of hosts should be. Empty parts ask for nothing."""

    name: str
    pattern: str
    os: tuple[str, ...] = ()
    """Ids with a version or a glob: `debian 12`, `rhel 9*`."""
    kernel: str = ""
    required: tuple[tuple[str, str], ...] = ()
    """(package, range or empty)"""
    forbidden: tuple[tuple[str, str], ...] = ()
    repositories: tuple[dict[str, str], ...] = ()
    """Every repository of a host fits one of them, `{origin, label, codename, component}` with globs."""
    controls: tuple[tuple[str, Any], ...] = ()


def deviations(
    standard: Standard, host: str, state: Mapping[str, Any] | None, items: Iterable[Item]
) -> list[Deviation]:
    """How far a host is from its standard. `state` is `{meta, sections}` or None where nothing is known."""

    def off(what: str, name: str, has: str, wants: str, unknown: bool = False) -> Deviation:
        return Deviation(host, standard.name, what, name, has, wants, unknown)

    sections = (state or {}).get("sections") or {}
    if not sections or not isinstance(sections.get("packages"), list):
        return [off("host", host, "never looked at" if not sections else "its packages are unknown", "a look", True)]
    found = []
    system = sections.get("os") or {}
    release = f"{system.get('id', '')} {system.get('version', '')}".strip()
    if standard.os and not any(fnmatchcase(release, wanted) for wanted in standard.os):
        found.append(off("os", "release", release or "unknown", " or ".join(standard.os), not release))
    found += _kernel(standard, sections, off)
    found += _packages(standard, list(items), off)
    found += _repositories(standard, sections, off)
    for name, wanted in standard.controls:
        told = control_rules.judge(name, wanted, sections.get("controls"))
        if told is not None:
            found.append(off("control", name, told.has, told.wants, told.unknown))
    return found


def _kernel(standard: Standard, sections: Mapping[str, Any], off: Any) -> list[Deviation]:
    boot = sections.get("boot") or {}
    if not standard.kernel or boot.get("kernel") == "not_applicable":
        return []
    running = boot.get("kernel_running")
    if not running:
        return [off("kernel", "running", why_unknown(boot) if is_unknown(boot) else "unknown", standard.kernel, True)]
    line = standard.kernel
    return (
        []
        if running == line or running.startswith((line + ".", line + "-"))
        else [off("kernel", "running", running, line)]
    )


def _packages(standard: Standard, items: list[Item], off: Any) -> list[Deviation]:
    found = []
    for glob, wanted in standard.required:
        there = [item for item in items if fnmatchcase(item.name, glob)]
        if not there:
            found.append(off("package", glob, "not installed", wanted or "installed"))
        if wanted:
            allowed = ranges.parse(wanted)
            found += [
                off("package", item.name, item.version, wanted)
                for item in there
                if not allowed.holds(item.version, ranges.scheme(item.kind))
            ]
    for glob, wanted in standard.forbidden:
        banned = ranges.parse(wanted) if wanted else None
        for item in items:
            fits = banned is None or banned.holds(item.version, ranges.scheme(item.kind))
            if fits and fnmatchcase(item.name, glob):
                found.append(off("package", item.name, item.version, f"not {wanted}" if wanted else "not installed"))
    return found


def _repositories(standard: Standard, sections: Mapping[str, Any], off: Any) -> list[Deviation]:
    if not standard.repositories:
        return []
    rows = sections.get("indexes")
    allowed = "one of " + ", ".join(_shown(entry) for entry in standard.repositories)
    if not isinstance(rows, list):
        why = why_unknown(dict(rows)) if rows and is_unknown(rows) else "not read"
        return [off("repository", "all", why, allowed, True)]
    found = {}
    for row in rows:
        if not any(
            all(fnmatchcase(str(row.get(key, "")), glob) for key, glob in entry.items())
            for entry in standard.repositories
        ):
            name = _shown({key: row.get(key, "") for key in ("origin", "label", "codename", "component")})
            found[name] = off("repository", name, "in use", allowed)
    return [found[name] for name in sorted(found)]


def _shown(entry: Mapping[str, Any]) -> str:
    return "/".join(str(value) for value in entry.values() if value) or "without a name"


def changes(standard: Standard, items: Iterable[Item]) -> list[Change]:
    """The shortest way to one version of every package among the hosts of a group, release by release.

    No host is downgraded: the common version is the newest that any of them has and the standard allows, and the list
    has only the hosts that are below it. Packages whose versions cannot be compared are left out.
    """
    groups: dict[tuple[str, str, str, str], list[Item]] = {}
    for item in items:
        if item.kind in ranges.versions.SCHEMES:
            groups.setdefault((item.release, item.name, item.arch, item.kind), []).append(item)
    found = []
    for (release, name, arch, kind), members in sorted(groups.items()):
        versions = {item.version for item in members}
        if len(versions) < 2 or not all(ranges.valid(version, kind) for version in versions):
            continue
        rules = [ranges.parse(wanted) for glob, wanted in standard.required if wanted and fnmatchcase(name, glob)]
        fitting = [version for version in versions if all(rule.holds(version, kind) for rule in rules)]
        if not fitting:
            continue
        target = max((ranges.order(version, kind), version) for version in fitting)[1]
        # two kernels side by side are one host that has the newest already
        best: dict[str, Item] = {}
        for item in members:
            kept = best.get(item.host)
            if kept is None or ranges.order(item.version, kind) > ranges.order(kept.version, kind):
                best[item.host] = item
        below = [item for item in best.values() if ranges.order(item.version, kind) < ranges.order(target, kind)]
        if below:
            hosts = tuple(sorted(item.host for item in below))
            has = tuple(sorted({item.version for item in below}))
            unused = sum(1 for item in below if item.in_use == "no")
            found.append(Change(standard.name, release, name, arch, target, hosts, len(best), has, unused))
    return sorted(found, key=lambda change: (-len(change.hosts), change.name, change.release, change.arch))


def endings(
    data: Mapping[str, Any], releases: Mapping[str, str], items: Iterable[Item], now_ms: int, ahead_days: int
) -> list[Ending]:
    """Releases and packages whose support has ended or ends within `ahead_days`, soonest first.

    `data` is the file of end-of-life dates; `releases` host -> `debian 12`. A release in no row is not listed: nobody
    knows its date.
    """
    today = now_ms // DAY_MS
    found = []
    for row in data.get("releases", ()):
        hosts = tuple(sorted(host for host, release in releases.items() if fnmatchcase(release, row["release"])))
        found += _ends("release", row["release"], row, hosts, today, ahead_days)
    by_glob: dict[str, set[str]] = {}
    rows = list(data.get("packages", ()))
    if rows:
        for item in items:
            for row in rows:
                if fnmatchcase(item.name, row["package"]):
                    wanted = row.get("version")
                    if not wanted or ranges.parse(wanted).holds(item.version, ranges.scheme(item.kind)):
                        by_glob.setdefault(row["package"], set()).add(item.host)
    for row in rows:
        found += _ends(
            "package", row["package"], row, tuple(sorted(by_glob.get(row["package"], ()))), today, ahead_days
        )
    return sorted(found, key=lambda each: (each.days, each.what, each.name, each.stage))


def _ends(
    what: str, name: str, row: Mapping[str, Any], hosts: tuple[str, ...], today: int, ahead_days: int
) -> list[Ending]:
    found = []
    for stage, key in (("support", "ends"), ("long-term support", "lts_ends")):
        if hosts and row.get(key):
            ends = date.fromisoformat(str(row[key]))
            days = (ends - date(1970, 1, 1)).days - today
            if days <= ahead_days:
                found.append(Ending(what, name, ends.isoformat(), days, stage, str(row.get("source", "")), hosts))
    return found
