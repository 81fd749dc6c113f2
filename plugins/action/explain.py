# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.asking import AskingAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.facts import rings_of, state_of, statuses_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.safeguard import held_hosts
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.explain import Known, explain
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.model import Group
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import did_you_mean, plain

PLANS = 20
"""How many of the newest plans are searched for the host."""


class ActionModule(AskingAction):
    """Say why a host is patched or not, from what is recorded. Contacts no host."""

    stage = "explain"

    def answer(self, policy: Policy) -> tuple[str, dict[str, Any]]:
        host, package, cve = (str(self.argument(name, "")).strip() for name in ("host", "package", "cve"))
        if not host or (package and cve):
            raise LockstepError(
                "it is not said what is to be explained",
                "explain",
                "give -e host=NAME, and -e package=NAME or -e cve=CVE-…",
            )
        with self.ledger() as ledger:
            known = self._known(ledger, policy.fleet, host)
        lines = explain(known, package, cve, now_ms(), policy.look_max_age_ms)
        about = f" · {package or cve}" if package or cve else ""
        self._display.display("\n".join([f"{plain(host, 100)}{plain(about, 100)}", *(f"  {line}" for line in lines)]))
        return f"done: {plain(host, 100)}: {lines[-1]}", {"changed": False, "lines": lines}

    def _known(self, ledger: Ledger, fleet: str, host: str) -> Known:
        state = state_of(ledger.state(fleet, host))
        plan = self._plan(ledger, fleet, host)
        if state is None and plan is None:
            everyone = [name for name, _state in ledger.states(fleet, sections=())]
            hint = did_you_mean(host, everyone)
            raise LockstepError(
                f"the ledger has not heard of this host in fleet {fleet}{hint}", host, "run detect first"
            )
        ring, record, rings, held = None, None, {}, ""
        if plan is not None:
            ring = next(entry["ring"] for entry in plan["body"]["scope"] if host in entry["hosts"])
            statuses = statuses_of(ledger, plan["plan_id"])
            record = statuses.get(host)
            if plan["state"] == "open":
                held = held_hosts(ledger, fleet, plan, statuses, [host]).get(host, "")
            rings = rings_of(ledger, plan["plan_id"])
        return Known(
            host,
            state,
            plan,
            ring,
            record,
            rings,
            ledger.orders(fleet, "halt"),
            ledger.orders(fleet, "recall"),
            held,
            self._findings(ledger, fleet, host),
        )

    @staticmethod
    def _plan(ledger: Ledger, fleet: str, host: str) -> dict[str, Any] | None:
        """The open plan that has the host, else the newest one that has it."""
        for row in sorted(ledger.plans(fleet, PLANS), key=lambda row: row["state"] != "open"):
            plan = ledger.plan(row["plan_id"])
            if any(host in entry["hosts"] for entry in plan["body"]["scope"]):
                return plan
        return None

    @staticmethod
    def _findings(ledger: Ledger, fleet: str, host: str) -> list[dict[str, Any]] | None:
        contents = ledger.groups_of(fleet, host)
        if contents is None:
            return None
        groups = [Group.of(content) for content in contents]
        return [{**entry._asdict(), "source": group.source} for group in groups for entry in group.findings]
