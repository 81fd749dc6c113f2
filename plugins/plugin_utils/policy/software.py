# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Software of the fleet, from host states: what is installed where, in which version, in use or not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.state import is_unknown
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy import ranges, versions

YES, NO, UNKNOWN = "yes", "no", "unknown"


class Item(NamedTuple):
    """One piece of software on one host."""

    host: str
    kind: str
    """`deb`, `rpm`, … of packages, else `pip`, `npm`, `gem`, `snap`, `flatpak`, `image` or `declared`."""
    name: str
    version: str
    arch: str
    source: str
    vendor: str
    release: str
    """The host's OS and its version, `debian 12`: version numbers are compared within it."""
    in_use: str
    """`yes`, `no` or `unknown`."""
    exposed: str
    """`network`, `local`, `no` or `unknown`: the widest reach of a process that runs or maps it."""
    offered: str
    """The newer version that the host's package manager offers, empty where there is none or it is not known."""
    seen_ms: int
    imported: bool


class Query(NamedTuple):
    """What is asked for; None and empty ask for everything."""

    names: tuple[str, ...] = ()
    """Globs of the name or the source; case does not matter."""
    vendor: str = ""
    """Glob of the vendor or of an origin."""
    version: str = ""
    """A range such as `>=1.2, <2`, or a glob such as `1.2*`."""
    in_use: str = ""
    kinds: tuple[str, ...] = ()


def items_of(host: str, state: Mapping[str, Any]) -> list[Item]:
    """All software of one host. `state` is `{meta, sections}` of the ledger."""
    sections, meta = state["sections"], state["meta"]
    system = sections.get("os") or {}
    about = (f"{system.get('id') or 'unknown'} {system.get('version') or ''}".strip(), bool(meta.get("imported")))
    seen = meta["look_ms"] or 0
    parts = meta.get("parts_ms") or {}
    found = list(_packages(host, sections, about, seen))
    for row in _rows(sections, "languages"):
        found.append(_plain(host, row["kind"], row["name"], row["version"], "", about, parts.get("languages", seen)))
    for row in _rows(sections, "snaps"):
        in_use = NO if row.get("disabled") else UNKNOWN
        item = _plain(host, "snap", row["name"], row["version"], row["publisher"], about, parts.get("snaps", seen))
        found.append(item._replace(in_use=in_use))
    for row in _rows(sections, "flatpaks"):
        version = row["version"] or row["branch"]
        found.append(_plain(host, "flatpak", row["name"], version, row["origin"], about, parts.get("flatpaks", seen)))
    for row in _rows(sections, "declared"):
        item = _plain(host, "declared", row["name"], row["version"] or "", row["vendor"], about, 0)
        found.append(item._replace(seen_ms=parts.get("declared", seen)))
    found += _images(host, sections, about, parts.get("containers", seen))
    return found


def _packages(host: str, sections: Mapping[str, Any], about: tuple[str, bool], seen: int) -> Iterable[Item]:
    kind = versions.scheme_of(str((sections.get("manager") or {}).get("name", ""))) or "package"
    use = sections.get("use") or {}
    known = use.get("packages")
    silent = NO if known is not None and use.get("complete") else UNKNOWN
    offers = {(row["name"], row["arch"]): row for row in _rows(sections, "candidates") if row.get("version")}
    for row in _rows(sections, "packages"):
        used = (known or {}).get(row["name"])
        in_use = silent if used is None else YES if used["running"] or used["mapped"] else NO
        offer = offers.get((row["name"], row["arch"]))
        yield Item(
            host, kind, row["name"], row["version"], row["arch"], row["source"], row.get("vendor", ""), about[0],
            in_use, (silent if used is None else used.get("exposed", UNKNOWN)),
            offer["version"] if offer else "", seen, about[1],
        )  # fmt: skip


def _images(host: str, sections: Mapping[str, Any], about: tuple[str, bool], seen: int) -> list[Item]:
    found = []
    for engine in _rows(sections, "containers"):
        running = {row["image_id"] for row in engine["running"] or []} | {
            row["image"] for row in engine["running"] or []
        }
        for image in engine["images"] or []:
            for name in image["names"] or [image["id"][:12]]:
                repository, _colon, tag = name.rpartition(":") if ":" in name.rpartition("/")[2] else (name, "", "")
                item = _plain(host, "image", repository, tag or image["id"][:12], engine["engine"], about, seen)
                found.append(item._replace(in_use=YES if running & {name, image["id"]} else NO))
    return found


def _plain(host: str, kind: str, name: str, version: str, vendor: str, about: tuple[str, bool], seen: int) -> Item:
    release, imported = about
    return Item(host, kind, name, version, "", name, vendor, release, UNKNOWN, UNKNOWN, "", seen, imported)


def _rows(sections: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    rows = sections.get(name)
    return rows if isinstance(rows, list) and not is_unknown(rows) else []


def select(items: Iterable[Item], query: Query) -> list[Item]:
    """The items that a query asks for; ValueError for a version range that cannot be read."""
    wanted = ranges.parse(query.version) if query.version else None
    globs = [glob.lower() for glob in query.names]
    vendor = query.vendor.lower()
    found = []
    for item in items:
        if globs and not any(fnmatchcase(text.lower(), glob) for glob in globs for text in (item.name, item.source)):
            continue
        if query.kinds and item.kind not in query.kinds:
            continue
        if vendor and not fnmatchcase(item.vendor.lower(), vendor):
            continue
        if query.in_use and item.in_use != query.in_use:
            continue
        if wanted is not None and not wanted.holds(item.version, ranges.scheme(item.kind)):
            continue
        found.append(item)
    return found


def count(items: Iterable[Item]) -> list[dict[str, Any]]:
    """Installations by version: `[{kind, name, release, newest, hosts, in_use, versions: [{version, hosts, in_use,
    newest, names}]}]`, sorted by name; versions newest first. `newest` is the newest that any host of the release has
    or is offered; None where one of them cannot be compared."""
    groups: dict[tuple[str, str, str], list[Item]] = {}
    for item in items:
        groups.setdefault((item.name, item.kind, item.release), []).append(item)
    rows = []
    for (name, kind, release), members in sorted(groups.items()):
        scheme = ranges.scheme(kind)
        seen = {item.version for item in members} | {item.offered for item in members if item.offered}
        known = kind not in ("image", "declared") and all(ranges.valid(version, scheme) for version in seen)
        order = sorted(seen, key=partial(ranges.order, how=scheme) if known else str, reverse=True)
        newest = order[0] if known else None
        by_version: dict[str, list[Item]] = {}
        for item in members:
            by_version.setdefault(item.version, []).append(item)
        detail = [
            {
                "version": version,
                "hosts": len({item.host for item in by_version[version]}),
                "in_use": len({item.host for item in by_version[version] if item.in_use == YES}),
                "use_unknown": len({item.host for item in by_version[version] if item.in_use == UNKNOWN}),
                "newest": None if newest is None else version == newest,
                "names": sorted({item.host for item in by_version[version]}),
            }
            for version in order
            if version in by_version
        ]
        rows.append(
            {
                "kind": kind,
                "name": name,
                "release": release,
                "vendors": sorted({item.vendor for item in members if item.vendor}),
                "newest": newest,
                "hosts": len({item.host for item in members}),
                "in_use": len({item.host for item in members if item.in_use == YES}),
                "use_unknown": len({item.host for item in members if item.in_use == UNKNOWN}),
                "versions": detail,
            }
        )
    return rows
