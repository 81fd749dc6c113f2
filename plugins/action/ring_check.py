# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import ControllerAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.proving import note_answer
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import one_line, plain


class ActionModule(ControllerAction):
    """Keep what a role of the user's said about a ring; the gate reads it in this run."""

    def decide(self) -> dict[str, Any]:
        run = self.current
        if run is None or not run.plan_id:
            raise LockstepError("no rollout is open", "ring_check", "the playbook lockstep.patching.rollout uses it")
        ring, name, good = str(self.argument("ring")), str(self.argument("check")), bool(self.argument("ok"))
        text = plain(one_line(str(self.argument("answer", "")))) or "the role came to its end"
        kept = self.files.read("role-checks") or {}
        kept.setdefault(ring, {})[name] = [good, text]
        self.files.write("role-checks", kept)
        note_answer(Ledger.open(run.ledger, create=False), run.plan_id, ring, name, (good, text), run.token, now_ms())
        return {"changed": False}
