# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Debian security tracker's JSON: source package -> CVE -> release -> state.

It also knows what has no advisory: open, no-dsa, postponed, undetermined, end-of-life and not-affected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.ecosystems import DEBIAN_RELEASES
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.records import (
    CVE,
    Advisory,
    Record,
    Rejected,
    Row,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.versions import DEB, valid
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import NOT_AFFECTED, UNKNOWN

_URL = "https://security-tracker.debian.org/tracker/"
_STATUSES = ("resolved", "open", "undetermined")


def looks_like(document: Any) -> bool:
    """document: the first package's entry."""
    if not isinstance(document, Mapping) or not document:
        return False
    return all(isinstance(each, Mapping) and "releases" in each for each in document.values())


def read(package: str, entries: Any, where: str) -> Iterator[Record]:
    """An Advisory for each CVE of a source package. where: the file."""
    if not isinstance(entries, Mapping):
        yield Rejected(f"{where}: {package[:100]}", "it is no list of vulnerabilities")
        return
    for name, entry in entries.items():
        if not isinstance(entry, Mapping) or not isinstance(entry.get("releases"), Mapping):
            yield Rejected(f"{where}: {package[:100]}: {name[:40]}", "it has no releases")
            continue
        rows = []
        for codename, state in entry["releases"].items():
            found = _row(package, codename, state if isinstance(state, Mapping) else {})
            if isinstance(found, Rejected):
                yield Rejected(f"{where}: {package[:100]}: {name[:40]}: {codename[:40]}", found.why)
                found = Row(_ecosystem(codename), package, "0", None, None, UNKNOWN, found.why)
            rows.append(found)
        words = entry.get("description")
        summary = words[:300] if isinstance(words, str) else ""
        ids = (name,) if CVE.match(name) else ()
        # TEMP-… names are the tracker's own, of what has no CVE yet
        yield Advisory(name, ids or (name,), None, None, "", summary, (_URL + name,), (), tuple(rows))


def _ecosystem(codename: str) -> str:
    return f"Debian:{DEBIAN_RELEASES.get(codename, codename)}"


def _row(package: str, codename: str, state: Mapping[str, Any]) -> Row | Rejected:
    status, urgency, fixed = state.get("status"), state.get("urgency"), state.get("fixed_version")
    ecosystem = _ecosystem(codename)
    if status not in _STATUSES:
        return Rejected("", f"its status is none of {', '.join(_STATUSES)}: {str(status)[:40]!r}")
    if status == "undetermined":
        return Row(
            ecosystem, package, "0", None, None, UNKNOWN, "the tracker has not determined whether it is affected"
        )
    if urgency == "end-of-life":
        return Row(ecosystem, package, "0", None, None, UNKNOWN, "end of life: this package has no security support")
    if status == "open":
        return Row(ecosystem, package, "0", None, None, "", _note(state, urgency))
    if fixed == "0":
        return Row(ecosystem, package, "0", None, None, NOT_AFFECTED, "the tracker says so")
    if not isinstance(fixed, str) or not valid(fixed, DEB):
        return Rejected("", f"its fixed version is impossible: {str(fixed)[:80]!r}")
    return Row(ecosystem, package, "0", fixed, None, "", "")


def _note(state: Mapping[str, Any], urgency: Any) -> str:
    words = []
    if urgency == "unimportant":
        words.append("unimportant: no security impact in Debian")
    reason, kind = state.get("nodsa"), state.get("nodsa_reason")
    if isinstance(reason, str):
        label = {"postponed": "postponed", "ignored": "will not be fixed"}.get(str(kind), "no advisory planned")
        words.append(f"{label}: {reason[:200]}" if reason else label)
    return "; ".join(words)
