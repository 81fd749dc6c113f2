# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import own_variables, patterns
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import ControllerAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.assess_data import assess_data, told
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.assessing import (
    HOST_WORDS,
    Fleet,
    assess,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.feeds import add_acquired, opened, settings
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.garbage import uncollected
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.offers import Offers
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.risk_files import read_risk_files
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import Run
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.ecosystems import ecosystem_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy


class ActionModule(ControllerAction):
    """Assess the run's hosts. In a rollout it does nothing where no feeds are given."""

    def decide(self) -> dict[str, Any]:
        with uncollected():
            return self._assess()

    def _assess(self) -> dict[str, Any]:
        run = self.current
        if run is None:
            raise LockstepError(
                "no run is open",
                "role assess",
                "use the playbook lockstep.patching.assess, or call the role open first",
            )
        given = settings(self.variable, os.environ)
        if run.stopped or (not given.wanted and run.stage != "assess"):
            return {"assessed": False}
        ledger = Ledger.open(run.ledger, create=False)
        policy: Policy = self.files.read_policy()
        manager = patterns.whole_inventory(self._vars.get("groups", {}), self._loader)
        files = read_risk_files(policy, run.policy, self.files.read("matches") or {}, manager)
        now = now_ms()
        feeds = opened(given, now, "missing")
        try:
            silent = add_acquired(feeds, ledger, run.fleet, run.store, given.cache, now)
            hosts = self._hosts(run)
            offers = Offers(ledger, run.fleet, self._by_source(ledger, run.fleet))
            asked = frozenset(self.files.read("hosts-look") or ())
            fleet = Fleet(
                run.fleet,
                hosts,
                own_variables.read(self._vars["hostvars"], hosts, HOST_WORDS),
                offers.in_use,
                offers.controls,
                asked,
            )
            made = assess(ledger, fleet, run.token, policy, files, feeds, given.cache, now, keep=not run.check)
            data = assess_data(run.fleet, policy, run.policy, files, feeds, made, offers, now, silent)
        finally:
            feeds.close()
        self.files.write("assessment", data)
        counts = told(data)
        if run.stage != "assess":
            run.notes = [note for note in run.notes if not note.startswith("vulnerabilities: ")]
            run.notes.append(f"vulnerabilities: {counts}")
            self.files.save(run)
        return {"assessed": True, "assessment": made.assessment_id, "summary": counts}

    def _hosts(self, run: Run) -> list[str]:
        """Whom the assessment is about: the whole inventory, or those that --limit leaves."""
        known = self.files.read("inventory") or {"hosts": [], "limited": None}
        return list(known["hosts"] if known["limited"] is None else known["limited"])

    def _by_source(self, ledger: Ledger, fleet: str) -> list[str]:
        """Hosts of an ecosystem whose data name source packages."""
        rows = ledger.inventory(fleet, ("os",))
        systems = dict(ledger.contents_of({row.digests["os"] for row in rows if "os" in row.digests}))
        found = []
        for row in rows:
            system = systems.get(row.digests.get("os", ""))
            known = ecosystem_of(system) if isinstance(system, dict) else None
            if known is not None and known.by_source:
                found.append(row.host)
        return found
