# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which file a version of a package is: known since somebody had it, so that a way back needs no repository."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.libs import sa
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.part import Part
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import package_files

Version = tuple[str, str, str]
"""Name, architecture, version."""


class Files(Part):
    def note_files(self, fleet: str, platform: str, rows: Iterable[tuple[Version, str, int]], now_ms: int) -> None:
        """Keep `((name, arch, version), sha256, size in bytes)` of a platform; what is known already stays."""
        with self.database.write() as connection:
            mine = (package_files.c.fleet == fleet) & (package_files.c.platform == platform)
            columns = (package_files.c.name, package_files.c.arch, package_files.c.version)
            known = {tuple(row) for row in connection.execute(sa.select(*columns).where(mine))}
            new = {version: (sha256, size) for version, sha256, size in rows if version not in known}
            if new:
                common = {"fleet": fleet, "platform": platform, "ms": now_ms}
                values = [
                    {**common, "name": name, "arch": arch, "version": version, "sha256": sha256, "size": size}
                    for (name, arch, version), (sha256, size) in sorted(new.items())
                ]
                connection.execute(sa.insert(package_files), values)

    def files(self, fleet: str, platform: str) -> dict[Version, tuple[str, int]]:
        """`{(name, arch, version): (sha256, size)}` of a platform."""
        query = sa.select(package_files).where(package_files.c.fleet == fleet, package_files.c.platform == platform)
        with self.database.read() as connection:
            rows: list[Any] = list(connection.execute(query).mappings())
        return {(row["name"], row["arch"], row["version"]): (row["sha256"], row["size"]) for row in rows}
