# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What risk decisions are made of, as typed values. Times and lengths are milliseconds. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.words import UNKNOWN


@dataclass(frozen=True)
class ControlRule:
    """A security control of a host that gives a class of vulnerabilities more time. It never closes one."""

    control: str
    by_ms: int
    attack_vector: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    """Globs of source or binary packages. What is empty asks for nothing; what is given must fit."""
    in_use: tuple[str, ...] = ()
    pattern: str | None = None
    """Hosts that have the control by the policy's own word; None: hosts that were found to have it."""


@dataclass(frozen=True)
class Risk:
    """The policy's key `risk`."""

    scheme: str = "cisa-bod-26-04"
    """A scheme that ships with Lockstep, or the path of a CSV file beside the policy."""
    counts_from: str | None = None
    unknown: tuple[tuple[str, str], ...] = ()
    """`((input, value), …)`: what an unknown input counts as, instead of what the scheme says."""
    exposure: tuple[tuple[str, str], ...] = ()
    criticality: tuple[tuple[str, str], ...] = ()
    human_impact: tuple[tuple[str, str], ...] = ()
    controls: tuple[ControlRule, ...] = ()
    warn_ms: int = 14 * 86_400_000
    """How long ahead deadlines and the end of exceptions are announced."""

    def patterns(self) -> tuple[str, ...]:
        return tuple(rule.pattern for rule in self.controls if rule.pattern)


@dataclass(frozen=True)
class Closes:
    """The policy's key `select.closes`: an update is taken if it closes a finding that meets one of these."""

    kev: bool = False
    decisions: tuple[str, ...] = ()
    due_within_ms: int | None = None
    severity: str | None = None
    """This rating or a worse one."""
    vulns: tuple[str, ...] = ()
    """In an emergency: these vulnerabilities, also where an exception covers them."""
    advisories: tuple[str, ...] = ()


class Profile(NamedTuple):
    """What of a host decides about its findings. Hosts with equal profiles share decisions."""

    exposure: str = UNKNOWN
    criticality: str = UNKNOWN
    human_impact: str = UNKNOWN
    controls: tuple[str, ...] = ()
    """Controls that the host has, sorted."""


class Facts(NamedTuple):
    """What feeds say of a vulnerability. None and `unknown` mean that no feed says it."""

    kev: str = UNKNOWN
    exploitation: str = UNKNOWN
    automatable: str = UNKNOWN
    technical_impact: str = UNKNOWN
    severity: str = UNKNOWN
    cvss: int | None = None
    """Tenths: 98 is 9.8."""
    vector: str = ""
    """The CVSS vector that the score is of."""
    epss: int | None = None
    """Hundred-thousandths: 18126 is 0.18126."""
    published_ms: int | None = None
    kev_added_ms: int | None = None
    kev_due_ms: int | None = None
    ransomware: str = UNKNOWN


class Match(NamedTuple):
    """What the matcher says of one vulnerability in one source package of one version."""

    vuln: str
    answer: str
    """One of vulnerability.STATUSES."""
    fixed: str | None = None
    """The version that closes it."""
    advisories: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    """The feeds that say so."""
    why: str = ""
    disagree: str = ""
    """On what the feeds differ: `status`, `fixed version`, or empty."""


@dataclass(frozen=True)
class Unit:
    """A package in one version, as matched against every feed; hosts share it. Where a feed names binary packages,
    several units have one source."""

    key: str
    ecosystem: str
    source: str
    version: str
    packages: tuple[str, ...] = ()
    matches: tuple[Match, ...] = ()


class Entry(NamedTuple):
    """An open finding as the ledger keeps it, inside the group of its package."""

    vuln: str
    opened_ms: int
    answer: str
    fixed: str | None
    row: int
    """Number of the scheme's row that decided."""
    due_ms: int | None
    """None: the scheme gives no deadline."""
    decided_ms: int
    """When this decision was first taken."""
    extended_ms: int = 0
    exception: str | None = None
    """Id of the exception that covers it now."""
    reopened: int = 0
    """How often it was closed before."""
    advisories: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    disagree: str = ""


class Closure(NamedTuple):
    """A finding that a look has shown to be gone."""

    source: str
    vuln: str
    why: str
    """`fixed`, `not affected`, `removed` (the package is gone), `withdrawn` (no feed says so any more) or `replaced`
    (another machine has the host's name)."""
    opened_ms: int
    due_ms: int | None
    version: str
    """What was installed when it closed; empty where nothing was."""
    fixed: str | None = None


@dataclass
class Group:
    """The open findings of one source package on hosts that share version, profile and use."""

    source: str
    version: str
    ecosystem: str
    packages: tuple[str, ...]
    profile: Profile
    in_use: str
    findings: tuple[Entry, ...] = field(default_factory=tuple)

    def content(self) -> dict[str, Any]:
        """As the ledger stores it: only what JSON writes, so that equal groups have one digest."""
        profile = {**self.profile._asdict(), "controls": list(self.profile.controls)}
        return {
            "source": self.source,
            "version": self.version,
            "ecosystem": self.ecosystem,
            "packages": list(self.packages),
            "profile": profile,
            "in_use": self.in_use,
            "findings": self.findings,
        }

    @classmethod
    def of(cls, content: dict[str, Any]) -> Group:
        """The group that a stored content is."""
        profile = {**content["profile"], "controls": tuple(content["profile"]["controls"])}
        entries = (
            tuple(tuple(part) if isinstance(part, list) else part for part in row) for row in content["findings"]
        )
        return cls(
            content["source"],
            content["version"],
            content["ecosystem"],
            tuple(content["packages"]),
            Profile(**profile),
            content["in_use"],
            tuple(Entry(*values) for values in map(list[Any], entries)),
        )
