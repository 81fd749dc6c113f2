# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""OSV records (https://ossf.github.io/osv-schema/) of distributions: one JSON object an advisory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds import ecosystems
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.dates import milliseconds
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.records import (
    CVE,
    Advisory,
    Record,
    Rejected,
    Row,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.versions import order, valid
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import UNKNOWN

_PREFIXED_CVE = re.compile(r"[A-Z]+-(CVE-[0-9]{4}-[0-9]{4,19})\Z")
_SEVERITY = re.compile(r"(Critical|Important|Moderate|Low)\s*:\s*", re.IGNORECASE)
_MODULE = re.compile(r"(?<![\w:-])([A-Za-z0-9][\w.+-]*:[A-Za-z0-9][\w.+-]*)(?=[ /,]|$)", re.ASCII)
_NO_SECURITY = re.compile(r"(?:AL|RL|RH|EL)(?:BA|EA)-|(?:SUSE|openSUSE)-[RFO]U-")
_SHORT = 300


def looks_like(document: Any) -> bool:
    return isinstance(document, Mapping) and "id" in document and ("affected" in document or "modified" in document)


def read(document: Mapping[str, Any], where: str) -> Iterator[Record]:
    """The Advisory of one record, after a Rejected for each thing in it that cannot be used. where: file and member."""
    name = document.get("id")
    if not isinstance(name, str) or not name or len(name) > 200:
        yield Rejected(where, "it has no id")
        return
    if document.get("withdrawn"):
        return
    ids = _ids(document, name)
    if not ids:
        return
    rows: list[Row] = []
    for entry in _list(document.get("affected")):
        for item in _rows(entry):
            if isinstance(item, Rejected):
                yield Rejected(f"{where}: {name}", item.why)
            else:
                rows.append(item)
    severity, summary = _severity(document)
    modules = {module for module in _MODULE.findall(summary) if module != name}
    links = [link.get("url") for link in _list(document.get("references")) if isinstance(link, Mapping)]
    yield Advisory(
        name,
        ids,
        milliseconds(document.get("published")),
        milliseconds(document.get("modified")),
        severity,
        summary[:_SHORT],
        tuple(link for link in links if isinstance(link, str) and link.startswith(("https://", "http://")))[:20],
        tuple(sorted(modules)),
        tuple(_one_fix_each(rows)),
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _ids(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """CVEs under `upstream` or `aliases`; only where there are none under `related`, which may also mean similar."""
    prefixed = _PREFIXED_CVE.match(name)
    if CVE.match(name) or prefixed:
        return (prefixed.group(1) if prefixed else name,)
    for keys in (("upstream", "aliases"), ("related",)):
        found = {item for key in keys for item in _list(document.get(key)) if isinstance(item, str) and CVE.match(item)}
        if found:
            return tuple(sorted(found))
    return () if _NO_SECURITY.match(name) else (name,)


def _severity(document: Mapping[str, Any]) -> tuple[str, str]:
    summary = document.get("summary")
    text = summary if isinstance(summary, str) else ""
    match = _SEVERITY.match(text)
    if match:
        return match.group(1).lower(), text[match.end() :]
    for place in ("database_specific", "ecosystem_specific"):
        words = document.get(place)
        word = words.get("severity") or words.get("urgency") if isinstance(words, Mapping) else None
        if isinstance(word, str) and len(word) <= 40:
            return word.lower(), text
    return "", text


def _rows(entry: Any) -> Iterator[Row | Rejected]:
    package = entry.get("package") if isinstance(entry, Mapping) else None
    names = (package.get("ecosystem"), package.get("name")) if isinstance(package, Mapping) else (None, None)
    if not all(isinstance(name, str) and 0 < len(name) <= 300 for name in names):
        yield Rejected("", "an affected package has no name or ecosystem")
        return
    ecosystem, name = ecosystems.folded(str(names[0])), str(names[1])
    scheme = ecosystems.scheme_of_rows(ecosystem)
    ranges = [
        each for each in _list(entry.get("ranges")) if isinstance(each, Mapping) and each.get("type") == "ECOSYSTEM"
    ]
    for each in ranges:
        yield from _intervals(ecosystem, name, scheme, _list(each.get("events")))
    if not ranges:
        for version in _list(entry.get("versions")):
            if isinstance(version, str) and valid(version, scheme):
                yield Row(ecosystem, name, version, None, version, "", "")


def _intervals(ecosystem: str, name: str, scheme: str, events: list[Any]) -> Iterator[Row | Rejected]:
    start: str | None = None
    pairs = [list(event.items())[0] for event in events if isinstance(event, Mapping) and event]  # noqa: RUF015
    for kind, version in pairs:
        usable = isinstance(version, str) and (valid(version, scheme) or (kind == "introduced" and version == "0"))
        if kind in ("introduced", "fixed", "last_affected") and not usable:
            shown = repr(version)[:80]
            yield Rejected("", f"the {kind} version of {name} in {ecosystem} is impossible: {shown}")
            yield Row(
                ecosystem, name, "0", None, None, UNKNOWN, f"the feed gives an impossible {kind} version: {shown}"
            )
            return
        if kind == "introduced":
            if start is not None:
                yield Row(ecosystem, name, start, None, None, "", "")
            start = version
        elif kind == "fixed":
            yield Row(ecosystem, name, start or "0", version, None, "", "")
            start = None
        elif kind == "last_affected":
            yield Row(ecosystem, name, start or "0", None, version, "", "")
            start = None
    if start is not None:
        yield Row(ecosystem, name, start, None, None, "", "")


def _one_fix_each(rows: list[Row]) -> Iterator[Row]:
    """One advisory lists a fix again for each of its rebuilds (a module a minor release): the lowest one has it."""
    lowest: dict[tuple[str, str], Row] = {}
    for row in rows:
        if row.introduced != "0" or row.fixed is None or row.state:
            yield row
            continue
        key = (row.ecosystem, row.package)
        scheme = ecosystems.scheme_of_rows(row.ecosystem)
        known = lowest.get(key)
        if known is None or order(row.fixed, scheme) < order(str(known.fixed), scheme):
            lowest[key] = row
    yield from lowest.values()
