# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the ledger knows of hosts now, for one host or for ten thousand."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import content
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.libs import sa
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.part import Part
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import hosts as hosts_table
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import sections as sections_table

_AT_ONCE = 200  # hosts whose contents are read together; bounds the memory, not the result


class States(Part):
    def state(self, fleet: str, host: str) -> dict[str, Any] | None:
        """{meta, sections} of one host, or None for one the ledger has not heard of. meta is described at `states`."""
        return next((state for _name, state in self.states(fleet, [host])), None)

    def states(
        self, fleet: str, hosts: Collection[str] | None = None, sections: Collection[str] | None = None
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """(host, {meta, sections}) for every host of the fleet, or those of `hosts`, by name.

        meta: {host, incarnation, platform, fingerprint, look_id, look_ms, tried_ms, tried_token, error, answer,
        digests, parts_ms, imported}. parts_ms: part -> when it was last read, which may be before look_ms; every other
        section is as old as the look. imported: where the state comes from, None when it is the host's own. look_ms is
        None for a host that was never looked at; error says why the newest look (tried_ms) did not work, and is None
        when it did. sections: section -> content, of all sections or those named (an empty
        collection: none). Equal contents are one object: do not change what you get.
        """
        wanted = None if hosts is None else set(hosts)
        with self.database.read() as connection:
            known = _hosts(connection, fleet, wanted)
            digests = _digests(connection, known, sections)
        uses: Counter[str] = Counter(digest for found in digests.values() for digest in found.values())
        uses.update(row["answer"] for row in known if row["answer"])
        values: dict[str, Any] = {}
        for start in range(0, len(known), _AT_ONCE):
            chunk = known[start : start + _AT_ONCE]
            needed = {
                digest for row in chunk for digest in [*digests.get(row["id"], {}).values(), row["answer"]] if digest
            }
            with self.database.read() as connection:
                values.update(content.load(connection, needed - values.keys()))
            for row in chunk:
                yield row["name"], _state(row, digests.get(row["id"], {}), values)
                spent = [*digests.get(row["id"], {}).values(), row["answer"]]
                uses.subtract(digest for digest in spent if digest)
                for digest in spent:
                    if digest and not uses[digest]:  # no later host has it
                        values.pop(digest, None)


def _hosts(connection: sa.Connection, fleet: str, wanted: set[str] | None) -> list[dict[str, Any]]:
    query = sa.select(hosts_table).where(hosts_table.c.fleet == fleet).order_by(hosts_table.c.name)
    if wanted is not None and len(wanted) <= _AT_ONCE:
        query = query.where(hosts_table.c.name.in_(sorted(wanted)))
    return [dict(row) for row in connection.execute(query).mappings() if wanted is None or row["name"] in wanted]


def _digests(
    connection: sa.Connection, known: list[dict[str, Any]], sections: Collection[str] | None
) -> dict[int, dict[str, str]]:
    if not known or (sections is not None and not sections):
        return {}
    ids = {row["id"] for row in known}
    query = sa.select(sections_table.c.host_id, sections_table.c.section, sections_table.c.digest)
    if sections is not None:
        query = query.where(sections_table.c.section.in_(sorted(sections)))
    if len(ids) <= _AT_ONCE:
        query = query.where(sections_table.c.host_id.in_(sorted(ids)))
    found: dict[int, dict[str, str]] = {}
    for host_id, section, digest in connection.execute(query):
        if host_id in ids:
            found.setdefault(host_id, {})[section] = digest
    return found


def _state(row: dict[str, Any], digests: dict[str, str], values: dict[str, Any]) -> dict[str, Any]:
    meta = {
        key: row[key] for key in ("incarnation", "platform", "look_id", "look_ms", "tried_ms", "tried_token", "error")
    }
    meta.update(
        host=row["name"],
        fingerprint=json.loads(row["fingerprint"]),
        answer=values.get(row["answer"]),
        digests=digests,
        parts_ms=json.loads(row["parts"] or "{}"),
        imported=json.loads(row["imported"]) if row["imported"] else None,
    )
    return {"meta": meta, "sections": {section: values[digest] for section, digest in digests.items()}}
