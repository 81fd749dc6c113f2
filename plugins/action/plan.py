# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
from typing import Any

from ansible import constants, context

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import schedule, shares
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import ControllerAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.clocks import refuse_when_wrong
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.facts import (
    first_seen,
    note_seen,
    states_of,
    statuses_of,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.ordering import seats_of, sort_scope
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.outlook import Outlook, deadlines_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import Run, for_host
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.texts import write_text
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.batches import rollout_batches
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.plan import build_plan, plan_id
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.plan_file import write_plan
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.plan_text import render_plan
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.closes import closes_text, wanted_sources
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.settings import effective
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names

SHOWN_LINES = 120
SHOWN_CLOSES = 20


class ActionModule(ControllerAction):
    """Freeze a plan from what this run has seen, unless one is open."""

    def decide(self) -> dict[str, Any]:
        run = self.current
        if run is None:
            raise LockstepError(
                "no run is open", "role plan", "use the playbook lockstep.patching.plan, or call the role open first"
            )
        if run.stopped:
            return {}
        ledger = Ledger.open(run.ledger, create=False)
        policy: Policy = self.files.read_policy()
        known = run.plan_id is not None
        if not known:
            refuse_when_wrong(self.files, ledger, run.token)
            self._make(run, ledger, policy)
        if run.plan_id is None:
            return {}
        plan = ledger.plan(run.plan_id)
        path = os.path.join(run.report_dir, f"plan-{run.plan_id[:12]}.json")
        write_text(path, write_plan(plan["body"]))
        assessed = self.files.read("assessment")
        closes = closes_text(assessed, plan["body"]) if assessed else []
        if known and run.stage != "plan" and not run.check:
            return {"plan_id": run.plan_id, "path": path}  # it has been shown, and a resumed rollout must be quick
        ahead = self._ahead(ledger, policy, plan["body"], statuses_of(ledger, plan["plan_id"]))
        text = "\n".join([render_plan(plan["body"], plan["left_out"]), *closes, "", *ahead])
        write_text(path[: -len(".json")] + ".txt", text)
        if run.check and known:
            self._display.display("\n".join(ahead))
        if run.stage == "plan":
            self._display.display(summary(plan, policy, run, path, closes, ahead))
        return {"plan_id": run.plan_id, "path": path}

    def _make(self, run: Run, ledger: Ledger, policy: Policy) -> None:
        scope = self.files.read("scope")
        hosts = [host for entry in scope for host in entry["hosts"]]
        states = states_of(ledger, run.fleet, hosts)
        note_seen(ledger, run.fleet, states.values(), run.token, now_ms())
        self._first_ring_answered(policy, scope, states, run)
        matches = self.files.read("matches")
        settings = {
            host: effective(policy, entry["ring"], host, self.files.read(for_host("vars", host)) or {}, matches)
            for entry in scope
            for host in entry["hosts"]
        }
        seen = first_seen(ledger, run.fleet, states.values())
        recalls = ledger.orders(run.fleet, "recall")
        body, left_out = build_plan(
            run.fleet, policy, scope, states, seen, now_ms(), settings, recalls, self._closing(policy)
        )
        due, _vulns = deadlines_of(self.files.read("assessment"), body)
        sort_scope(policy, body["scope"], self._vars, matches, due or {})
        self.files.write("left", left_out)
        self._supersede(run, ledger, bool(body["lines"]), left_out)
        if not body["lines"]:
            self._nothing(run, left_out)
            return
        if run.check:
            self._show(run, policy, body, left_out)
            return
        run.plan_id = plan_id(body)
        saved = ledger.save_plan(run.plan_id, body, left_out, run.fleet, self.common().actor, run.token, now_ms())
        if run.emergency:
            ledger.give_order(
                "emergency",
                run.emergency["subject"],
                run.emergency["reason"],
                {},
                run.token,
                now_ms(),
                plan_id=run.plan_id,
            )
        if saved == "reopened":
            self._forget_results(ledger, run)
        plan = ledger.plan(run.plan_id)
        self.files.save(run)
        schedule.write(self.files, run, ledger, policy, plan, now_ms(), self._vars)

    def _closing(self, policy: Policy) -> dict[str, set[str]] | None:
        """Host -> packages that `select.closes` asks for, None where the policy does not have it."""
        if policy.select.closes is None:
            return None
        assessed = self.files.read("assessment")
        if assessed is None:
            raise LockstepError(
                "updates are to be selected by what they close, and this run has no vulnerability data",
                policy.name,
                "set lockstep_feeds to vulnerability data, see docs/assess.md; or take select.closes out, and name a"
                " package in an emergency",
            )
        return wanted_sources(assessed, policy.select.closes, now_ms())

    def _supersede(self, run: Run, ledger: Ledger, lines: bool, left_out: list[dict[str, Any]]) -> None:
        """Close the plan that this one replaces, now that it is certain what replaces it."""
        if run.supersede and not run.check and (lines or not any(entry["why"] == "unknown" for entry in left_out)):
            ledger.close_plan(run.supersede["plan_id"], "superseded", run.supersede["reason"], run.token, now_ms())

    def _forget_results(self, ledger: Ledger, run: Run) -> None:
        """The same plan is due again (a fleet was put back to older versions): what it proved then is not true now."""
        plan_id = str(run.plan_id)
        for host, record in ledger.host_statuses(plan_id).items():
            if record["status"] != "pending":
                ledger.set_host(plan_id, host, "pending", "", "the plan is due again", {}, run.token, now_ms())
        for ring in ledger.rings(plan_id):
            ledger.set_ring(plan_id, ring["ring"], "waiting", "the plan is due again", run.token, now_ms())

    def _first_ring_answered(
        self, policy: Policy, scope: list[dict[str, Any]], states: dict[str, Any], run: Run
    ) -> None:
        """A plan proves what the first ring takes; with a silent test host it would quietly prove less."""
        first, ring = scope[0], policy.ring(scope[0]["ring"])
        silent = [host for host in first["hosts"] if not (states.get(host) or {}).get("reachable")]
        allowed = ring.gate.max_absent.of(len(first["hosts"])) if ring else 0
        if len(silent) > allowed or len(silent) == len(first["hosts"]):
            errors = "; ".join(f"{host}: {(states.get(host) or {}).get('error') or 'no answer'}" for host in silent[:5])
            raise LockstepError(
                f"{len(silent)} of {len(first['hosts'])} hosts of ring '{first['ring']}' gave no answer ({errors}), "
                f"and max_absent {ring.gate.max_absent if ring else 0} allows {allowed}; "
                "no plan was made and no host was touched",
                f"ring {first['ring']}",
                f"make {names(silent)} reachable (power, network, SSH, sudo) and run again, or take it out of the ring",
            )

    def _nothing(self, run: Run, left_out: list[dict[str, Any]]) -> None:
        unknown = sorted({entry["host"] for entry in left_out if entry["why"] == "unknown"})
        if unknown:
            first = next(entry for entry in left_out if entry["why"] == "unknown")
            raise LockstepError(
                f"what is pending is unknown on {names(unknown)}: {first['host']}: {first['detail']}",
                "plan",
                str(first["next"]),
            )
        withheld = sum(1 for entry in left_out if not entry["taken"])
        more = f"; {withheld} pending updates are left out, see the report for why" if withheld else ""
        run.notes.append(f"nothing to do: no host of the rings has an update that the policy selects{more}")
        self.files.save(run)

    def _ahead(self, ledger: Ledger, policy: Policy, body: dict[str, Any], statuses: dict[str, Any]) -> list[str]:
        """When each ring will be done, which deadlines that misses, and what freezes leave open."""
        forks = int(context.CLIARGS.get("forks") or constants.DEFAULT_FORKS)
        matches = self.files.read("matches")
        seen = Outlook(ledger, policy, body["scope"], statuses, self._vars, matches, forks, now_ms())
        due, vulns = deadlines_of(self.files.read("assessment"), body)
        return [*seen.text(due), *seen.held(vulns)]

    def _show(self, run: Run, policy: Policy, body: dict[str, Any], left_out: list[dict[str, Any]]) -> None:
        """What a rollout would do; nothing is kept."""
        buckets = shares.divide(policy, body["scope"], self._vars, self.files.read("matches"))
        seated = seats_of(policy, [host for entry in body["scope"] for host in entry["hosts"]], self._vars)
        batches = rollout_batches(policy, body["scope"], {}, {}, now_ms(), buckets=buckets, seated=seated)
        self.files.write(
            "shown", {"body": body, "left_out": left_out, "batches": [batch._asdict() for batch in batches]}
        )
        assessed = self.files.read("assessment")
        closes = closes_text(assessed, body)[:SHOWN_CLOSES] if assessed else []
        ahead = self._ahead(Ledger.open(run.ledger, create=False), policy, body, {})
        text = [render_plan(body, left_out), *closes, "", *ahead, "", *defaults(policy), "", "batches of this run"]
        text += [f"  {batch.ring}: {names(batch.hosts, 20)}" for batch in batches]
        text.append(f"reboots: {policy.reboot[0].mode}, at most one a host")
        self._display.display("\n".join(text))
        run.notes.append(
            f"check: plan {plan_id(body)[:12]} would install {len(body['lines'])} lines; nothing was kept or changed"
        )
        self.files.save(run)


def summary(plan: dict[str, Any], policy: Policy, run: Run, path: str, closes: list[str], ahead: list[str]) -> str:
    """The plan as the terminal shows it: as long as a person reads it, and where the whole is."""
    lines = render_plan(plan["body"], plan["left_out"]).splitlines()
    if len(lines) > SHOWN_LINES:
        lines = [*lines[:SHOWN_LINES], f"… and {len(lines) - SHOWN_LINES} more lines, in {path[: -len('.json')]}.txt"]
    if len(closes) > SHOWN_CLOSES:
        closes = [*closes[:SHOWN_CLOSES], f"  … and {len(closes) - SHOWN_CLOSES} more upgrades"]
    return "\n".join([*lines, *closes, "", *ahead, "", *defaults(policy), "", *run.notes, f"plan file: {path}"])


def defaults(policy: Policy) -> list[str]:
    """Every default that the policy leaves to Lockstep, and what overrides it where."""
    taken = [f"  {key}: {value}" for key, value in policy.defaults_taken]
    return [f"defaults taken ({policy.name} does not say)", *taken] if taken else []
