# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is left to do with a plan in this run, written down for the plays: who fetches, stages, goes in which batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import own_variables, shares, soaking, turns
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.facts import rings_of, states_of, statuses_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.ordering import seats_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import ROLLOUTS, Run, RunFiles, for_host
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.batches import rollout_batches
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.machine import finished
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.windows.pace import Pace, paces


def write(
    files: RunFiles,
    run: Run,
    ledger: Ledger,
    policy: Policy,
    plan: dict[str, Any],
    now_ms: int,
    variables: Mapping[str, Any],
) -> None:
    """Write the lists `hosts-elect`, `hosts-stage`, `hosts-rings`, `hosts-serial`, `hosts-verify` and `batches`, and
    what `turns` and `shares` need. `variables` are those of the play."""
    scope = plan["body"]["scope"]
    statuses = statuses_of(ledger, plan["plan_id"])
    retired = {host for host, record in statuses.items() if record.get("retired")}
    known = set(files.read("inventory")["hosts"])
    hosts = [host for entry in scope for host in entry["hosts"]]
    open_hosts = [host for host in hosts if host not in retired and not finished(statuses.get(host))]
    if run.stage in ROLLOUTS and not run.check:
        files.write("hosts-recheck", soaking.to_recheck(ledger, policy, plan, statuses, run.token, now_ms))
        soaking.write_roles(files, ledger, policy, plan, statuses, now_ms, str(variables.get("inventory_hostname")))
    buckets = shares.divide(policy, scope, variables, files.read("matches")) if open_hosts else None
    holders = {lease["host"] for lease in ledger.leases(run.fleet)}
    rings = rings_of(ledger, plan["plan_id"])
    seated = seats_of(policy, open_hosts, variables)
    files.write("seats", seated)
    batches = rollout_batches(policy, scope, statuses, rings, now_ms, retired, buckets, holders, seated)
    first = scope[0]["ring"] if scope else None
    if run.stage == "test":
        batches = [batch for batch in batches if batch.ring == first]
    elif run.stage == "deploy":
        batches = [batch for batch in batches if batch.ring != first]
    # a host that left the inventory cannot be in a play; its ring's gate counts it as without a result
    parts = [(batch.ring, [host for host in batch.hosts if host in known]) for batch in batches]
    known_paces = _paces(ledger, run.fleet, policy, [host for _ring, hosts in parts for host in hosts])
    _write_turns(files, policy, known_paces, variables)
    parts, early = _in_time(files, policy, parts, now_ms)
    if run.stage in ROLLOUTS:
        files.write("batches", [{"ring": ring, "hosts": hosts} for ring, hosts in parts])
        files.write("hosts-rings", [host for _ring, hosts in parts for host in hosts])
        files.write("hosts-serial", [len(hosts) for _ring, hosts in parts])
        measured = {host: pace.ms for host, pace in known_paces.items() if pace.basis != "policy"}
        files.write("course", {"rings": _course(scope, statuses, rings), "needs": measured})
    unfinished = [host for host in open_hosts if host in known]
    going = {host for _ring, hosts in parts for host in hosts} | early
    staging = unfinished if run.stage == "acquire" else [host for host in unfinished if host in going]
    files.write("hosts-stage", staging)
    files.write("hosts-elect", elect(ledger, run.fleet, plan, staging))
    files.write(
        "hosts-verify",
        [
            host
            for host, record in statuses.items()
            if host in known and record["status"] in ("installed", "active", "verified", "regressed")
        ],
    )
    files.write("budgets", {"limits": buckets.limits, "of": buckets.of} if buckets else None)
    files.write("hosts-peers", shares.peers(buckets, holders, set(staging), known, retired) if buckets else [])
    left: dict[str, list[dict[str, Any]]] = {}
    for entry in plan["left_out"]:
        left.setdefault(entry["host"], []).append(entry)
    for host in {*staging, *going}:
        files.write(for_host("left", host), left.get(host, []))


def _course(
    scope: list[dict[str, Any]], statuses: Mapping[str, Mapping[str, Any]], rings: Mapping[str, Mapping[str, Any]]
) -> list[tuple[str, str, dict[str, str]]]:
    """For the progress display: `(ring, state, {host: state})` in order."""
    states = {
        host: "retired" if record.get("retired") else str(record.get("status")) for host, record in statuses.items()
    }
    return [
        (
            entry["ring"],
            str(rings.get(entry["ring"], {}).get("state", "waiting")),
            {host: states.get(host, "pending") for host in entry["hosts"]},
        )
        for entry in scope
    ]


def _paces(ledger: Ledger, fleet: str, policy: Policy, hosts: list[str]) -> dict[str, Pace]:
    """How long each of these hosts takes; nothing is read where nothing is left to do."""
    if not hosts:
        return {}
    platforms = {host: state["platform"] for host, state in states_of(ledger, fleet, hosts, []).items()}
    return paces(ledger.times_to_patch(fleet), {host: platforms.get(host) for host in hosts}, policy.time_to_patch_ms)


def _write_turns(files: RunFiles, policy: Policy, known: Mapping[str, Pace], variables: Mapping[str, Any]) -> None:
    """Keep what decides when these hosts may start: their own variables, and how long each takes."""
    own = {} if policy.ignore_windows else own_variables.read(variables["hostvars"], list(known), turns.VARIABLES)
    wanted = own or policy.windows or policy.freezes
    files.write("turns", {"own": own, "needs": {host: pace.ms for host, pace in known.items()} if wanted else {}})


def _in_time(
    files: RunFiles, policy: Policy, parts: list[tuple[str, list[str]]], now_ms: int
) -> tuple[list[tuple[str, list[str]]], set[str]]:
    """The batches without hosts that may not start now, and those of them whose files can be brought ahead of time.

    A ring that has such hosts is the last one of this run.
    """
    when, going, early = turns.of_run(files, policy), [], set()
    waits: dict[str, turns.Later] = {}
    closed: str | None = None
    for ring, hosts in parts:
        if closed not in (None, ring):
            break
        openings = {host: when.opening(host, ring, now_ms) for host in hosts}
        waits.update({host: turns.later(opening) for host, opening in openings.items() if not opening.open})
        early |= {host for host, opening in openings.items() if opening.kind in ("window", "short")}
        now = [host for host in hosts if openings[host].open]
        closed = ring if len(now) < len(hosts) else closed
        if now:
            going.append((ring, now))
    turns.note_later(files, waits)
    return going, early


def elect(ledger: Ledger, fleet: str, plan: dict[str, Any], hosts: list[str]) -> list[str]:
    """One host a platform that answered its last look, the test group's first; it fetches what the platform needs."""
    wanted = {line["platform"] for line in plan["body"]["lines"] if line["action"] != "remove"}
    platforms = {
        host: state["platform"] for host, state in states_of(ledger, fleet, hosts, []).items() if state["reachable"]
    }
    elected: dict[str, str] = {}
    for host in hosts:
        platform = platforms.get(host)
        if platform is not None and platform in wanted:
            elected.setdefault(platform, host)
    return list(elected.values())
