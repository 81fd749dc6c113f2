# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import hooks, verdicts
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import ControllerAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.admission import Admission
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.clocks import refuse_when_wrong
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.facts import rings_of, statuses_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.orders import refuse_when_halted, unapproved
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.proving import proofs_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import Run, for_host
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.takeover import NEXT, newer_run, taken_over
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.gate import Gate, decide
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.summary import say


class ActionModule(ControllerAction):
    """Ask the gate about the batch of this play.

    Only hosts that it lets go get a permit, and host actions do nothing without one.
    """

    def decide(self) -> dict[str, Any]:
        run = self.current
        if run is None:
            raise LockstepError(
                "no run is open",
                "role gate",
                "the gate belongs to a rollout; use the playbook lockstep.patching.rollout",
            )
        try:
            gate = self._ask(run)
        except LockstepError as error:
            self.stop(error)
            gate = Gate("stop", None, str(error), error.next_step, [], [])
        return {"changed": gate.decision != "go", "decision": gate.decision, "why": gate.why, "next": gate.next}

    def _ask(self, run: Run) -> Gate:
        ledger = Ledger.open(run.ledger, create=False)
        plan = ledger.plan(run.plan_id or "")
        if plan["state"] != "open":
            raise LockstepError(f"plan {plan['plan_id'][:12]} is {plan['state']}", "gate", "run rollout again")
        newer = newer_run(ledger, run.fleet, run.token)
        if newer is not None and newer["ended_ms"] is None:
            raise LockstepError(taken_over(newer), "gate", NEXT)
        refuse_when_halted(ledger, run.fleet, "gate")
        refuse_when_wrong(self.files, ledger, run.token)
        hosts = [str(host) for host in self._vars.get("ansible_play_batch", [])]
        ring = next((batch["ring"] for batch in self.files.read("batches") if hosts and hosts[0] in batch["hosts"]), "")
        known = self.files.read("inventory")
        proofs = None
        if not run.check:
            policy = self.files.read_policy()
            proofs = proofs_of(ledger, policy, plan, run.token, now_ms(), roles=self.files.read("role-checks"))
            verdicts.settle(ledger, policy, plan, run.token, now_ms(), proofs)
        statuses = statuses_of(ledger, plan["plan_id"])
        admission = Admission(self.files, plan, statuses, now_ms())
        gate = admission.blocked(ring) or decide(
            self.files.read_policy(),
            plan["body"]["scope"],
            statuses,
            rings_of(ledger, plan["plan_id"]),
            ring,
            hosts,
            now_ms(),
            [host for host in hosts if self.files.read(for_host("answered", host))],
            known["limited"],
            known["hosts"],
            verdicts.retired(statuses),
            [host for host in self.files.read("attempted") or [] if host not in admission.waits],
            unapproved(ledger, self.files.read_policy(), run.policy, plan, ring),
            proofs,
        )
        gate = admission.narrowed(ring, gate)
        gate = admission.in_turn(plan["body"]["scope"], ring, gate)
        gate = admission.guarded(run, ledger, ring, gate)
        gate = admission.shared(run, ledger, ring, gate)
        if not run.check:
            if gate.decision == "go" and gate.hosts:
                hooks.around(self, run, ledger, self.files.read_policy(), ring, gate.hosts)
            self._record(run, ledger, plan, ring, gate)
        if gate.decision == "go":
            self.files.write("attempted", [*(self.files.read("attempted") or []), *gate.hosts])
            run.gate = None  # who had to wait for a budget is asked again after a gate has said stop
            self.files.save(run)
            admission.go(gate.hosts)
            for host in gate.hosts:
                self.files.write(for_host("go", host), admission.permit(ring, host))
        else:
            run.gate = {
                "approval": gate.approval,
                "decision": gate.decision,
                "until_ms": gate.until_ms,
                "why": gate.why,
                "next": gate.next,
            }
            self.files.save(run)
        self._display.display(say(f"gate {ring}", f"{gate.decision}: {gate.why}", gate.next))
        return gate

    def _record(self, run: Run, ledger: Ledger, plan: dict[str, Any], ring: str, gate: Gate) -> None:
        """Keep what the gate said, and who was silent when it was asked."""
        for host in gate.absent:
            reason = self.files.read(for_host("silent", host)) or "it gave no answer in this run"
            ledger.set_host(plan["plan_id"], host, "unreachable", "absent", reason, {}, run.token, now_ms())
        ledger.record_gate(plan["plan_id"], ring, gate.decision, gate.why, gate.hosts, run.token, now_ms())
        if gate.decision == "go" and gate.hosts:
            verdicts.open_ring(ledger, plan, ring, run.token, now_ms())
