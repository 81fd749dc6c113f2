# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The exceptions file: risks that somebody accepts, defers, has mitigated or found not to be there. Pure: the text is
an argument.

Every exception has an owner, a reason and an expiry. An expired one is no exception: its findings count as open, and
the end is announced ahead. docs/exceptions.schema.json is the schema for editors; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, datetime, timedelta, timezone
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.complaints import path_text
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.document import read
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.load import check
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import PolicyError, Problem
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.model import Match, Unit

KINDS = ("accept", "defer", "false_positive", "mitigated")
JUSTIFICATIONS = (
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
)
"""VEX' own words for why a product is not affected."""
DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
CVE = r"^(CVE-[0-9]{4}-[0-9]{4,}|[A-Z]+-[A-Za-z0-9:._-]+)$"
_LONGEST_DAYS = 3660
_TEXT = {"type": "string", "minLength": 1, "maxLength": 2000}
_GLOBS = {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": r"^[^\s]+$"}}
EXCEPTION = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id", "kind", "owner", "reason", "expires"],
    "properties": {
        "id": {"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"},
        "kind": {"enum": list(KINDS)},
        "cves": {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": CVE}},
        "packages": _GLOBS,
        "hosts": {"type": "string", "minLength": 1},
        "owner": _TEXT,
        "reason": _TEXT,
        "ticket": _TEXT,
        "justification": {"enum": list(JUSTIFICATIONS)},
        "since": {"type": "string", "pattern": DATE},
        "expires": {"type": "string", "pattern": DATE},
    },
}
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://lockstep.github.io/patching/exceptions.schema.json",
    "title": "Lockstep exceptions",
    "type": "object",
    "additionalProperties": False,
    "required": ["exceptions"],
    "properties": {"version": {"const": 1}, "exceptions": {"type": "array", "items": EXCEPTION}},
}


class Waiver(NamedTuple):
    """One exception. Empty `cves` and `packages` mean any; `pattern` None means every host."""

    id: str
    kind: str
    cves: tuple[str, ...]
    packages: tuple[str, ...]
    pattern: str | None
    owner: str
    reason: str
    ticket: str
    justification: str
    since_ms: int
    until_ms: int
    """The end of its last day, UTC."""
    line: int

    def holds(self, now_ms: int) -> bool:
        return self.since_ms <= now_ms < self.until_ms

    def covers(self, unit: Unit, vuln: str) -> bool:
        names = (unit.source, *unit.packages)
        return (not self.cves or vuln in self.cves) and (
            not self.packages or any(fnmatchcase(name, glob) for glob in self.packages for name in names)
        )


def read_exceptions(text: str, name: str) -> tuple[Waiver, ...]:
    """Read an exceptions file; PolicyError with every mistake, by file and line."""
    document = read(text)
    found = [(spot.line, spot.path, spot.message) for spot in document.problems]
    if document.data is None and not found:
        return ()
    if document.data is not None:
        found += [(document.line(path), path, message) for path, message in check(document.data, SCHEMA)]
    waivers: list[Waiver] = []
    if not found:
        first: dict[str, int] = {}
        for at, item in enumerate(document.data["exceptions"]):
            place = ("exceptions", at)
            line = document.line(place)
            found += [(document.line((*place, *path)), (*place, *path), why) for path, why in _sense(item)]
            if item["id"] in first:
                found.append((line, (*place, "id"), f"'{item['id']}' is also the id in line {first[item['id']]}"))
            first.setdefault(item["id"], line)
            if not found:
                waivers.append(_waiver(item, line))
    if found:
        raise PolicyError([Problem(f"{name}:{line}", path_text(path), message) for line, path, message in found])
    return tuple(waivers)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _sense(item: Mapping[str, Any]) -> list[tuple[tuple[str, ...], str]]:
    """What a schema cannot say of one exception."""
    found: list[tuple[tuple[str, ...], str]] = []
    days = {key: _day(item[key]) for key in ("since", "expires") if key in item}
    found += [((key,), f"'{item[key]}' is no date of the calendar") for key, day in days.items() if day is None]
    since, until = days.get("since"), days.get("expires")
    if since and until and until < since:
        found.append((("expires",), f"it ends ({item['expires']}) before it begins ({item['since']})"))
    if since and until and until - since > timedelta(days=_LONGEST_DAYS):
        found.append((("expires",), "an exception of over ten years is no exception; choose an earlier end"))
    if "cves" not in item and "packages" not in item:
        found.append(((), "name 'cves', 'packages' or both: an exception for everything is none"))
    if "justification" in item and item["kind"] not in ("false_positive", "mitigated"):
        found.append((("justification",), f"only false_positive and mitigated have one; this is '{item['kind']}'"))
    return found


def _start_ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=timezone.utc).timestamp() * 1000)


def _waiver(item: Mapping[str, Any], line: int) -> Waiver:
    until = date.fromisoformat(item["expires"])
    return Waiver(
        item["id"],
        item["kind"],
        tuple(sorted(item.get("cves", ()))),
        tuple(item.get("packages", ())),
        item.get("hosts"),
        item["owner"],
        item["reason"],
        item.get("ticket", ""),
        item.get("justification", ""),
        _start_ms(date.fromisoformat(item["since"])) if "since" in item else 0,
        _start_ms(until) + 86_400_000,
        line,
    )


def for_host(
    waivers: Iterable[Waiver], host: str, matches: Mapping[str, Collection[str]], now_ms: int
) -> tuple[Waiver, ...]:
    """Those that hold now and whose scope has the host; `matches`: hosts of each pattern."""
    return tuple(
        waiver
        for waiver in waivers
        if waiver.holds(now_ms) and (waiver.pattern is None or host in matches.get(waiver.pattern, ()))
    )


def excuse_of(waivers: tuple[Waiver, ...], now_ms: int) -> Callable[[Unit, Match], str | None]:
    """The id of the exception that covers a match; of several the one that ends last."""
    holding = [waiver for waiver in waivers if waiver.holds(now_ms)]

    def excuse(unit: Unit, match: Match) -> str | None:
        if not holding:
            return None
        fitting = [waiver for waiver in holding if waiver.covers(unit, match.vuln)]
        return max(fitting, key=lambda waiver: (waiver.until_ms, waiver.id)).id if fitting else None

    return excuse


def standing(waivers: Iterable[Waiver], now_ms: int, warn_ms: int) -> dict[str, str]:
    """{id: `holds`, `ends_soon`, `expired` or `not_yet`}."""
    found = {}
    for waiver in waivers:
        if now_ms >= waiver.until_ms:
            found[waiver.id] = "expired"
        elif now_ms < waiver.since_ms:
            found[waiver.id] = "not_yet"
        else:
            found[waiver.id] = "ends_soon" if waiver.until_ms - now_ms <= warn_ms else "holds"
    return found
