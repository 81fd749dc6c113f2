# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hooks that have begun and are not taken back yet, so that a controller that was killed forgets none of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import canonical
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.content import clean
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.libs import sa
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.part import Part
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import open_hooks


class Hooks(Part):
    def begin_hook(
        self,
        fleet: str,
        scope: str,
        subject: str,
        hook: str,
        plan_id: str,
        steps: Mapping[str, Any],
        token: int,
        now_ms: int,
    ) -> None:
        """Note that the hook's `pre` begins; from now on it is to be taken back. steps: `{post, undo}` as documents."""
        row = {"plan_id": plan_id, "state": "begun", "steps": canonical(dict(steps)), "token": token, "ms": now_ms}
        key = {"fleet": clean(fleet), "scope": scope, "subject": clean(subject), "hook": hook}
        with self.database.write() as connection:
            if not connection.execute(sa.update(open_hooks).where(*_same(key)).values(**row)).rowcount:
                connection.execute(sa.insert(open_hooks).values(**key, **row))
            run = self._run(connection, token)
            self._record(connection, run, "hook", key["subject"], _body(key, plan_id, "pre", "begun", ""), now_ms)

    def hook_done(
        self,
        fleet: str,
        scope: str,
        subject: str,
        hook: str,
        plan_id: str,
        step: str,
        problem: str,
        seconds: float,
        token: int,
        now_ms: int,
    ) -> None:
        """Record how a step (`pre`, `post` or `undo`) ended. After a good `post` or `undo` nothing is owed."""
        key = {"fleet": clean(fleet), "scope": scope, "subject": clean(subject), "hook": hook}
        state = {"pre": "failed" if problem else "done"}.get(step, "stuck")
        with self.database.write() as connection:
            if step != "pre" and not problem:
                connection.execute(sa.delete(open_hooks).where(*_same(key)))
            else:
                changed = {"state": state, "token": token, "ms": now_ms}
                connection.execute(sa.update(open_hooks).where(*_same(key)).values(**changed))
            outcome = "failed" if problem else "done"
            body = {**_body(key, plan_id, step, outcome, clean(problem)), "ms": round(seconds * 1000)}
            self._record(connection, self._run(connection, token), "hook", key["subject"], body, now_ms)

    def open_hooks(self, fleet: str, scope: str = "", subject: str | None = None) -> list[dict[str, Any]]:
        """What is still to be taken back, oldest first: {fleet, scope, subject, hook, plan_id, state, steps, token,
        ms}.

        state: `begun` (nobody knows whether its `pre` ended), `done`, `failed` (its `pre` failed) or `stuck` (its
        `post` or `undo` failed).
        """
        query = sa.select(open_hooks).where(open_hooks.c.fleet == fleet).order_by(open_hooks.c.id)
        if scope:
            query = query.where(open_hooks.c.scope == scope)
        if subject is not None:
            query = query.where(open_hooks.c.subject == subject)
        with self.database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [{**{k: v for k, v in row.items() if k != "id"}, "steps": json.loads(row["steps"])} for row in rows]


def _same(key: Mapping[str, str]) -> list[Any]:
    return [open_hooks.c[name] == value for name, value in key.items()]


def _body(key: Mapping[str, str], plan_id: str, step: str, outcome: str, problem: str) -> dict[str, Any]:
    kept = {"hook": key["hook"], "scope": key["scope"], "plan": plan_id, "step": step, "outcome": outcome}
    return {**kept, "problem": problem} if problem else kept
