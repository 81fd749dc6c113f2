# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judge rings by recorded results, and say how a run ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.facts import rings_of, statuses_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.orders import ORDERS
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import Run
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.takeover import NEXT, taken_over
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.waiting import decision
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.gate import AGAIN, Verdict, hosts_of, judge_ring
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.machine import finished
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.orders import RESUME
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.proof import Proof
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names, one_line, plain, plural, utc


def retired(statuses: dict[str, Any]) -> list[str]:
    """Hosts that a person has taken out of the plan."""
    return [host for host, record in statuses.items() if record.get("retired")]


def open_ring(ledger: Ledger, plan: dict[str, Any], ring: str, token: int, now_ms: int) -> None:
    """Note that a ring is going, unless it has passed."""
    state = rings_of(ledger, plan["plan_id"]).get(ring, {}).get("state")
    if state not in ("open", "passed"):
        ledger.set_ring(plan["plan_id"], ring, "open", "its first batch may go", token, now_ms)


def settle(
    ledger: Ledger,
    policy: Policy,
    plan: dict[str, Any],
    token: int,
    now_ms: int,
    proofs: Mapping[str, Proof],
) -> list[Verdict]:
    """Judge every ring and keep each verdict that has changed."""
    statuses = statuses_of(ledger, plan["plan_id"])
    verdicts = []
    for entry in plan["body"]["scope"]:
        rings = rings_of(ledger, plan["plan_id"])
        verdict = judge_ring(
            policy, plan["body"]["scope"], entry["ring"], statuses, rings, now_ms, retired(statuses), False, proofs
        )
        known = rings.get(entry["ring"], {}).get("state", "waiting")
        anew = verdict.state == "failed" and verdict.why != rings[entry["ring"]]["reason"]
        if verdict.state != known or anew:
            if known == "waiting" and verdict.state != "open":
                ledger.set_ring(plan["plan_id"], entry["ring"], "open", "its hosts have results", token, now_ms)
            ledger.set_ring(
                plan["plan_id"],
                entry["ring"],
                verdict.state,
                verdict.why,
                token,
                now_ms,
                detail={"soak_from_ms": verdict.soak_from_ms},
            )
        verdicts.append(verdict)
    return verdicts


def complete(ledger: Ledger, plan: dict[str, Any], verdicts: list[Verdict], token: int, now_ms: int) -> None:
    """Close a plan whose rings have all passed and that every host has; the next run then plans anew.

    A straggler keeps it open: it takes this plan, which was tested, and not the next one.
    """
    late = stragglers(plan, statuses_of(ledger, plan["plan_id"]))
    if verdicts and plan["state"] == "open" and not late and all(verdict.state == "passed" for verdict in verdicts):
        ledger.close_plan(plan["plan_id"], "completed", "every ring has passed", token, now_ms)


def stragglers(plan: dict[str, Any], statuses: dict[str, Any]) -> list[str]:
    """Hosts of the scope that do not have the plan yet and that nobody has retired."""
    gone = set(retired(statuses))
    hosts = [host for entry in plan["body"]["scope"] for host in entry["hosts"]]
    return [host for host in hosts if host not in gone and not finished(statuses.get(host))]


def closing_line(
    run: Run,
    verdicts: list[Verdict],
    plan: dict[str, Any] | None,
    statuses: dict[str, Any],
    newer: dict[str, Any] | None = None,
    halt: str = "",
    waits: dict[str, Any] | None = None,
) -> str:
    """`done: …`, `waiting: … until …` or `stopped: …` with host, reason and next step. newer: a run that hosts follow
    instead of this one; halt: who halted the fleet and why; waits: what `waiting.waiting_hosts` found."""
    if run.stopped:
        return _stopped(run.stopped["why"], run.stopped["next"])
    if plan is None:
        return "done: " + ("; ".join(run.notes) or f"{run.stage} has run")
    short = plan["plan_id"][:12]
    if run.gate and run.gate["decision"] == "wait":
        return f"waiting: plan {short}: {run.gate['why']}"
    if run.gate:
        bad = next((verdict for verdict in verdicts if verdict.state == "failed"), None)
        why = f"plan {short}: {run.gate['why']}{_reasons(bad, statuses) if bad else ''}"
        return _stopped(why + _gone(run, why), run.gate["next"])
    scope = plan["body"]["scope"]
    more = "".join(f"; {note}" for note in run.notes)
    if run.check:
        return f"done: check: plan {short} is as it was; nothing was kept or changed{more}"
    if run.stage in ("retire", *ORDERS):
        return f"done: plan {short}{more}"
    concerned = [verdict for verdict in verdicts if _concerns(run.stage, verdict.ring, scope)]
    failed = next((verdict for verdict in concerned if verdict.state == "failed"), None)
    if failed:
        held = {host: wait for host, wait in (waits or {}).items() if wait["kind"] == "safeguard"}
        more = f"; {decision(failed.ring, held)['why']}" if held else ""
        why = f"plan {short}: {failed.why}{_reasons(failed, statuses)}{more}"
        return _stopped(why + _gone(run, why), failed.next)
    if run.stage == "plan":
        count = sum(len(entry["hosts"]) for entry in scope)
        lines = plural(len(plan["body"]["lines"]), "line")
        return f"done: plan {short} is open: {lines} for {plural(count, 'host')}{more}; next: rollout"
    if run.stage == "acquire":
        return f"done: plan {short} is acquired{more}"
    # a soak explains why the rings after it have no result, so it comes first
    soaking = next((verdict for verdict in verdicts if verdict.state == "soaking"), None)
    if soaking and soaking.until_ms is None:  # its soak ended during this run, or a role is asked by the next one
        return f"waiting: plan {short}: {soaking.why} until rollout is run again"
    if soaking and any(not finished(statuses.get(host)) for entry in scope for host in entry["hosts"]):
        return f"waiting: plan {short}: {soaking.why} until {utc(soaking.until_ms or 0)}"
    unfinished = next((verdict for verdict in concerned if verdict.state in ("open", "waiting")), None)
    if unfinished and halt:
        return _stopped(f"plan {short}: {halt}; {unfinished.why}", RESUME)
    if unfinished and newer:
        return _stopped(f"plan {short}: {taken_over(newer)}; {unfinished.why}", NEXT)
    waiting = {host: waits[host] for host in unfinished.missing if host in waits} if unfinished and waits else {}
    if unfinished and waiting and len(waiting) == len(unfinished.missing):
        answer = decision(unfinished.ring, waiting)
        if answer["decision"] == "wait":
            return f"waiting: plan {short}: {answer['why']}"
        return _stopped(f"plan {short}: {answer['why']}", answer["next"])
    if unfinished:
        why = f"plan {short}: {unfinished.why}"
        return _stopped(why + _gone(run, why), AGAIN if run.gone else unfinished.next)
    hosts = [host for verdict in concerned for host in hosts_of(scope, verdict.ring)]
    good = sum(1 for host in hosts if (statuses.get(host) or {}).get("status") == "verified")
    late = [host for host in stragglers(plan, statuses) if host in set(hosts)]
    told = f"{good} of {plural(len(hosts), 'host')} verified{_late(late, statuses)}{_left(plan)}"
    return f"done: plan {short}: {told}{more}"


def rollback_line(run: Run, hosts: list[str], statuses: dict[str, Any], problems: dict[str, str]) -> str:
    """How a rollback ends: well only where every host that was to go back is back."""
    short = (run.plan_id or "")[:12]
    if run.stopped:
        return _stopped(run.stopped["why"], run.stopped["next"])
    if run.check:
        said = f"; not possible: {'; '.join(problems.values())}" if problems else ""
        return f"done: check: plan {short}: {plural(len(hosts), 'host')} would go back{said}; nothing was changed"
    left = [host for host in hosts if host in problems or (statuses.get(host) or {}).get("status") != "rolled_back"]
    if not left:
        lost = sorted({text for host in hosts for text in statuses[host]["detail"].get("lost", [])})
        again = f"; security fixes that are gone again: {names(lost)}" if lost else ""
        return f"done: plan {short}: {plural(len(hosts), 'host')} rolled back: {names(hosts)}{again}"
    said = "; ".join(problems.get(host) or f"{host}: {(statuses.get(host) or {}).get('reason')}" for host in left[:3])
    back = len(hosts) - len(left)
    return _stopped(
        f"plan {short}: {back} of {plural(len(hosts), 'host')} rolled back; {said}", "mend it, then run rollback again"
    )


def look_line(states: list[dict[str, Any]]) -> str:
    """How a run ends that only looked: not well where a host gave no answer, since nothing is known of it."""
    silent = [state for state in states if not state.get("reachable")]
    if silent:
        said = "; ".join(f"{state['host']}: {one_line(str(state.get('error')))}" for state in silent[:3])
        more = f"; and {len(silent) - 3} more" if len(silent) > 3 else ""
        step = "check power, network, SSH and sudo there, then run detect again"
        return _stopped(f"{len(silent)} of {plural(len(states), 'host')} gave no answer ({said}{more})", step)
    partly = [state for state in states if (state.get("answer") or {}).get("unknown")]
    if not partly:
        return f"done: {plural(len(states), 'host')} answered"
    first = partly[0]["answer"]["unknown"][0]
    verb = "has" if len(partly) == 1 else "have"
    return "done: " + one_line(
        f"{plural(len(states), 'host')} answered, {plural(len(partly), 'host')} {verb} unknown parts"
        f" ({partly[0]['host']}: {first['what']}: {plain(first['why'])}; {plain(first['next'])})"
    )


def _late(hosts: list[str], statuses: dict[str, Any]) -> str:
    """Who is still to get the plan, and who was taken out of it."""
    gone = retired(statuses)
    text = f"; retired: {names(gone)}" if gone else ""
    if not hosts:
        return text
    said = names(f"{host} ({(statuses.get(host) or {}).get('status', 'no result')})" for host in hosts)
    return f"{text}; the plan stays open for {said}: run rollout again when it is repaired, or retire it"


def _left(plan: dict[str, Any]) -> str:
    """What the plan did not take, so that "done" is not read as "nothing is pending"."""
    why = Counter(str(entry["why"]) for entry in plan.get("left_out", []) if not entry["taken"])
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(why.items()))
    return f"; left out: {told} (see the report)" if told else ""


def _concerns(stage: str, ring: str, scope: list[dict[str, Any]]) -> bool:
    first = scope[0]["ring"] if scope else ""
    return {"test": ring == first, "deploy": ring != first}.get(stage, True)


def _reasons(verdict: Verdict, statuses: dict[str, Any]) -> str:
    """What happened to the first hosts that count against a ring."""
    hosts = [*verdict.failed, *verdict.absent][:3]
    said = [f"{host}: {statuses[host].get('reason')}" for host in hosts if (statuses.get(host) or {}).get("reason")]
    return f" ({'; '.join(said)})" if said else f" ({names(hosts)})" if hosts else ""


def _gone(run: Run, said: str) -> str:
    """Hosts that cannot go because they are not in the inventory, unless it is said already."""
    return f"; left the inventory: {names(run.gone)}" if run.gone and "left the inventory" not in said else ""


def _stopped(why: str, step: str) -> str:
    return "stopped: " + one_line(f"{why}\n{step}")
