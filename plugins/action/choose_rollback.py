# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import ControllerAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.facts import statuses_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import ROLLOUTS
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.rollback import hosts_back
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names


class ActionModule(ControllerAction):
    """Choose the hosts of rings that the policy wants back as a whole. A rollback by hand has chosen already."""

    def decide(self) -> dict[str, Any]:
        run = self.current
        if run is None or run.stopped or run.check or run.stage not in ROLLOUTS or run.plan_id is None:
            return {}
        rule = self.files.read_policy().rollback
        if rule.scope != "ring" or rule.on == "never":
            return {}
        ledger = Ledger.open(run.ledger, create=False)
        scope, statuses = ledger.plan(run.plan_id)["body"]["scope"], statuses_of(ledger, run.plan_id)
        known = set(self.files.read("inventory")["hosts"])
        chosen: list[str] = []
        for entry in scope:
            bad = [host for host in entry["hosts"] if rule.wanted((statuses.get(host) or {}).get("status", ""))]
            if bad:
                chosen += [host for host in hosts_back(scope, statuses, entry["ring"]) if host in known]
                run.notes.append(f"ring '{entry['ring']}' is rolled back for {names(bad)}")
        self.files.write("hosts-rollback", chosen)
        self.files.save(run)
        return {"hosts": chosen}
