# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The policy as typed values. Times are milliseconds. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.approvals import Rule
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.budgets.keys import Budget
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.emergency import Emergency
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.hooks import Hook
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.looks import Looks
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.notify import Notify
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.order import Order
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.proof import GateCheck, Statistics
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.model import Closes, Risk
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.rollback import Rollback
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import Count
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.windows.spans import Span


class Problem(NamedTuple):
    """One thing to mend in a file."""

    where: str
    """`policy.yml:12`."""
    path: str
    """`rings[1].gate.max_failed`, empty for the whole file."""
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.path + ': ' if self.path else ''}{self.message}"


def _place(problem: Problem) -> tuple[int, str]:
    line = problem.where.rpartition(":")[2]
    return (int(line) if line.isdigit() else 0, problem.path)


class PolicyError(LockstepError):
    """Everything that is wrong with a policy, at once."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems, key=_place)
        what = "\n  ".join(str(problem) for problem in self.problems)
        super().__init__(
            f"the policy cannot be used:\n  {what}",
            next_step="mend what is named and run again; every key is in docs/policy.md",
        )


@dataclass(frozen=True)
class Gate:
    """How many hosts of a ring may fail or be absent, and what it must prove besides."""

    max_failed: Count
    max_absent: Count
    min_hosts: int = 0
    """Verified hosts that the ring must have."""
    recheck: bool = True
    """Whether hosts are verified once more when their ring has soaked."""
    statistics: Statistics | None = None
    checks: tuple[GateCheck, ...] = ()

    @property
    def roles(self) -> tuple[GateCheck, ...]:
        """The checks that a play has to run."""
        return tuple(check for check in self.checks if check.kind == "role")


@dataclass(frozen=True)
class Check:
    """One health check. `kind` is `unit`, `http`, `tcp` or `command`; `target` what the policy gives for it."""

    kind: str
    target: Any
    timeout_ms: int
    expect: int | None = None
    pattern: str | None = None

    @property
    def name(self) -> str:
        """How results and reports call it, `tcp 5432`; equal checks have equal names."""
        target = " ".join(self.target) if isinstance(self.target, (list, tuple)) else str(self.target)
        return f"{self.kind} {target}"

    def arguments(self) -> dict[str, Any]:
        """For the module that runs it: `{check, kind, target, expect, timeout_ms}`."""
        target = list(self.target) if isinstance(self.target, tuple) else self.target
        return {
            "check": self.name,
            "kind": self.kind,
            "target": target,
            "expect": self.expect,
            "timeout_ms": self.timeout_ms,
        }


@dataclass(frozen=True)
class Reboot:
    """What the policy says about reboots; None where this layer leaves a key out."""

    mode: str | None
    timeout_ms: int | None
    pattern: str | None = None


@dataclass(frozen=True)
class Exclude:
    """Packages that are left out, everywhere or on hosts of a pattern."""

    glob: str
    pattern: str | None = None


@dataclass(frozen=True)
class Select:
    """Which candidates a plan takes."""

    security: bool
    other: bool
    delay_security_ms: int
    delay_other_ms: int
    exclude: tuple[Exclude, ...]
    only: tuple[str, ...]
    untested: str
    age_unknown: str
    types: tuple[str, ...] = ()
    """Empty where the policy does not name types; then `security` and `other` decide."""
    closes: Closes | None = None


@dataclass(frozen=True)
class Ring:
    """A stage of a rollout."""

    name: str
    hosts: str
    soak_ms: int
    batch: tuple[Count, ...]
    gate: Gate
    reboot: Reboot | None = None
    health: tuple[Check, ...] = ()
    exclude: tuple[Exclude, ...] = ()
    share: str | None = None
    """`10%` of the pattern's hosts, or the `rest` of them; None is all."""


@dataclass(frozen=True)
class Policy:
    """A whole policy. `defaults_taken` lists every key that the file leaves out, with the value that holds."""

    name: str
    digest: str
    """SHA-256 of the file's text, empty where there is no file."""
    fleet: str
    rings: tuple[Ring, ...]
    select: Select
    reboot: tuple[Reboot, ...]
    """The first holds everywhere and has every key; the others are for patterns."""
    health: tuple[Check, ...]
    index_max_age_ms: int
    look_max_age_ms: int
    look_keep_ms: int
    """How long `maintain` keeps looks."""
    looks: Looks
    defaults_taken: tuple[tuple[str, str], ...]
    version: int = 1
    approvals: tuple[Rule, ...] = ()
    budgets: tuple[Budget, ...] = ()
    windows: tuple[Span, ...] = ()
    freezes: tuple[Span, ...] = ()
    time_to_patch_ms: int = 0
    """Where nothing was measured."""
    rollback: Rollback = Rollback()
    risk: Risk = Risk()
    exceptions: str | None = None
    """Path of the exceptions file, relative to the policy's."""
    notify: tuple[Notify, ...] = ()
    hooks: tuple[Hook, ...] = ()
    order: Order = Order()
    emergency: Emergency = Emergency()
    ignore_windows: bool = False
    """In an emergency: also hosts' own windows and freezes do not hold."""

    def ring(self, name: str) -> Ring | None:
        return next((ring for ring in self.rings if ring.name == name), None)

    def patterns(self) -> tuple[str, ...]:
        """Every `for:` pattern; who calls resolves them for `settings.effective`."""
        checks = [*self.health, *(check for ring in self.rings for check in ring.health)]
        found = [*(check.pattern for check in checks), *(rule.pattern for rule in self.reboot)]
        found += [item.pattern for item in self.select.exclude]
        found += [item.pattern for item in (*self.windows, *self.freezes)]
        found += self.risk.patterns()
        found += [item.pattern for item in self.budgets]
        found += [item.pattern for item in self.hooks]
        found += self.order.patterns()
        return tuple(dict.fromkeys(pattern for pattern in found if pattern))
