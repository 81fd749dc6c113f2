# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one look at a host found, as plain values. docs/architecture.md, *Host state*, has the sections' shapes."""

from typing import Any, Dict, List, NamedTuple, Optional

SCHEMA = 1
SECTIONS = (
    "os",
    "boot",
    "manager",
    "packages",
    "candidates",
    "holds",
    "indexes",
    "reboot",
    "services",
    "health",
    "checks",
    "space",
    "history",
    "platform",
)
# Sections that are read only when they are asked for; those that a look leaves out stay as the last one found them.
PARTS = (
    "network",
    "hardware",
    "use",
    "controls",
    "snaps",
    "flatpaks",
    "containers",
    "languages",
    "declared",
)


class Unknown(Exception):
    """Something that could not be found out: never read as fine, none or 0.

    what: the section or question; why: what happened; next: what a person does about it.
    """

    def __init__(self, what: str, why: str, next_step: str) -> None:
        super(Unknown, self).__init__("{0} is unknown: {1}".format(what, why))
        self.what = what
        self.why = why
        self.next = next_step


class Package(NamedTuple):
    """An installed package. status is ``installed`` or what is wrong (``half-configured``, …); vendor: who made it, as
    the package says."""

    name: str
    arch: str
    version: str
    source: str
    source_version: str
    auto: bool
    status: str
    vendor: str = ""


class Origin(NamedTuple):
    """Where a version is offered, without a URL: two mirrors of one archive are equal."""

    origin: str
    label: str
    suite: str
    codename: str
    component: str


class Advisory(NamedTuple):
    """A vendor's notice that names a candidate, or a version between the installed one and it.

    type: security, bugfix, enhancement or unclassified; severity: critical, important, moderate, low or None; cves:
    sorted; issued_ms: None when it is not dated.
    """

    id: str
    type: str
    severity: Optional[str]
    cves: List[str]
    issued_ms: Optional[int]


class Candidate(NamedTuple):
    """What the package manager's own simulated full upgrade would do, or keeps back (kept_back is then the reason).

    action: upgrade, install or remove. installed is None for a new package; version, size (bytes), sha256 and
    filename are None for a removal or where the index does not give them. security is None where nothing
    says whether it is for security (Reader.advisory_gap() says why), False for a removal. phased: percent or None.
    age_ms: None when nothing dates the version. advisories: sorted by id, empty where the platform has advisory data
    and none of it names the candidate; None where there is no advisory data.
    """

    name: str
    arch: str
    action: str
    installed: Optional[str]
    version: Optional[str]
    source: str
    source_version: str
    origins: List[Origin]
    security: Optional[bool]
    size: Optional[int]
    sha256: Optional[str]
    filename: Optional[str]
    phased: Optional[int]
    kept_back: Optional[str]
    age_ms: Optional[int]
    advisories: Optional[List[Advisory]] = None


class Hold(NamedTuple):
    """A package that is kept from its newest version. kind: hold, pin or exclude; where: the file and line, or tool."""

    name: str
    arch: str
    kind: str
    reason: str
    where: str


class Index(NamedTuple):
    """One component of a repository's index. state: ok, stale, expired, unsigned, unreachable or missing."""

    origin: str
    label: str
    suite: str
    codename: str
    component: str
    keys: List[str]
    signed: bool
    dated_ms: Optional[int]
    valid_until_ms: Optional[int]
    fetched_ms: Optional[int]
    state: str
    problem: Optional[str]


def plain(value: Any) -> Any:
    """Return value with every NamedTuple in it (however deep) as a dict and every other tuple as a list."""
    if isinstance(value, tuple):
        named = getattr(value, "_asdict", None)
        if named:
            return plain(dict(named()))
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def is_unknown(section: Any) -> bool:
    """Say whether a section (its plain form) is the note that it could not be read."""
    return isinstance(section, dict) and set(section) == {"unknown"}


def why_unknown(section: Dict[str, Any]) -> str:
    """Return the reason that an unknown section gives."""
    return str(section["unknown"])
