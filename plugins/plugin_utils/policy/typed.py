# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Valid policy data to typed values, with every default that was taken. Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.approvals import rules_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.budgets.keys import budgets
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.emergency import rule_of as emergency_rule
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.hooks import hooks_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.looks import looks
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import (
    Check,
    Exclude,
    Gate,
    Policy,
    Reboot,
    Ring,
    Select,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.notify import rules_of as notify_rules
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.order import order_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.proof import gate_values
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk import keys as risk_keys
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.rollback import rule_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import count, duration_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.windows.spans import span

DEFAULTS: dict[str, Any] = {
    "version": 1,
    "fleet": "default",
    "select.security": True,
    "select.other": True,
    "select.delay.security": "0d",
    "select.delay.other": "0d",
    "select.exclude": [],
    "select.only": [],
    "select.untested": "withhold",
    "select.age_unknown": "withhold",
    "reboot.mode": "when_needed",
    "reboot.timeout": "10m",
    "health": [],
    "indexes.max_age": "7d",
    "looks.max_age": "24h",
    "looks.keep": "400d",
    "time_to_patch": "15m",
    **risk_keys.DEFAULTS,
}
"""The value of each key that a policy leaves out."""
RING_DEFAULTS: dict[str, tuple[Any, Any]] = {
    "soak": ("24h", "24h"),
    "batch": ("100%", "10%"),
    "gate.max_failed": (0, "1%"),
    "gate.max_absent": (0, "5%"),
}
"""The same for a ring: in the first ring, in the later ones. The last ring's soak is 0, as nothing waits for it."""
CHECK_TIMEOUT = "30s"


class _Taker:
    """Reads keys and notes the defaults taken."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.taken: list[tuple[str, str]] = []

    def get(self, path: str, default: Any, data: dict[str, Any] | None = None, label: str = "") -> Any:
        value: Any = self.data if data is None else data
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None:
            return value
        shown = {True: "true", False: "false"}.get(default, str(default)) if isinstance(default, bool) else str(default)
        self.taken.append((label + path, shown))
        return default


def build(data: dict[str, Any], name: str, digest: str) -> Policy:
    """Typed values of data that the schema has accepted; `{}` gives the policy without rings."""
    take = _Taker(data)

    def top(path: str) -> Any:
        return take.get(path, DEFAULTS[path])

    version, fleet = top("version"), top("fleet")
    rings = data.get("rings", [])
    built = tuple(_ring(take, ring, at, len(rings)) for at, ring in enumerate(rings))
    types = tuple(data.get("select", {}).get("types", ()))
    select = Select(
        security="security" in types if types else top("select.security"),
        other=bool(set(types) - {"security"}) if types else top("select.other"),
        delay_security_ms=duration_ms(top("select.delay.security")),
        delay_other_ms=duration_ms(top("select.delay.other")),
        exclude=excludes(top("select.exclude")),
        only=tuple(top("select.only")),
        untested=top("select.untested"),
        age_unknown=top("select.age_unknown"),
        types=types,
        closes=risk_keys.closes_of(data.get("select", {}).get("closes")),
    )
    return Policy(
        name=name,
        digest=digest,
        fleet=fleet,
        rings=built,
        select=select,
        reboot=_reboots(take, data.get("reboot", {})),
        health=tuple(health_check(item) for item in top("health")),
        index_max_age_ms=duration_ms(top("indexes.max_age")),
        look_max_age_ms=duration_ms(top("looks.max_age")),
        look_keep_ms=duration_ms(top("looks.keep")),
        looks=looks(data.get("looks", {})),
        risk=risk_keys.risk_of({**data.get("risk", {}), **{key: top(f"risk.{key}") for key in ("scheme", "warn")}}),
        exceptions=data.get("exceptions"),
        defaults_taken=tuple(take.taken),
        version=version,
        emergency=emergency_rule(data.get("emergency", {})),
        order=order_of(data.get("order", {})),
        hooks=hooks_of(data.get("hooks", ())),
        notify=notify_rules(data.get("notify", ())),
        rollback=rule_of(data.get("rollback", {})),
        approvals=rules_of(data.get("approvals", ())),
        budgets=budgets(data.get("budgets", ())),
        windows=tuple(span("window", item) for item in data.get("windows", ())),
        freezes=tuple(span("freeze", item) for item in data.get("freezes", ())),
        time_to_patch_ms=duration_ms(top("time_to_patch")),
    )


def _ring(take: _Taker, ring: dict[str, Any], at: int, total: int) -> Ring:
    def own(path: str) -> Any:
        default = RING_DEFAULTS[path][1 if at else 0]
        if path == "soak" and total > 1 and at == total - 1:
            default = "0h"
        return take.get(path, default, ring, f"rings.{ring['name']}.")

    batch = own("batch")
    limits = {key: count(own(f"gate.{key}")) for key in ("max_failed", "max_absent")}
    return Ring(
        name=ring["name"],
        hosts=ring["hosts"],
        soak_ms=duration_ms(own("soak")),
        batch=tuple(count(item) for item in (batch if isinstance(batch, list) else [batch])),
        gate=Gate(**{**gate_values(ring.get("gate", {})), **limits}),
        reboot=reboot_rule(ring["reboot"]) if "reboot" in ring else None,
        health=tuple(health_check(item) for item in ring.get("health", ())),
        exclude=excludes(ring.get("select", {}).get("exclude", ())),
        share=ring.get("share"),
    )


def _reboots(take: _Taker, given: Any) -> tuple[Reboot, ...]:
    rules = [given] if isinstance(given, dict) else given
    everywhere: dict[str, Any] = {}
    for rule in rules:
        if "for" not in rule:
            everywhere.update(rule)
    mode = take.get("mode", DEFAULTS["reboot.mode"], everywhere, "reboot.")
    timeout = take.get("timeout", DEFAULTS["reboot.timeout"], everywhere, "reboot.")
    first = Reboot(mode, duration_ms(timeout))
    return (first, *(reboot_rule(rule) for rule in rules if "for" in rule))


def reboot_rule(given: dict[str, Any]) -> Reboot:
    """One layer of reboot settings."""
    timeout = given.get("timeout")
    return Reboot(given.get("mode"), None if timeout is None else duration_ms(timeout), given.get("for"))


def health_check(given: dict[str, Any]) -> Check:
    """One health check as the policy writes it."""
    kind = next(kind for kind in ("unit", "http", "tcp", "command") if kind in given)
    target = tuple(given[kind]) if isinstance(given[kind], list) else given[kind]
    expect = given.get("expect", 200) if kind == "http" else None
    return Check(kind, target, duration_ms(given.get("timeout", CHECK_TIMEOUT)), expect, given.get("for"))


def excludes(given: Any) -> tuple[Exclude, ...]:
    """`[glob, {for: pattern, packages: [glob]}]` as one flat list."""
    found: list[Exclude] = []
    for item in given:
        if isinstance(item, str):
            found.append(Exclude(item))
        else:
            found += [Exclude(glob, item["for"]) for glob in item["packages"]]
    return tuple(found)
