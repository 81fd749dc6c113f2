# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible's own host patterns, evaluated against the whole inventory whatever `--limit` says."""

from __future__ import annotations

from ansible.inventory.manager import InventoryManager, split_host_pattern


def whole_inventory(groups: dict[str, list[str]], loader) -> InventoryManager:
    """An inventory manager that knows every host and group of the magic variable `groups`, and no limit."""
    manager = InventoryManager(loader, parse=False)
    for group, hosts in groups.items():
        manager.add_group(group)
        for host in hosts:
            manager.add_host(host, group=group)
    return manager


def resolve(manager: InventoryManager, pattern: str | list[str]) -> tuple[list[str], list[str]]:
    """Hosts of a pattern in inventory order, and the tokens of the pattern that match nothing.

    A typing error must not read as "no hosts".
    """
    tokens = split_host_pattern(pattern)
    unmatched = [token for token in tokens if not manager.get_hosts(token.lstrip("!&"), ignore_limits=True)]
    hosts = [] if unmatched == tokens else [host.name for host in manager.get_hosts(pattern, ignore_limits=True)]
    return [str(name) for name in hosts], [str(token) for token in unmatched]


def limited(manager: InventoryManager, limit: str | None) -> list[str]:
    """Hosts that `--limit` leaves (also `@file`); all of them without a limit."""
    manager.subset(limit)
    return [str(host.name) for host in manager.get_hosts("all")]
