# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lines of a plan as hosts get them, and what a transaction reports back."""

from typing import Any, Dict, List, NamedTuple, Optional, Set, Tuple

OUTCOMES = ("done", "failed", "refused", "unknown")


class Line(NamedTuple):
    """One package step of a plan. docs/architecture.md, *Plan*, has the meaning.

    from_versions is the key ``from`` of the document: the installed versions that the step replaces (empty: a new
    package). version is None for a removal. type: what the step is for; type_from: how that is known (advisories,
    origin or none); advisories: their ids.
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
    security: Optional[bool]
    phased: Optional[int]
    size: Optional[int]
    sha256: Optional[str]
    type: str = "unclassified"
    type_from: str = "none"
    advisories: List[str] = []


def line_from(document: Dict[str, Any]) -> Line:
    """Return the Line of a plan's JSON object; raise ValueError that names a key that is missing or too many."""
    given = dict(document)
    given["from_versions"] = given.pop("from", None)
    # plans that were made before there were patch types do not say them
    problems = sorted((set(given) ^ set(Line._fields)) - (set(Line._field_defaults) - set(given)))
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


Key = Tuple[str, str]  # name, architecture


class Installed(NamedTuple):
    """A package that is on the host. Of a package that may be there in several versions at once, it is the newest.

    held: kept as it is by the admin; state: ``installed``, or what an interrupted change has made of it; size: KiB;
    relations: names that it needs or conflicts with.
    """

    version: str
    held: bool
    state: str
    size: int
    relations: Set[str]


class Offered(NamedTuple):
    """What a staged package file says of itself. size: KiB when installed; relations: as of Installed."""

    name: str
    arch: str
    version: str
    size: int
    relations: Set[str]


class Snapshot(NamedTuple):
    """The host's packages at one moment.

    auto: installed because others need them; trouble: what an interrupted change has left, ``name:arch state`` or in
    words; native: the host's architecture, neutral: the word for none in particular (``all``, ``noarch``, ``any``).
    """

    installed: Dict[Key, Installed]
    auto: Set[Key]
    trouble: List[str]
    native: str
    neutral: str

    @property
    def holds(self):
        """The packages that the admin keeps as they are."""
        return {key for key, each in self.installed.items() if each.held}

    def find(self, name: str, arch: str) -> Optional[Key]:
        """The key under which a package is there; it may go from no architecture to the host's own and back."""
        return find(self.installed, name, arch, self.native, self.neutral)


def find(installed: Any, name: str, arch: str, native: str, neutral: str) -> Optional[Key]:
    """As Snapshot.find, for anything that can be asked whether it holds a key."""
    others = {neutral: native, native: neutral}
    return next((key for key in ((name, arch), (name, others.get(arch, arch))) if key in installed), None)


class Pin(NamedTuple):
    """A package whose choice the host's own settings change. takes: the version that they let through, or None."""

    reason: str
    takes: Optional[str]


class Failure(NamedTuple):
    """A package that could not be processed.

    script: the package's script that failed, or None when none did; status: its exit status as text; lines: the last
    of what came before, and the package manager's own message.
    """

    package: str
    script: Optional[str]
    status: Optional[str]
    lines: List[str]


class Said(NamedTuple):
    """What the output of a run tells. errors: the package manager's own error lines."""

    failures: List[Failure]
    errors: List[str]
    out_of_space: bool


class Outcome(NamedTuple):
    """The end of a transaction. outcome: one of OUTCOMES; steps: what really changed; detail: what happened, where and
    what to do next; notes: things to know that are no failure (a kept configuration file, …)."""

    outcome: str
    steps: List[Step]
    detail: str
    notes: List[str]
