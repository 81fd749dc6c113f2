# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import membership, patterns
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import ControllerAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.facts import statuses_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.inventory_sources import refuse_failed
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.orders import ORDERS, refuse_when_halted
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.policy_file import (
    matches_of,
    read_policy,
    scope_of,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import ROLLOUTS, Run
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.takeover import CHECK
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.emergency import emergency_policy, subject_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.looks import parts_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.rollback import hosts_back
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names, plural
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.outside import UNASSIGNED, UNMANAGED

WITHOUT_POLICY = ("detect", "assess", "report", "halt", "resume")
MAKES_PLANS = ("plan", "rollout", "emergency")


class ActionModule(ControllerAction):
    """Open a run. An error here still leaves a run behind, stopped, so that the last play reports it.

    Runs once; what only some stages need is imported where it is used, since every `detect` would wait for it.
    """

    def decide(self) -> dict[str, Any]:
        stage = str(self.argument("stage"))
        self.files.clear()
        started = now_ms()
        self.current = Run(token=0, stage=stage, fleet="", ledger="", store="", report_dir="", started_ms=started)
        self.current.check = bool(self._task.check_mode)
        self.current.limit = self._vars.get("ansible_limit")
        self.files.save(self.current)

        if stage != "halt":  # nothing may be in the way of that
            refuse_failed()
        common = self.common()
        policy = read_policy(common.policy)
        if not policy.rings and stage not in WITHOUT_POLICY:
            raise LockstepError(
                f"{stage} needs a policy",
                "lockstep_policy",
                "give one with -e lockstep_policy=PATH; the playbook init writes one",
            )
        if stage == "emergency":
            policy = self._emergency(policy)
        self.current.fleet, self.current.policy, self.current.policy_digest = policy.fleet, common.policy, policy.digest
        self.current.ledger, self.current.store, self.current.report_dir = (
            common.ledger,
            common.store,
            common.report_dir,
        )
        self.files.save(self.current)

        manager = patterns.whole_inventory(self._vars.get("groups", {}), self._loader)
        everyone = [str(host.name) for host in manager.get_hosts("all", ignore_limits=True)]
        limited = patterns.limited(manager, self.current.limit) if self.current.limit else None
        self.files.write_policy(policy)
        matches = matches_of(policy, manager)
        if policy.exceptions or stage == "assess":  # a mistake in them is told before any host is touched
            from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.risk_files import read_risk_files

            read_risk_files(policy, common.policy, matches, manager)
        self.files.write("matches", matches)
        self.files.write("inventory", {"hosts": everyone, "limited": limited})

        ledger = Ledger.open(common.ledger)
        self.current.token = ledger.begin_run(
            policy.fleet,
            stage + (CHECK if self.current.check else ""),
            common.actor,
            common.job,
            common.controller,
            policy.digest or None,
            started,
        )
        self.files.save(self.current)
        unassigned = [str(host) for host in self._vars.get("groups", {}).get(UNASSIGNED, ())]
        if unassigned and stage not in WITHOUT_POLICY:
            count = plural(len(unassigned), "host")
            self.current.notes.append(f"{count} of no ring (group {UNASSIGNED}): {names(unassigned)}")
        self._choose(ledger, policy, manager, stage, everyone)
        self.files.save(self.current)
        return {"token": self.current.token, "fleet": policy.fleet}

    def _choose(self, ledger: Ledger, policy, manager, stage: str, everyone: list[str]) -> None:
        """Which hosts to look at, or how to go on with a plan."""
        run = self.current
        if run is None or stage in ("report", "halt", "resume", "recall"):
            return
        if stage == "rollback":
            self._choose_back(ledger, everyone)
            return
        if stage in ROLLOUTS:
            refuse_when_halted(ledger, run.fleet, f"fleet {run.fleet}")
        self._check_parts()
        if stage == "assess" and self.variable("lockstep_look") in (False, "false", "no"):
            return
        if stage in ("detect", "assess"):
            unmanaged = {str(host) for host in self._vars.get("groups", {}).get(UNMANAGED, ())}
            managed = [host for host in everyone if host not in unmanaged]
            self._look_at(managed, "the inventory has no hosts; check -i INVENTORY")
            return
        from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import schedule
        from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.plan_choice import chosen_plan

        supersede = self.variable("lockstep_supersede") or self._other_plan(ledger, run)
        plan = chosen_plan(ledger, run.fleet, self.variable("plan"), supersede, run, now_ms())
        if plan is not None:
            run.plan_id = plan["plan_id"]
            if stage in ORDERS:
                return
            self._compare(ledger, policy, manager, plan, everyone)
            schedule.write(self.files, run, ledger, policy, plan, now_ms(), self._vars)
            return
        if stage not in MAKES_PLANS and run.supersede:
            raise LockstepError(f"{stage} makes no plan", "lockstep_supersede", "supersede with plan or rollout")
        if stage not in MAKES_PLANS:
            raise LockstepError(
                "there is no open plan",
                f"ledger of fleet {run.fleet}",
                "make one with the playbook plan, or run rollout",
            )
        scope = scope_of(policy, manager)
        self.files.write("scope", scope)
        hosts = [host for entry in scope for host in entry["hosts"]]
        limited = self.files.read("inventory")["limited"]
        hidden = [] if limited is None else [host for host in hosts if host not in set(limited)]
        if hidden:
            raise LockstepError(
                f"--limit hides {len(hidden)} of {len(hosts)} hosts of the rings ({', '.join(hidden[:5])}), "
                "and a plan is made for all of them",
                f"--limit {run.limit}",
                "run without --limit; the rings of the policy say who goes when",
            )
        self._look_at(hosts, "no ring has a host")

    def _emergency(self, policy: Policy) -> Policy:
        """The policy for an emergency, and what it is about."""
        given = {name: str(self.variable(name) or "") for name in ("package", "cve", "lockstep_advisory")}
        subject = subject_of(*given.values())
        reason = str(self.variable("lockstep_reason") or "").strip()
        if sum(1 for value in given.values() if value) != 1 or not reason:
            raise LockstepError(
                "an emergency is about one thing and has a reason",
                "emergency",
                "give one of -e cve=CVE-…, -e package=NAME and -e lockstep_advisory=ID, and "
                "-e \"lockstep_reason='why'\"",
            )
        if self.current is not None:
            self.current.emergency = {"subject": subject, "reason": reason}
            self.current.notes.append(f"emergency: {subject}: {reason}")
        return emergency_policy(policy, *given.values())

    @staticmethod
    def _other_plan(ledger: Ledger, run: Run) -> str | None:
        """Why an emergency closes the open plan: it is not of this emergency."""
        plan = ledger.open_plan(run.fleet) if run.emergency else None
        if plan is None or run.emergency is None:
            return None
        mine = ledger.orders(run.fleet, "emergency", plan_id=plan["plan_id"])
        same = any(order["subject"] == run.emergency["subject"] for order in mine)
        return None if same else f"emergency: {run.emergency['subject']}: {run.emergency['reason']}"

    def _choose_back(self, ledger: Ledger, everyone: list[str]) -> None:
        """Which plan is taken back on which hosts: those named by host, ring or package, or all of a named plan."""
        run = self.current
        if run is None:
            return
        given = {name: str(self.variable(name) or "") for name in ("plan", "host", "package", "lockstep_ring")}
        if not any(given.values()):
            raise LockstepError(
                "what is to be rolled back is not said",
                "rollback",
                "give -e host=NAME, -e lockstep_ring=RING, -e package=NAME or -e plan=ID",
            )
        if given["plan"]:
            plan = ledger.plan(given["plan"])
        else:
            newest = ledger.plans(run.fleet, 1)
            if not newest:
                raise LockstepError("there is no plan", f"ledger of fleet {run.fleet}", "nothing was changed")
            plan = ledger.plan(newest[0]["plan_id"])
        run.plan_id = plan["plan_id"]
        scope, ring = plan["body"]["scope"], given["lockstep_ring"]
        rings = [entry["ring"] for entry in scope]
        if ring not in ("", *rings):
            raise LockstepError(
                f"plan {plan['plan_id'][:12]} has no ring '{ring}'", "lockstep_ring", f"one of {names(rings)}"
            )
        wanted = [name.strip() for name in given["host"].split(",") if name.strip()] or None
        hosts = hosts_back(scope, statuses_of(ledger, plan["plan_id"]), ring, wanted)
        missing = [host for host in wanted or () if host not in hosts]
        if missing or not hosts:
            raise LockstepError(
                f"plan {plan['plan_id'][:12]} has changed nothing on {names(missing or ['any of these hosts'])}",
                "rollback",
                "check the names; -e plan=ID chooses another plan",
            )
        gone = [host for host in hosts if host not in everyone]
        if gone:
            raise LockstepError(f"{names(gone)}: not in the inventory", "rollback", "check -i INVENTORY")
        self.files.write("hosts-rollback", hosts)

    def _check_parts(self) -> None:
        try:
            parts_of(self.variable("lockstep_parts") or ())
        except ValueError as error:
            raise LockstepError(str(error), "lockstep_parts", "mend the variable; no host was looked at") from error

    def _compare(self, ledger: Ledger, policy, manager, plan, everyone: list[str]) -> None:
        """Note who left and who joined since the plan was made; a plan's scope is frozen."""
        run = self.current
        if run is None or run.stage == "retire":
            return
        run.gone = membership.leavers(plan, statuses_of(ledger, plan["plan_id"]), everyone)
        new = membership.joiners(policy, manager, plan)
        if new:
            run.notes.append(f"{names(new)} joined the rings since and waits for the next plan")

    def _look_at(self, hosts: list[str], empty: str) -> None:
        if not hosts:
            raise LockstepError(empty, "inventory", "no host was touched")
        self.files.write("hosts-look", hosts)
