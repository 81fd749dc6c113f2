# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which versions reached production before any test host had run them: the report's question, asked of policy."""

from __future__ import annotations

from typing import Any

from ansible.inventory.manager import InventoryManager

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import patterns
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.drift import reached_production_untested

SPAN_MS = 183 * 86_400_000
"""Six months."""


def compare(
    manager: InventoryManager, given: dict[str, str], states: list[dict[str, Any]], now_ms: int
) -> dict[str, Any]:
    """`drift` of fleet_view for the patterns `{test, production}`."""
    hosts = {}
    for name, pattern in given.items():
        found, unmatched = patterns.resolve(manager, pattern)
        if unmatched or not found:
            raise LockstepError(
                f"the pattern '{pattern}' matches no host ({', '.join(unmatched) or 'nothing is left'})",
                f"lockstep_{name}",
                "mend the pattern",
            )
        hosts[name] = found
    by_host = {state["host"]: state for state in states}
    since = now_ms - SPAN_MS
    untested = reached_production_untested(
        {host: by_host.get(host) for host in hosts["test"]},
        {host: by_host.get(host) for host in hosts["production"]},
        since,
    )
    rows = [
        {
            "host": host,
            "package": item.package,
            "arch": item.arch,
            "version": item.version,
            "ms": item.first_ms,
            "from_version": None,
        }
        for item in untested.arrivals
        for host in item.hosts
    ]
    return {
        "test": given["test"],
        "production": given["production"],
        "from_ms": since,
        "test_hosts": hosts["test"],
        "production_hosts": hosts["production"],
        "rows": rows,
        "gaps": [
            {"host": gap["host"], "why": gap["why"], "from_ms": since, "to_ms": _end(gap["from_ms"], since)}
            for gap in untested.missing
        ],
    }


def _end(begins_ms: int | None, since_ms: int) -> int | None:
    """When a gap at the beginning of the span ends; None for a hole somewhere in the middle."""
    return begins_ms if begins_ms is not None and begins_ms > since_ms else None
