# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The local safeguard where it meets the ledger: how hosts failed, and who is like them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.facts import states_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy import safeguard
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.machine import begun, finished

SECTIONS = ("platform", "packages", "hardware")


def held_hosts(
    ledger: Ledger,
    fleet: str,
    plan: Mapping[str, Any],
    statuses: Mapping[str, Mapping[str, Any]],
    hosts: Iterable[str],
) -> dict[str, str]:
    """Which of these hosts the plan must not begin on, and why. Hosts that it has begun on go on."""
    harmed = [host for host, record in statuses.items() if safeguard.counts(record)]
    if len(harmed) < safeguard.SAME:
        return {}
    lines = plan["body"]["lines"]
    now = states_of(ledger, fleet, harmed, SECTIONS)
    failures = {}
    for host in harmed:
        # its packages may have changed since, and its step is from what it had
        noted = statuses[host]["detail"]["before"]
        before = ledger.contents({name: noted[name] for name in SECTIONS if name in noted})
        sections = {**(now.get(host) or {}).get("sections", {}), **before}
        traits = safeguard.traits_of(sections, lines)
        failures[host] = safeguard.fingerprint(host, str(statuses[host]["reason"]), traits)
    seen = safeguard.repeated(failures)
    fresh = [host for host in hosts if not begun(statuses.get(host)) and not finished(statuses.get(host))]
    if not seen or not fresh:
        return {}
    known = states_of(ledger, fleet, fresh, SECTIONS)
    return safeguard.held(
        seen, {host: safeguard.traits_of(known.get(host, {}).get("sections", {}), lines) for host in fresh}
    )


def waiting(why: str) -> dict[str, Any]:
    """Why a held host waits, as the run keeps it."""
    return {"kind": "safeguard", "why": why, "next": safeguard.NEXT, "until_ms": None}
