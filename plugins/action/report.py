# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
import shutil
import sys
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import (
    clocks,
    drift,
    hooks,
    patterns,
    turns,
    verdicts,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import ControllerAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.facts import (
    note_seen,
    rings_of,
    states_of,
    statuses_of,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.notifying import tell
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.orders import ORDERS, halt_text
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.policy_file import read_policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.proving import proofs_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.report_data import (
    host_results,
    ring_results,
    run_results,
    transaction_results,
    untested_drift,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import Run, for_host
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.safeguard import held_hosts
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.schedule import ROLLOUTS
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.takeover import newer_run
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.vex_files import write_vex
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.waiting import waiting_hosts
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy import notify
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import one_line
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.fleet import fleet_view
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.outside import mark_stale, outside_rows
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.rollout import rollout_view
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.terminal import terminal
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.write import write

QUIET = ("detect", "report", "init", *ORDERS)
"""Stages whose end is nobody else's business."""
FLEET_STAGES = ("detect", "plan", "report")
NO_LOOK = "this run got no look at it; its worker may have died"


class ActionModule(ControllerAction):
    """Write the reports; in the run's last play also end the run and set the exit status.

    Runs once; what only an assessment needs is imported where it is used, since every report would wait for it.
    """

    def decide(self) -> dict[str, Any]:
        run = self.current
        closing = bool(self.argument("close", False))
        if run is None:
            run = self._alone()
        files: list[str] = []
        line = "stopped: " + one_line(f"{run.stopped['why']}\n{run.stopped['next']}") if run.stopped else ""
        if closing and run.plan_id and not run.check:
            self._settle(run)
            line = "stopped: " + one_line(f"{run.stopped['why']}\n{run.stopped['next']}") if run.stopped else ""
        if run.ledger and run.token:
            try:
                line, files = self._write(run)
            except LockstepError as error:
                self.current = run
                self.stop(error)
                line = "stopped: " + one_line(str(error))
            if closing:
                self._end(run, line)
                self._tell(run, line)
        run.closing = line or "stopped: the run could not be opened"
        if closing:
            self.files.save(run)
        waits = run.closing.startswith("waiting:") and bool(self.variable("lockstep_fail_on_wait"))
        if closing and (run.closing.startswith("stopped:") or waits):
            # Ansible prints all of a failed result, so it has nothing but the message
            return {"failed": True, "msg": self._why(run) or run.closing}
        return {"files": files, "closing": run.closing}

    def _settle(self, run: Run) -> None:
        """Take back what hooks have done around batches and rings, and say around which hosts it still stands."""
        ledger = Ledger.open(run.ledger, create=False)
        try:
            hooks.settle(self, run, ledger)
        except LockstepError as error:
            self.current = run
            self.stop(error)
        run.notes += hooks.owed_text(ledger.open_hooks(run.fleet))

    @staticmethod
    def _why(run: Run) -> str:
        """The whole message, with its lines; the closing line is the short of it."""
        stopped = run.stopped or {}
        return "\n".join(text for text in (stopped.get("why"), stopped.get("next")) if text)

    def _alone(self) -> Run:
        common = self.common()
        policy = read_policy(common.policy)
        self.files.write_policy(policy)
        token = Ledger.open(common.ledger).begin_run(
            policy.fleet, "report", common.actor, common.job, common.controller, policy.digest or None, now_ms()
        )
        return Run(
            token,
            "report",
            policy.fleet,
            common.ledger,
            common.store,
            common.report_dir,
            now_ms(),
            policy=common.policy,
        )

    def _write(self, run: Run) -> tuple[str, list[str]]:
        ledger, policy = Ledger.open(run.ledger, create=False), self.files.read_policy()
        plan = ledger.plan(run.plan_id) if run.plan_id else self._newest(ledger, run) if run.stage == "report" else None
        settles = run.plan_id and not run.check and not clocks.disagreement(self.files)
        settled = self._settled(ledger, policy, plan, run) if plan and settles else []
        statuses = statuses_of(ledger, plan["plan_id"]) if plan else {}
        held = held_hosts(ledger, run.fleet, plan, statuses, statuses) if plan and plan["state"] == "open" else {}
        newer = newer_run(ledger, run.fleet, run.token)
        halt = halt_text(ledger, run.fleet)
        # a run that was stopped before it looked has no picture of the fleet, and must not replace the last one
        looked = run.stage == "report" or not run.stopped or self.files.read("hosts-look") is not None
        states = self._looked_at(ledger, run) if looked and (run.stage in FLEET_STAGES or plan is None) else None
        assessed = None if run.stopped else self.files.read("assessment")
        if run.stage == "rollback":
            hosts = self.files.read("hosts-rollback") or []
            said = {host: text for host in hosts if (text := self.files.read(for_host("back", host)))}
            line = verdicts.rollback_line(run, hosts, statuses, said)
        elif run.stage == "assess" and assessed is not None:
            from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.assess_data import closing

            line, states = closing(assessed), None
        elif run.stage == "detect" and states is not None and not run.stopped:
            line = verdicts.look_line(states)
        else:
            waits = self._waits(policy, plan, settled) if run.plan_id and not run.stopped else {}
            line = verdicts.closing_line(run, settled, plan if run.plan_id else None, statuses, newer, halt, waits)
        line = clocks.told(self.files, line)
        if plan and run.plan_id and not run.check:
            verdicts.complete(ledger, plan, settled, run.token, now_ms())
        written: list[str] = []
        views = []
        groups = {str(name): [str(host) for host in hosts] for name, hosts in (self._vars.get("groups") or {}).items()}
        outside = outside_rows(groups, ledger.last_looks(run.fleet), now_ms(), policy.look_max_age_ms)
        if assessed is not None:
            from ansible_collections.lockstep.patching.plugins.plugin_utils.report.assess import assess_view

            views.append(assess_view({**assessed, "closing": line}))
        if states is not None:
            views.append(
                fleet_view(
                    mark_stale(self._with_groups(states), now_ms(), policy.look_max_age_ms),
                    {"path": run.policy},
                    now_ms(),
                    run.fleet,
                    drift=self._drift(states),
                    closing=line,
                    outside=outside,
                )
            )
        if plan is not None:
            rings = rings_of(ledger, plan["plan_id"])
            hosts = [host for entry in plan["body"]["scope"] for host in entry["hosts"]]
            views.append(
                rollout_view(
                    {
                        "id": plan["plan_id"],
                        "document": plan["body"],
                        "created_ms": plan["created_ms"],
                        "state": plan["state"],
                    },
                    [*plan["left_out"], *untested_drift(statuses)],
                    host_results(statuses, held),
                    ring_results(plan, rings, settled, policy),
                    transaction_results(ledger, plan["plan_id"]),
                    run_results(ledger, run.fleet),
                    states_of(ledger, run.fleet, hosts, ["packages", "boot", "os", "platform"]).values(),
                    now_ms(),
                    line,
                    outside,
                )
            )
        for view in views:
            if run.stage != "plan" and not run.check:  # the plan has been shown, and nothing has happened since
                self._display.display(terminal(view, width=_width(), color=_color()))
            written += write(view, run.report_dir, self.argument("formats", ["html", "json", "csv"])).values()
        if run.stage in ("assess", "report") and not run.check:
            written += self._deadlines(ledger, run)
        if assessed is not None and "json" in self.argument("formats", ["json"]):
            written += write_vex(run.report_dir, assessed)
        if written:
            self._display.display("reports\n" + "\n".join(f"  {os.path.relpath(path)}" for path in written))
        return line, written

    def _settled(self, ledger: Ledger, policy: Any, plan: dict[str, Any], run: Run) -> list[Any]:
        """Judge the rings; only a run that goes through them asks their checks."""
        ask, roles = run.stage in ROLLOUTS and not run.stopped, self.files.read("role-checks")
        proofs = proofs_of(ledger, policy, plan, run.token, now_ms(), ask, roles)
        return verdicts.settle(ledger, policy, plan, run.token, now_ms(), proofs)

    def _waits(self, policy: Any, plan: Any, settled: list[Any]) -> dict[str, Any]:
        """Hosts without a result that wait for a time, as it is now."""
        rings = {host: entry["ring"] for entry in plan["body"]["scope"] for host in entry["hosts"]}
        missing = [host for verdict in settled for host in verdict.missing]
        return waiting_hosts(self.files, turns.of_run(self.files, policy), rings, missing, now_ms())

    def _deadlines(self, ledger: Ledger, run: Run) -> list[str]:
        """Deadlines kept, missed and open in a period, where there ever was an assessment."""
        if "csv" not in self.argument("formats", ["csv"]) or not ledger.assessments(run.fleet):
            return []
        from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import past
        from ansible_collections.lockstep.patching.plugins.plugin_utils.report.deadlines import write_deadlines

        from_ms, to_ms = past.period(self.variable("lockstep_from"), self.variable("lockstep_to"), now_ms())
        return [write_deadlines(run.report_dir, past.past_lives(ledger, run.fleet, from_ms, to_ms), from_ms, to_ms)]

    def _end(self, run: Run, line: str) -> None:
        outcome = line.partition(":")[0] or "stopped"
        Ledger.open(run.ledger, create=False).end_run(run.token, outcome, line, now_ms())

    def _tell(self, run: Run, line: str) -> None:
        """Tell who wants to know how this run ended."""
        policy = self.files.read_policy()
        if not policy.notify or run.check or run.stage in QUIET:
            return
        ledger = Ledger.open(run.ledger, create=False)
        plan = ledger.plan(run.plan_id) if run.plan_id else None
        approval = bool((run.gate or {}).get("approval"))
        ended = plan is not None and plan["state"] == "completed" and plan["state_ms"] >= run.started_ms
        common = self.common()
        known = {**vars(run), "actor": common.actor, "controller": common.controller}
        statuses = statuses_of(ledger, run.plan_id) if run.plan_id else {}
        bodies = {
            event: notify.message(event, known, line, statuses, now_ms())
            for event in notify.events_of(line, approval, ended)
        }
        headers = self.variable("lockstep_webhook_headers")
        problems = tell(ledger, policy.notify, bodies, headers, run.token, now_ms())
        found = notify.critical((self.files.read("assessment") or {"news": {"items": ()}})["news"]["items"], now_ms())
        if found:
            body = {
                **notify.message("new_critical", known, notify.critical_text(found), statuses, now_ms()),
                "new": found[: notify.SHOWN],
            }
            problems += tell(ledger, policy.notify, {"new_critical": body}, headers, run.token, now_ms())
        for problem in problems:
            self._display.warning(problem)

    def _looked_at(self, ledger: Ledger, run: Run) -> list[dict[str, Any]]:
        """States of the hosts that this run was to look at, or of all; without a look in this run it did not answer."""
        wanted = self.files.read("hosts-look")
        if wanted is None:
            return list(states_of(ledger, run.fleet).values())
        limited = self.files.read("inventory")["limited"]
        hosts = [host for host in wanted if limited is None or host in set(limited)]
        found = states_of(ledger, run.fleet, hosts)
        for host in hosts:
            if found.get(host, {}).get("tried_token") != run.token:
                found[host] = {**found.get(host, {"host": host, "sections": {}}), "reachable": False, "error": NO_LOOK}
        note_seen(ledger, run.fleet, found.values(), run.token, now_ms())
        return [found[host] for host in hosts]

    def _newest(self, ledger: Ledger, run: Run) -> dict[str, Any] | None:
        plans = ledger.plans(run.fleet, 1)
        return ledger.plan(plans[0]["plan_id"]) if plans else None

    def _with_groups(self, states: list[dict[str, Any]]) -> list[dict[str, Any]]:
        groups: dict[str, list[str]] = {}
        for name, members in (self._vars.get("groups") or {}).items():
            if name not in ("all", "ungrouped"):
                for host in members:
                    groups.setdefault(str(host), []).append(str(name))
        return [{**state, "groups": groups.get(state["host"], [])} for state in states]

    def _drift(self, states: list[dict[str, Any]]) -> dict[str, Any] | None:
        """What reached production untested, when the two patterns are given."""
        given = {name: self.variable(f"lockstep_{name}") for name in ("test", "production")}
        if not all(given.values()):
            return None
        manager = patterns.whole_inventory(self._vars.get("groups", {}), self._loader)
        return drift.compare(manager, {name: str(pattern) for name, pattern in given.items()}, states, now_ms())


def _width() -> int:
    return max(60, shutil.get_terminal_size((80, 24)).columns)


def _color() -> bool:
    return sys.stdout.isatty() and not os.environ.get("ANSIBLE_NOCOLOR") and not os.environ.get("NO_COLOR")
