# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Does a host need a reboot, and does it get one? Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.facts import section
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names, plain

UNRESTARTABLE = re.compile(
    r"(dbus|dbus-broker|systemd-logind|systemd-machined|getty@.*|serial-getty@.*|console-getty|user@.*|user-runtime-dir@.*)\.service"
)
"""Units whose restart ends sessions or leaves the system without its bus; only a reboot renews them."""

SESSION = re.compile(r"session-[^.]+\.scope")
"""A login. It keeps its old files until its user leaves, the run's own connection included; nobody is thrown out for
that."""


class Decision(NamedTuple):
    """What happens about a reboot."""

    action: str
    """`reboot`, `no`, `owed` (needed, and the policy says never) or `unknown` (nobody can tell; not rebooted, not in
    effect)."""
    reasons: list[str]
    restart: list[str]
    """Units whose restart renews what they run; empty when the host reboots."""


def curable(services: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """`(units to restart, processes that only a reboot renews)` of a services section."""
    units: set[str] = set()
    others: set[str] = set()
    for item in services.get("outdated") or []:
        unit = str(item.get("unit") or "")
        if SESSION.fullmatch(unit):
            continue
        if unit.endswith(".service") and not UNRESTARTABLE.fullmatch(unit):
            units.add(unit)
        else:
            others.add(f"{plain(item.get('process') or '?', 60)} ({plain(unit, 60) or 'no unit'})")
    return sorted(units), sorted(others)


def decide_reboot(mode: str, state: Mapping[str, Any] | None) -> Decision:
    """Decide from the policy's `reboot.mode` and a fresh look at the host after its transaction."""
    reboot, reboot_why = section(state, "reboot")
    services, services_why = section(state, "services")
    units, stuck = curable(services or {})
    reasons: list[str] = []
    unknown: list[str] = []
    needed = (reboot or {}).get("needed")
    if needed == "yes":
        reasons += [plain(item.get("text") or item.get("signal")) for item in reboot.get("reasons") or []] or [
            "the host asks for it"
        ]
    elif needed != "no":
        signals = names(str(item) for item in (reboot or {}).get("unknown") or []) or "no signal says"
        unknown.append(f"whether a reboot is needed is unknown: {reboot_why or signals}")
    if stuck:
        reasons.append(f"only a reboot renews {names(stuck)}")
    if services is None or services.get("complete") is not True:
        why = services_why or plain((services or {}).get("reason") or "not all processes could be looked at")
        unknown.append(f"which processes use replaced files is unknown: {why}")
    if mode == "always":
        return Decision("reboot", reasons or ["reboot.mode is always"], [])
    if reasons and mode == "when_needed":
        return Decision("reboot", reasons, [])
    if reasons:
        return Decision("owed", [*reasons, f"reboot.mode is {plain(mode, 20)}"], units)
    if unknown:
        return Decision("unknown", unknown, units)
    return Decision("no", [], units)
