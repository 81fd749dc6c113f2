# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""CISA's catalogue of known exploited vulnerabilities (JSON)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.dates import milliseconds
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.records import (
    CVE,
    About,
    Exploited,
    Record,
    Rejected,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import Kev

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")


def looks_like(document: Any) -> bool:
    return isinstance(document, Mapping) and isinstance(document.get("vulnerabilities"), list) and "count" in document


def read(document: Mapping[str, Any], where: str) -> Iterator[Record]:
    """An Exploited for each entry. where: the file."""
    released = milliseconds(document.get("dateReleased"))
    if released is not None:
        yield About(released)
    for number, entry in enumerate(document["vulnerabilities"], start=1):
        cve = entry.get("cveID") if isinstance(entry, Mapping) else None
        if not isinstance(cve, str) or not CVE.match(cve):
            yield Rejected(f"{where}: entry {number}", "it has no cveID")
            continue
        added, due = (_text(entry, key) for key in ("dateAdded", "dueDate"))
        if not _DATE.match(added):
            yield Rejected(f"{where}: entry {number} ({cve})", f"its dateAdded is no date: {added[:40]!r}")
            added = ""
        known = _text(entry, "knownRansomwareCampaignUse").lower() == "known"
        yield Exploited(
            cve,
            Kev(
                added,
                due if _DATE.match(due) else "",
                "known" if known else "unknown",
                _text(entry, "vulnerabilityName")[:300],
                _text(entry, "requiredAction")[:2000],
            ),
        )


def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    return value if isinstance(value, str) else ""
