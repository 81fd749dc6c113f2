# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lines of a plan as hosts get them, and what a transaction reports back."""

from typing import Any, Dict, List, NamedTuple, Optional

OUTCOMES = ("done", "failed", "refused", "unknown")


class Line(NamedTuple):
    """One package step of a plan. docs/architecture.md, *Plan*, has the meaning.

    from_versions is the key ``from`` of the document: the installed versions that the step replaces (empty: a new
    package). version is None for a removal.
    """

    platform: str
    package: str
    arch: str
    action: str
    from_versions: List[str]
    version: Optional[str]
    source: str
    source_version: str
    origin: str
    label: str
    codename: str
    component: str
    security: bool
    phased: Optional[int]
    size: Optional[int]
    sha256: Optional[str]


def line_from(document: Dict[str, Any]) -> Line:
    """Return the Line of a plan's JSON object; raise ValueError that names a key that is missing or too many."""
    given = dict(document)
    given["from_versions"] = given.pop("from", None)
    problems = sorted(set(given) ^ set(Line._fields))
    if problems or given["from_versions"] is None:
        names = ["from" if name == "from_versions" else name for name in problems] or ["from"]
        raise ValueError("plan line of {0!r}: missing or unknown {1}".format(document.get("package"), ", ".join(names)))
    return Line(**given)


def line_to(line: Line) -> Dict[str, Any]:
    """Return the plan's JSON object of a Line."""
    document = dict(line._asdict())
    document["from"] = document.pop("from_versions")
    return document


class Step(NamedTuple):
    """One change that a package manager says it would make or has made. action: upgrade, downgrade, install, reinstall
    or remove; installed is None for a new package, version None for a removal."""

    action: str
    name: str
    arch: str
    installed: Optional[str]
    version: Optional[str]


class Outcome(NamedTuple):
    """The end of a transaction. outcome: one of OUTCOMES; steps: what really changed; detail: what happened, where and
    what to do next; notes: things to know that are no failure (a kept configuration file, …)."""

    outcome: str
    steps: List[Step]
    detail: str
    notes: List[str]
