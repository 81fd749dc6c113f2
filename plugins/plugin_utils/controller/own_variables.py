# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Inventory variables of many hosts, for the controller's own decisions.

Ansible merges a host's variables in 0.1 ms and templates them in 0.5 ms more, so only what is a template is templated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleError

from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError


def read(hostvars: Any, hosts: Iterable[str], names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """`{host: {name: value}}` for hosts that have one of these variables. `hostvars` is the magic variable.

    Raises LockstepError for a template that cannot be filled in.
    """
    wanted = list(names)
    found: dict[str, dict[str, Any]] = {}
    for host in hosts:
        if host not in hostvars:  # it left the inventory
            continue
        known = hostvars.raw_get(host)
        given = {name: known[name] for name in wanted if name in known}
        if given:
            found[host] = {name: _value(hostvars, host, name, value) for name, value in given.items()}
    return found


def _value(hostvars: Any, host: str, name: str, value: Any) -> Any:
    if not _templated(value):
        return value
    try:
        return hostvars[host][name]
    except AnsibleError as error:
        raise LockstepError(
            f"its template cannot be filled in: {error.message}",
            f"variable {name} of {host}",
            "correct it; this decision is made on the controller, before facts are gathered",
        ) from error


def _templated(value: Any) -> bool:
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    if isinstance(value, Mapping):
        return any(_templated(item) for item in value.values())
    return isinstance(value, (list, tuple)) and any(_templated(item) for item in value)
