# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The day of a zero-day: only what closes it, at once, through shorter rings. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.approvals import RULE_KEYS, Rule, rules_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.proof import GATE, gate_values
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.model import Closes
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.shapes import DURATION, SOME, keys
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import Count, count, duration_ms

if TYPE_CHECKING:
    from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy

KEYS: dict[str, Any] = {
    "soak": DURATION,
    "batch": {"anyOf": [SOME, {"type": "array", "minItems": 1, "items": SOME}]},
    "windows": {"enum": ["ignore", "hold"]},
    "untested": {"enum": ["withhold", "other_start", "allow"]},
    "gate": GATE,
    "approvals": {"type": "array", "items": keys(RULE_KEYS, ("before",))},
}
SOAK = "15m"


@dataclass(frozen=True)
class Emergency:
    """The policy's `emergency`. Rings, their hosts and what they bear stay those of the policy."""

    soak_ms: int = duration_ms(SOAK)
    """The longest soak; a ring that soaks less keeps its own."""
    batch: tuple[Count, ...] = ()
    """Empty: the rings' own."""
    windows: str = "ignore"
    """`ignore`: windows and freezes do not hold an emergency back; `hold`: they do."""
    untested: str | None = None
    """None: as `select.untested`."""
    approvals: tuple[Rule, ...] = ()
    """Instead of the policy's `approvals`."""
    gate: Mapping[str, Any] = field(default_factory=dict)
    """Keys of a gate that hold in place of those of every ring's own."""


def rule_of(given: Mapping[str, Any]) -> Emergency:
    """The value of data that the schema has accepted."""
    batch = given.get("batch", [])
    return Emergency(
        soak_ms=duration_ms(given.get("soak", SOAK)),
        batch=tuple(count(item) for item in (batch if isinstance(batch, list) else [batch])),
        windows=given.get("windows", "ignore"),
        untested=given.get("untested"),
        approvals=rules_of(given.get("approvals", ())),
        gate=gate_values(given.get("gate", {})),
    )


def subject_of(package: str, cve: str, advisory: str) -> str:
    """What an emergency is about, in the words of the record: `package openssl`, `CVE-…`, `advisory …`."""
    return cve.upper() or (f"advisory {advisory}" if advisory else f"package {package}" if package else "")


def emergency_policy(policy: Policy, package: str, cve: str, advisory: str) -> Policy:
    """The policy for an emergency: one package, vulnerability or advisory, without delay, with its own rings' times."""
    rule = policy.emergency
    rings = tuple(
        replace(
            ring,
            soak_ms=min(ring.soak_ms, rule.soak_ms),
            batch=rule.batch or ring.batch,
            gate=replace(ring.gate, **rule.gate),
        )
        for ring in policy.rings
    )
    select = replace(
        policy.select,
        security=True,
        other=True,
        types=(),
        delay_security_ms=0,
        delay_other_ms=0,
        age_unknown="allow",
        only=_one(package),
        closes=None
        if package
        else Closes(vulns=(cve.upper(),) if cve else (), advisories=(advisory,) if advisory else ()),
        untested=rule.untested or policy.select.untested,
    )
    free = rule.windows == "ignore"
    return replace(
        policy,
        rings=rings,
        select=select,
        approvals=rule.approvals,
        windows=() if free else policy.windows,
        freezes=() if free else policy.freezes,
        ignore_windows=free,
    )


def _one(value: str) -> tuple[str, ...]:
    return (value,) if value else ()
