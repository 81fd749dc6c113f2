# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Looks: what a host had when it was looked at, or why it could not be."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import canonical
from ansible_collections.lockstep.patching.plugins.module_utils._model.state import PARTS
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import content, hosts
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.connect import insert
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.errors import LedgerError, UnknownContent
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.libs import sa
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.part import Part
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import hosts as hosts_table
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import (
    look_changes,
    looks,
    plan_hosts,
    plans,
    sections,
    transitions,
)

_NOTHING = "look again; nothing of this look was recorded"


class Look(NamedTuple):
    """What recording a look did. changed: sections whose content is another than before."""

    look_id: int
    incarnation: int
    new_incarnation: bool
    changed: list[str]


class Looks(Part):
    def record_look(
        self,
        fleet: str,
        host: str,
        token: int,
        now_ms: int,
        *,
        digests: Mapping[str, str],
        sections: Mapping[str, Any],
        answer: Mapping[str, Any],
        fingerprint: Mapping[str, Any],
        platform: str | None,
        imported: Mapping[str, Any] | None = None,
        raw: Mapping[str, bytes] | None = None,
    ) -> Look:
        """Record one look.

        digests: section -> SHA-256 of every section of the look. sections: section -> content of those that the host
        sent. fingerprint: {machine_id, serial, …}; a part that is empty is not known and changes nothing, a part that
        differs starts a new incarnation. UnknownContent when a digest's content is neither stored nor sent: ask the
        host again with known={}. LedgerError when a content does not have its digest. Parts (`PARTS`) that this look
        leaves out stay as an earlier one of the same incarnation found them; other sections do not. imported: where the
        state comes from, if not from the host itself. raw: the canonical JSON of sections, where the caller has it
        (`unpack_each`); otherwise it is made.
        """
        packed = self._packed(host, digests, sections, raw or {})
        about = self._pack(host, "the answer", dict(answer))
        known_now = {content.clean(key): content.clean(value) for key, value in fingerprint.items() if value}
        platform = content.clean(platform) if platform else None
        with self.database.write() as connection:
            run = self._run(connection, token)
            row = hosts.find_or_add(connection, content.clean(fleet), content.clean(host))
            before = _current(connection, row.id)
            self._refuse_unknown(connection, host, set(digests.values()) - set(before.values()) - set(packed), digests)
            content.store(connection, {**packed, about.digest: about})
            replaced = hosts.changed_keys(row.fingerprint, known_now)
            incarnation = row.incarnation + (1 if replaced else 0)
            known = {} if replaced else json.loads(row.fingerprint)
            known.update(known_now)
            look_id = insert(
                connection,
                sa.insert(looks).values(
                    host_id=row.id,
                    incarnation=incarnation,
                    token=token,
                    ms=now_ms,
                    platform=platform,
                    answer=about.digest,
                ),
            )
            kept = {} if replaced else {part: before[part] for part in PARTS if part in before and part not in digests}
            changed = _write_changes(connection, row.id, look_id, before, {**kept, **digests})
            seen = {part: ms for part, ms in json.loads(row.parts or "{}").items() if part in kept}
            seen.update((part, now_ms) for part in PARTS if part in digests)
            connection.execute(
                sa.update(hosts_table)
                .where(hosts_table.c.id == row.id)
                .values(
                    incarnation=incarnation,
                    fingerprint=canonical(known),
                    platform=platform,
                    look_id=look_id,
                    look_ms=now_ms,
                    tried_ms=now_ms,
                    tried_token=token,
                    error=None,
                    answer=about.digest,
                    parts=canonical(seen) if seen else None,
                    imported=canonical(dict(imported)) if imported else None,
                )
            )
            if replaced:
                body = {
                    "incarnation": incarnation,
                    "changed": replaced,
                    "before": json.loads(row.fingerprint),
                    "after": known,
                }
                self._record(connection, run, "host_replaced", host, body, now_ms, fleet=row.fleet)
                self._forget_verdicts(connection, run, row, replaced, now_ms)
        return Look(look_id, incarnation, bool(replaced), changed)

    def record_unreachable(self, fleet: str, host: str, token: int, now_ms: int, error: str) -> None:
        """Record that a host could not be looked at, and why. What was known of it stays, with its time."""
        error = content.clean(error) or "unreachable, without a reason"
        with self.database.write() as connection:
            self._run(connection, token)
            row = hosts.find_or_add(connection, content.clean(fleet), content.clean(host))
            connection.execute(
                sa.insert(looks).values(
                    host_id=row.id,
                    incarnation=row.incarnation,
                    token=token,
                    ms=now_ms,
                    error=error,
                    platform=row.platform,
                )
            )
            connection.execute(
                sa.update(hosts_table)
                .where(hosts_table.c.id == row.id)
                .values(tried_ms=now_ms, tried_token=token, error=error)
            )

    def known_digests(self, fleet: str, host: str) -> dict[str, str]:
        """Section -> digest of what the ledger has of a host; empty for a host it has not heard of."""
        with self.database.read() as connection:
            row = hosts.find(connection, fleet, host)
            return {} if row is None else _current(connection, row.id)

    def history_of(self, fleet: str, host: str, limit: int | None = None) -> list[dict[str, Any]]:
        """What a host had at each look, newest first: {look_id, ms, token, incarnation, platform, error, answer,
        sections: {section: digest}}.

        error is None for a look that worked; after one that did not, sections are what was known then. `contents` gives
        what the digests stand for.
        """
        with self.database.read() as connection:
            row = hosts.find(connection, fleet, host)
            if row is None:
                return []
            seen = connection.execute(sa.select(looks).where(looks.c.host_id == row.id).order_by(looks.c.id)).all()
            changes: dict[int, dict[str, str | None]] = {}
            for change in connection.execute(sa.select(look_changes).where(look_changes.c.host_id == row.id)):
                changes.setdefault(change.look_id, {})[change.section] = change.digest
            newest = seen[-limit:] if limit else seen
            answers = content.load(connection, {look.answer for look in newest if look.answer})
        history: list[dict[str, Any]] = []
        at: dict[str, str] = {}
        for look in seen:
            at = {section: digest for section, digest in {**at, **changes.get(look.id, {})}.items() if digest}
            if look.id >= newest[0].id:
                about = {
                    "look_id": look.id,
                    "ms": look.ms,
                    "token": look.token,
                    "incarnation": look.incarnation,
                    "platform": look.platform,
                }
                history.append({**about, "error": look.error, "answer": answers.get(look.answer), "sections": at})
        return history[::-1]

    def contents(self, digests: Mapping[str, str]) -> dict[str, Any]:
        """Section -> content for section -> digest, as `history_of` and `known_digests` give them; LedgerError for a
        digest without content."""
        with self.database.read() as connection:
            found = content.load(connection, set(digests.values()))
        lacking = sorted(section for section, digest in digests.items() if digest not in found)
        if lacking:
            raise LedgerError(
                f"the ledger does not have the content of: {', '.join(lacking)}",
                self.where,
                "name digests that history_of gives",
            )
        return {section: found[digest] for section, digest in digests.items()}

    def _packed(
        self, host: str, digests: Mapping[str, str], given: Mapping[str, Any], raw: Mapping[str, bytes]
    ) -> dict[str, content.Packed]:
        for section, digest in digests.items():
            if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
                raise LedgerError(f"the digest of the section {section!r} is none", host, _NOTHING)
        packed = {}
        for section, value in given.items():
            known = raw.get(section)
            item = self._pack(host, f"the section {section!r}", value) if known is None else content.pack_raw(known)
            if item.digest != digests.get(section):
                raise LedgerError(
                    f"the section {section!r} does not have the digest that the host gave", host, _NOTHING
                )
            packed[item.digest] = item
        return packed

    def _pack(self, host: str, what: str, value: Any) -> content.Packed:
        try:
            return content.pack(value)
        except (ValueError, RecursionError) as error:
            raise LedgerError(f"{what} cannot be stored: {error}", host, _NOTHING) from error

    def _refuse_unknown(
        self, connection: sa.Connection, host: str, wanted: set[str], digests: Mapping[str, str]
    ) -> None:
        lacking = wanted - content.present(connection, wanted)
        if lacking:
            names = sorted(section for section, digest in digests.items() if digest in lacking)
            raise UnknownContent(
                f"the ledger does not have the content of: {', '.join(names)}",
                host,
                "look again with known={}, so that the host sends all of it",
                names,
            )

    def _forget_verdicts(
        self, connection: sa.Connection, run: sa.Row[Any], row: sa.Row[Any], replaced: list[str], now_ms: int
    ) -> None:
        """A machine that replaces another begins anew in the open plan: what was proved was proved on the other one."""
        query = sa.select(plan_hosts).join(plans, plans.c.plan_id == plan_hosts.c.plan_id)
        for item in connection.execute(query.where(plan_hosts.c.host_id == row.id, plans.c.state == "open")).all():
            reason = f"another machine has this name now ({', '.join(replaced)} changed)"
            values = {
                "status": "pending",
                "phase": "",
                "reason": reason,
                "detail": "{}",
                "token": run.token,
                "ms": now_ms,
            }
            key = (plan_hosts.c.plan_id == item.plan_id) & (plan_hosts.c.host_id == row.id)
            connection.execute(
                sa.update(plan_hosts).where(key).values(**values, rollbackable=None, rollback_reason=reason)
            )
            moved = {k: v for k, v in values.items() if k != "status"}
            connection.execute(
                sa.insert(transitions).values(
                    plan_id=item.plan_id, host_id=row.id, ring=item.ring, before=item.status, after="pending", **moved
                )
            )


def _current(connection: sa.Connection, host_id: int) -> dict[str, str]:
    rows = connection.execute(sa.select(sections.c.section, sections.c.digest).where(sections.c.host_id == host_id))
    return {row.section: row.digest for row in rows}


def _write_changes(
    connection: sa.Connection, host_id: int, look_id: int, before: Mapping[str, str], after: Mapping[str, str]
) -> list[str]:
    changed = sorted(section for section in {**before, **after} if before.get(section) != after.get(section))
    if not changed:
        return []
    rows = [{"host_id": host_id, "section": section, "digest": after.get(section)} for section in changed]
    connection.execute(sa.insert(look_changes), [{**row, "look_id": look_id} for row in rows])
    connection.execute(sa.delete(sections).where(sections.c.host_id == host_id, sections.c.section.in_(changed)))
    kept = [row for row in rows if row["digest"]]
    if kept:
        connection.execute(sa.insert(sections), kept)
    return changed
