# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What hosts have, by digests: enough to see which hosts are alike without reading ten thousand package lists."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import content
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.libs import sa
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.part import Part
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import hosts as hosts_table
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import sections as sections_table

_AT_ONCE = 50  # contents read together; bounds the memory, not the result


class Listed(NamedTuple):
    """A host as the newest look that worked found it. look_ms is None where none did; digests: section -> digest."""

    host: str
    platform: str | None
    look_ms: int | None
    digests: dict[str, str]


class Inventory(Part):
    def inventory(self, fleet: str, sections: Collection[str]) -> list[Listed]:
        """All hosts of a fleet by name, with the digests of these sections."""
        with self.database.read() as connection:
            columns = [hosts_table.c.id, hosts_table.c.name, hosts_table.c.platform, hosts_table.c.look_ms]
            known = connection.execute(
                sa.select(*columns).where(hosts_table.c.fleet == fleet).order_by(hosts_table.c.name)
            ).all()
            digests: dict[int, dict[str, str]] = {row[0]: {} for row in known}
            for section in sorted(sections):  # fewer and shorter rows than all sections of all hosts joined
                query = sa.select(sections_table.c.host_id, sections_table.c.digest)
                for host_id, digest in connection.execute(query.where(sections_table.c.section == section)).all():
                    if host_id in digests:
                        digests[host_id][section] = digest
        return [Listed(name, platform, look_ms, digests[host_id]) for host_id, name, platform, look_ms in known]

    def contents_of(self, digests: Collection[str]) -> Iterator[tuple[str, Any]]:
        """(digest, content) of those that are stored, a few at a time."""
        listed = sorted(set(digests))
        for start in range(0, len(listed), _AT_ONCE):
            with self.database.read() as connection:
                found = content.load(connection, listed[start : start + _AT_ONCE])
            yield from found.items()
