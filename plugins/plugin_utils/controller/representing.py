# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What hosts have, from the ledger, in the shape that the choice of a test group takes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ansible_collections.lockstep.patching.plugins.module_utils._model.state import is_unknown, why_unknown
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.representatives import Item
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import utc


def known_items(
    ledger: Ledger, fleet: str, hosts: Sequence[str], oldest_ms: int
) -> tuple[dict[str, Collection[Item]], dict[str, str]]:
    """Platform and package versions of each host that has answered since then, and why the others are unknown. Hosts
    with the same packages share one collection."""
    items: dict[str, Collection[Item]] = {}
    unknown = dict.fromkeys(hosts, "it has never answered")
    shared: dict[tuple[str, str], list[Item]] = {}
    for host, state in ledger.states(fleet, hosts, ["packages"]):
        meta, packages = state["meta"], state["sections"].get("packages")
        if meta["look_ms"] is None:
            unknown[host] = meta["error"] or unknown[host]
        elif meta["look_ms"] < oldest_ms:
            unknown[host] = f"its last answer is of {utc(meta['look_ms'])}"
        elif not meta["platform"] or packages is None or is_unknown(packages):
            why = why_unknown(packages) if is_unknown(packages) else "its platform or packages are not known"
            unknown[host] = str(why)
        else:
            key = (meta["platform"], meta["digests"]["packages"])
            if key not in shared:
                shared[key] = _items(meta["platform"], packages)
            items[host] = shared[key]
            del unknown[host]
    return items, unknown


def _items(platform: str, packages: Sequence[Mapping[str, str]]) -> list[Item]:
    found = {
        ("package", f"{package['name']} {package['version']} {package['arch']} on {platform}")
        for package in packages
        if package.get("status") == "installed"
    }
    return [("platform", platform), *sorted(found)]


def services_of(groups: Mapping[str, Collection[str]], prefix: str, hosts: Collection[str]) -> dict[str, list[str]]:
    """The groups that are services (by the beginning of their name) of each host."""
    found: dict[str, list[str]] = {}
    for group, members in groups.items():
        if str(group).startswith(prefix):
            for host in members:
                if host in hosts:
                    found.setdefault(str(host), []).append(str(group)[len(prefix) :])
    return found
