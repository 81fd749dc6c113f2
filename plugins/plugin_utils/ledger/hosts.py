# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts: a fleet, an inventory name, and an incarnation that changes when the machine behind the name does."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.libs import sa
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import hosts


def find(connection: sa.Connection, fleet: str, name: str) -> sa.Row[Any] | None:
    return connection.execute(sa.select(hosts).where(hosts.c.fleet == fleet, hosts.c.name == name)).first()


def find_or_add(connection: sa.Connection, fleet: str, name: str) -> sa.Row[Any]:
    query = sa.select(hosts).where(hosts.c.fleet == fleet, hosts.c.name == name)
    found = connection.execute(query).first()
    if found is not None:
        return found
    connection.execute(sa.insert(hosts).values(fleet=fleet, name=name, incarnation=1, fingerprint="{}"))
    return connection.execute(query).one()


def ids(connection: sa.Connection, fleet: str, names: Iterable[str]) -> dict[str, int]:
    """The ids of many hosts; those that the ledger has not heard of are added."""
    known = {
        row.name: row.id
        for row in connection.execute(sa.select(hosts.c.name, hosts.c.id).where(hosts.c.fleet == fleet))
    }
    wanted = list(dict.fromkeys(names))
    new = [
        {"fleet": fleet, "name": name, "incarnation": 1, "fingerprint": "{}"} for name in wanted if name not in known
    ]
    if new:
        connection.execute(sa.insert(hosts), new)
        return ids(connection, fleet, wanted)
    return {name: known[name] for name in wanted}


def changed_keys(known: str, seen: Mapping[str, Any]) -> list[str]:
    """The parts of a fingerprint that both looks know and that differ; what a look does not know says nothing."""
    before = json.loads(known)
    return sorted(key for key, value in seen.items() if value and before.get(key) and before[key] != value)
