# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import ControllerAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.policy_file import read_policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger, NoLedger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import duration_text
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import plural

NOTHING = {"changed": False, "looks": 0, "bytes": 0}


class ActionModule(ControllerAction):
    """Forget the looks that are older than the policy wants them kept. Without a policy nobody has said how long."""

    def decide(self) -> dict[str, Any]:
        common = self.common()
        if not common.policy or self._task.check_mode:
            return dict(NOTHING)
        policy, now = read_policy(common.policy), now_ms()
        try:
            ledger = Ledger.open(common.ledger, create=False)
        except NoLedger:
            return dict(NOTHING)
        with ledger:
            token = ledger.begin_run(
                policy.fleet, "maintain", common.actor, common.job, common.controller, policy.digest or None, now
            )
            gone = ledger.forget_looks(policy.fleet, now - policy.look_keep_ms, token, now)
            line = f"{plural(gone.looks, 'look')} older than {duration_text(policy.look_keep_ms)} forgotten"
            ledger.end_run(token, "done", f"done: {line}", now_ms())
        self._display.display(f"{line}, {gone.bytes:,} bytes of the ledger are free for new ones")
        return {"changed": gone.looks > 0, "looks": gone.looks, "bytes": gone.bytes}
