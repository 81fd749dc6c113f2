# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Patch types: what an update is for, and how that is known. Candidates and plan lines are in their plain form here.

Where a platform has advisories they say it; on Debian and its kin the archive that an update comes from does (the
security archive, or another one: then it is unclassified). Where neither is there an update is unclassified too, and
its basis says that nothing could be asked.
"""

from typing import Any, Iterable, List, Mapping, Optional

TYPES = ("security", "bugfix", "enhancement", "unclassified")  # the strongest first
SEVERITIES = ("critical", "important", "moderate", "low")
BASES = ("advisories", "origin", "none")

Candidate = Mapping[str, Any]


def basis_of(candidate: Candidate) -> str:
    """How the type of a candidate is known: one of BASES."""
    if candidate.get("advisories") is not None:
        return "advisories"
    return "none" if candidate.get("security") is None else "origin"


def type_of(group: Iterable[Candidate]) -> str:
    """The type of candidates that go together: the strongest of all that is said of them."""
    group = list(group)
    said = {str(advisory["type"]) for item in group for advisory in item.get("advisories") or ()}
    said.update("security" for item in group if item.get("security"))
    return strongest(said)


def strongest(kinds: Iterable[str]) -> str:
    """The strongest of several types; unclassified when there is none."""
    known = set(kinds)
    return next((kind for kind in TYPES if kind in known), "unclassified")


def ids_of(candidate: Candidate) -> List[str]:
    """The ids of a candidate's advisories, sorted."""
    return sorted({str(advisory["id"]) for advisory in candidate.get("advisories") or ()})


def joined(left: Candidate, right: Candidate) -> Optional[List[Any]]:
    """The advisories of two candidates for one version, which differ where the hosts start from different ones."""
    lists = [item["advisories"] for item in (left, right) if item.get("advisories") is not None]
    by_id = {advisory["id"]: advisory for advisories in lists for advisory in advisories}
    return [by_id[key] for key in sorted(by_id)] if lists else None


def oldest_issue_ms(candidate: Candidate) -> Optional[int]:
    """When the oldest dated advisory between the installed version and the candidate was issued, UTC ms."""
    dates = [advisory["issued_ms"] for advisory in candidate.get("advisories") or ()]
    known = [ms for ms in dates if ms is not None]
    return min(known) if known else None


def line_type(line: Candidate) -> str:
    """The type of a plan's line, also of a plan from before there were types; empty for a removal."""
    if line.get("action") == "remove":
        return ""
    return str(line.get("type") or ("security" if line.get("security") else "unclassified"))
