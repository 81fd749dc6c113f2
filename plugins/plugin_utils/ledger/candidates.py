# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When the fleet first saw each candidate. What age means for an approval is policy; the facts for it are here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.connect import insert
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.content import clean
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.libs import sa
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.part import Part
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import (
    candidate_steps,
    candidates,
    platforms,
)

_FRESH_MS = 60 * 60 * 1000  # last_seen is not written again within this time: a thousand equal hosts are one write


class Seen(NamedTuple):
    """A candidate that a host offers. dated_ms: UTC time of the version's own advisory, changelog or package date, None
    when nothing dates it; installed: the version it would replace, empty for a new package."""

    package: str
    arch: str
    version: str
    security: bool
    dated_ms: int | None = None
    installed: str = ""


class Candidates(Part):
    def note_candidates(
        self, fleet: str, platform: str, rows: Iterable[tuple[Any, ...]], token: int, now_ms: int
    ) -> int:
        """Note what hosts of a platform offer (rows: `Seen`, or tuples of its first five or six fields); return how
        many were new.

        The run that looks at a platform for the first time cannot know since when a candidate is there: it takes the
        version's own date (basis `dated`), or says that its age is `unknown`. What a later run finds was first seen
        then (basis `seen`).
        """
        merged: dict[tuple[str, str, str], list[Seen]] = {}
        for row in rows:
            seen = Seen(*row)
            merged.setdefault((clean(seen.package), clean(seen.arch), clean(seen.version)), []).append(seen)
        with self.database.read() as connection:
            if not _news(connection, fleet, platform, merged, now_ms):
                return 0
        with self.database.write() as connection:
            self._run(connection, token)
            first = _is_first(connection, fleet, platform, token, now_ms)
            new = 0
            known = _known(connection, fleet, platform)
            for key, group in sorted(merged.items()):
                found = known.get(key)
                if found is None:
                    candidate_id = _add(connection, fleet, platform, key, group, first, now_ms)
                    new += 1
                else:
                    candidate_id = found["id"]
                    security = found["security"] or any(seen.security for seen in group)
                    connection.execute(
                        sa.update(candidates)
                        .where(candidates.c.id == candidate_id)
                        .values(last_seen_ms=now_ms, security=security)
                    )
                _add_steps(
                    connection, candidate_id, {clean(seen.installed) for seen in group if seen.installed}, now_ms
                )
        return new

    def first_seen(self, fleet: str, platform: str) -> dict[tuple[str, str, str], tuple[int, str]]:
        """(package, arch, version) -> (first_seen_ms, basis); basis: `seen`, `dated`, or `unknown` (then the time is
        only when we looked)."""
        with self.database.read() as connection:
            return {
                key: (row["first_seen_ms"], row["basis"]) for key, row in _known(connection, fleet, platform).items()
            }

    def candidates(self, fleet: str, platform: str) -> list[dict[str, Any]]:
        """All that is known of a platform's candidates, by package, arch, then age: {package, arch, version, security,
        dated_ms, first_seen_ms, basis, last_seen_ms, replaces: {installed version: first_seen_ms}}."""
        steps: dict[int, dict[str, int]] = {}
        with self.database.read() as connection:
            known = _known(connection, fleet, platform)
            for step in connection.execute(_steps_of(fleet, platform)):
                steps.setdefault(step.candidate_id, {})[step.installed] = step.first_seen_ms
        listed = [{**row, "replaces": steps.get(row["id"], {})} for row in known.values()]
        listed.sort(key=lambda row: (row["package"], row["arch"], row["first_seen_ms"], row["version"]))
        return [{key: value for key, value in row.items() if key not in ("id", "fleet", "platform")} for row in listed]


def _known(connection: sa.Connection, fleet: str, platform: str) -> dict[tuple[str, str, str], dict[str, Any]]:
    query = sa.select(candidates).where(candidates.c.fleet == fleet, candidates.c.platform == platform)
    return {(row["package"], row["arch"], row["version"]): dict(row) for row in connection.execute(query).mappings()}


def _steps_of(fleet: str, platform: str) -> sa.Select[Any]:
    joined = sa.select(candidate_steps).join(candidates, candidates.c.id == candidate_steps.c.candidate_id)
    return joined.where(candidates.c.fleet == fleet, candidates.c.platform == platform)


def _news(
    connection: sa.Connection, fleet: str, platform: str, merged: dict[tuple[str, str, str], list[Seen]], now_ms: int
) -> bool:
    key = (platforms.c.fleet == fleet) & (platforms.c.platform == platform)
    if connection.execute(sa.select(platforms.c.first_ms).where(key)).first() is None:
        return True
    known = _known(connection, fleet, platform)
    steps = {(row.candidate_id, row.installed) for row in connection.execute(_steps_of(fleet, platform))}
    for key_, group in merged.items():
        found = known.get(key_)
        if found is None or found["last_seen_ms"] < now_ms - _FRESH_MS:
            return True
        for seen in group:
            if (seen.security and not found["security"]) or (
                seen.installed and (found["id"], clean(seen.installed)) not in steps
            ):
                return True
    return False


def _is_first(connection: sa.Connection, fleet: str, platform: str, token: int, now_ms: int) -> bool:
    key = (platforms.c.fleet == fleet) & (platforms.c.platform == platform)
    row = connection.execute(sa.select(platforms.c.first_token).where(key)).first()
    if row is None:
        connection.execute(
            sa.insert(platforms).values(fleet=fleet, platform=platform, first_token=token, first_ms=now_ms)
        )
    return row is None or row.first_token == token


def _add(
    connection: sa.Connection,
    fleet: str,
    platform: str,
    key: tuple[str, str, str],
    group: list[Seen],
    first: bool,
    now_ms: int,
) -> int:
    dates = [seen.dated_ms for seen in group if seen.dated_ms is not None]
    dated = min(dates) if dates else None
    if not first:
        since, basis = now_ms, "seen"
    elif dated is None:
        since, basis = now_ms, "unknown"
    else:
        since, basis = min(dated, now_ms), "dated"  # a date in the future makes nothing older than now
    package, arch, version = key
    values = {
        "fleet": fleet,
        "platform": platform,
        "package": package,
        "arch": arch,
        "version": version,
        "dated_ms": dated,
    }
    values.update(security=any(seen.security for seen in group), first_seen_ms=since, basis=basis, last_seen_ms=now_ms)
    return insert(connection, sa.insert(candidates).values(**values))


def _add_steps(connection: sa.Connection, candidate_id: int, installed: set[str], now_ms: int) -> None:
    known = set(
        connection.execute(
            sa.select(candidate_steps.c.installed).where(candidate_steps.c.candidate_id == candidate_id)
        ).scalars()
    )
    new = [
        {"candidate_id": candidate_id, "installed": version, "first_seen_ms": now_ms}
        for version in sorted(installed - known)
    ]
    if new:
        connection.execute(sa.insert(candidate_steps), new)
