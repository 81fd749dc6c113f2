# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an inventory wants to know of every host, in two queries."""

from __future__ import annotations

import json
import zlib
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import content
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.libs import sa
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.part import Part
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import content as content_table
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import hosts, sections


class Known(NamedTuple):
    """What the ledger has of one host. Times are UTC milliseconds; None is not known."""

    look_ms: int | None
    """When it last answered."""
    tried_ms: int | None
    """When it was last asked."""
    error: str | None
    """Why the newest look did not work."""
    platform: str | None
    os: dict[str, Any]
    """`{os, version, arch}` of its platform, empty where it is not known."""
    answer: dict[str, Any]
    """The short answer of the newest look that worked, empty where there is none."""


class OverviewPart(Part):
    def overview(self, fleet: str) -> dict[str, Known]:
        """What is known of each host of a fleet, by name; hosts that were only named in a plan have no times."""
        columns = (hosts.c.name, hosts.c.look_ms, hosts.c.tried_ms, hosts.c.error, hosts.c.platform, hosts.c.answer)
        with self.database.read() as connection:
            joined = hosts.outerjoin(content_table, hosts.c.answer == content_table.c.digest)
            query = sa.select(*columns, content_table.c.packed).select_from(joined).where(hosts.c.fleet == fleet)
            rows = connection.execute(query).all()
            platforms = self._platforms(connection, fleet)
        answers: dict[str, dict[str, Any]] = {}
        found = {}
        for name, look_ms, tried_ms, error, platform, digest, packed in rows:
            if digest not in answers:
                answers[digest] = json.loads(zlib.decompress(packed)) if packed else {}
            found[name] = Known(look_ms, tried_ms, error, platform, platforms.get(platform, {}), answers[digest])
        return found

    def last_looks(self, fleet: str) -> dict[str, int | None]:
        """When each host of a fleet last answered, None for one that never has."""
        with self.database.read() as connection:
            query = sa.select(hosts.c.name, hosts.c.look_ms).where(hosts.c.fleet == fleet)
            return {row[0]: row[1] for row in connection.execute(query)}

    @staticmethod
    def _platforms(connection: sa.Connection, fleet: str) -> dict[str, dict[str, Any]]:
        """`{os, version, arch}` of each platform, from the newest content of one of its hosts."""
        query = (
            sa.select(hosts.c.platform, sa.func.max(sections.c.digest))
            .join(sections, sections.c.host_id == hosts.c.id)
            .where(hosts.c.fleet == fleet, sections.c.section == "platform", hosts.c.platform.is_not(None))
            .group_by(hosts.c.platform)
        )
        digests: dict[str, str] = {row[0]: row[1] for row in connection.execute(query)}
        values = content.load(connection, set(digests.values()))
        wanted = ("os", "version", "arch")
        return {
            platform: {key: values[digest].get(key) for key in wanted}
            for platform, digest in digests.items()
            if isinstance(values.get(digest), dict)
        }
