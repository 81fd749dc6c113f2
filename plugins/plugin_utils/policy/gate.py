# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gate: may these hosts go now? Pure; it fails closed.

Absent and failed hosts are counted against the plan's frozen scope. A host without a result is counted as failed when
its ring is judged. Hosts that are retired (with name and reason), have no provider, or that the plan has nothing for
never block.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.approvals import HOW
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.machine import begun, finished, resolved
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy, Ring
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.proof import ACCEPT, Proof, lacking, worse
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names, plural, utc

Statuses = Mapping[str, Mapping[str, Any]]
"""`{host: {status, phase, reason, at_ms}}` of this plan; a host that is not in it has no result."""
Scope = Sequence[Mapping[str, Any]]
AGAIN = "repair them, or retire them (playbook retire, -e host=NAME -e lockstep_reason=WHY), then run rollout again"


class Verdict(NamedTuple):
    """What a ring's results say."""

    ring: str
    state: str
    """`waiting`, `open`, `soaking`, `passed` or `failed`."""
    why: str
    next: str
    until_ms: int | None
    soak_from_ms: int | None
    """Keep it with the ring's state while it is soaking: stragglers do not start the soak anew."""
    failed: list[str]
    absent: list[str]
    missing: list[str]
    recheck: tuple[str, ...] = ()
    """Hosts of a ring that has soaked and that are to be verified once more before it passes."""


class Gate(NamedTuple):
    """The decision before a batch."""

    decision: str
    """`go`, `wait` or `stop`."""
    until_ms: int | None
    why: str
    next: str
    hosts: list[str]
    """Who goes; empty unless the decision is go."""
    absent: list[str]
    """Who of the batch is to be recorded as unreachable, phase absent."""
    approval: bool = False
    """Whether it waits for people's approval, now or after what it waits for first."""


def hosts_of(scope: Scope, ring: str) -> list[str]:
    """Hosts of a ring of the plan's scope."""
    return [host for entry in scope if entry["ring"] == ring for host in entry["hosts"]]


def judge_ring(
    policy: Policy,
    scope: Scope,
    ring: str,
    statuses: Statuses,
    rings_state: Mapping[str, Mapping[str, Any]],
    now_ms: int,
    retired: Collection[str] = (),
    closing: bool = True,
    proofs: Mapping[str, Proof] | None = None,
) -> Verdict:
    """Judge a ring by its recorded results.

    `rings_state` is `{ring: {state, soak_from_ms}}` as last recorded: a ring that has passed this plan
    stays passed. With `closing` (the question of the next ring) hosts without a final result count as failed; without
    it (the ring is going on) they keep it open. With `proofs` the ring must also have proved what its gate asks for
    (`policy/proof.py`); without, the question is only what its hosts' results say.
    """
    kept, settings = rings_state.get(ring, {}), policy.ring(ring)
    if settings is None:
        why, step = f"ring '{ring}' is in the plan's scope and not in the policy", "put the ring back, or supersede"
        return Verdict(ring, "failed", why, f"{step} the plan", None, None, [], [], [])
    if kept.get("state") == "passed":
        why = kept.get("reason") or f"ring '{ring}' has passed this plan"
        return Verdict(ring, "passed", why, "", None, kept.get("soak_from_ms"), [], [], [])
    counted = _counted(scope, ring, statuses, retired)
    failed, absent, missing = _bad(counted, statuses)

    def verdict(
        state: str,
        why: str,
        step: str = "",
        until: int | None = None,
        soak_from: int | None = None,
        recheck: Sequence[str] = (),
    ) -> Verdict:
        text = f"ring '{ring}': {why}"
        return Verdict(ring, state, text, step, until, soak_from, failed, absent, missing, tuple(recheck))

    if not counted:
        why = "no host is left in it that could prove anything"
        return verdict("failed", why, "put a host into the ring and plan again")
    reason = _over(settings, len(counted), failed + (missing if closing else []), absent)
    if reason and (failed or absent or not missing):
        return verdict("failed", reason, AGAIN)
    if missing and (reason or not closing):
        going = any(begun(statuses.get(host)) for host in counted) or kept.get("state") == "open"
        state = "open" if going else "waiting"
        return verdict(state, f"{plural(len(missing), 'host')} without a result: {names(missing)}", "run rollout again")
    bad = {*failed, *absent, *missing}
    good = [host for host in counted if host not in bad]
    done = [statuses[host] for host in good]
    if not done:
        return verdict("failed", "no host of it is verified", AGAIN)
    # it has this also in a ring that failed for want of proof: what is mended then need not soak again
    ended = kept.get("soak_from_ms") if kept.get("state") in ("soaking", "failed") else None
    soak_from = int(ended if ended is not None else max(int(item.get("at_ms") or now_ms) for item in done))
    ended_ms = soak_from + settings.soak_ms
    if now_ms < ended_ms:
        return verdict("soaking", "is verified and soaks", "run rollout again then", ended_ms, soak_from)
    verified = [host for host in good if statuses[host]["status"] == "verified"]
    said: list[str] = []
    if proofs is not None:
        again = [host for host in verified if settings.soak_ms and int(statuses[host].get("at_ms") or 0) < ended_ms]
        if settings.gate.recheck and again:
            why = f"has soaked, and is to be verified once more: {names(again)}"
            return verdict("soaking", why, "run rollout again", None, soak_from, again)
        proof = proofs.get(ring, Proof())
        if settings.gate.checks and proof.answers is None:
            return verdict("soaking", "its checks are to be asked", "run rollout again", None, soak_from)
        lack, said = lacking(settings.gate, ring, len(verified), proof)
        if lack is not None:
            return verdict("failed", lack.why, lack.next, None, soak_from)
    return verdict("passed", "; ".join([f"{plural(len(done), 'host')} verified", *said]), "", None, soak_from)


def _counted(scope: Scope, ring: str, statuses: Statuses, retired: Collection[str]) -> list[str]:
    """The denominator: the ring's hosts of the plan less those that are retired, resolved or have no provider."""
    gone = set(retired)

    def passive(host: str) -> bool:
        record = statuses.get(host, {})
        return resolved(record) or (record.get("status") == "skipped" and record.get("reason") == "unsupported")

    return [host for host in hosts_of(scope, ring) if host not in gone and not passive(host)]


def _bad(counted: list[str], statuses: Statuses) -> tuple[list[str], list[str], list[str]]:
    """`(failed, absent, without a final result)`. What is not known to be good is bad."""
    failed, absent, missing = [], [], []
    for host in counted:
        record = statuses.get(host)
        status = (record or {}).get("status")
        if record is None or status in ("pending", "staged", "installed", "active"):
            missing.append(host)
        elif status == "unreachable" and record.get("phase") == "absent":
            absent.append(host)
        elif status != "verified" and not (status == "skipped" and finished(record)):
            failed.append(host)
    return failed, absent, missing


def _over(ring: Ring, total: int, failed: list[str], absent: list[str]) -> str | None:
    """Which limit is passed, or None."""
    for what, hosts, limit in (
        ("failed or without a result", failed, ring.gate.max_failed),
        ("absent", absent, ring.gate.max_absent),
    ):
        if len(hosts) > limit.of(total):
            key = "max_absent" if what == "absent" else "max_failed"
            return (
                f"{len(hosts)} of {plural(total, 'host')} {what}: {names(hosts)}; {key} {limit} allows"
                f" {limit.of(total)}"
            )
    return None


def decide(
    policy: Policy,
    scope: Scope,
    statuses: Statuses,
    rings_state: Mapping[str, Mapping[str, Any]],
    ring: str,
    batch: Sequence[str],
    now_ms: int,
    reachable: Collection[str],
    limit: Collection[str] | None = None,
    inventory: Collection[str] | None = None,
    retired: Collection[str] = (),
    attempted: Collection[str] = (),
    unapproved: str = "",
    proofs: Mapping[str, Proof] | None = None,
) -> Gate:
    """Decide on a batch of a ring.

    `reachable`: hosts that answered in this run; a host of the batch that is not in it is taken as unreachable.
    `limit`: hosts that `--limit` leaves, None without one. `inventory`: all hosts of today's inventory, None where
    nobody looked. `attempted`: hosts that an earlier gate of this run let go; if they have no final result by now
    they count as failed. `unapproved`: what the ring lacks in approvals, empty when nothing. `proofs`: as for
    `judge_ring`.
    """
    reachable, attempted = set(reachable), set(attempted)
    limit = None if limit is None else set(limit)
    inventory = None if inventory is None else set(inventory)
    position = next((at for at, entry in enumerate(scope) if entry["ring"] == ring), None)
    settings = policy.ring(ring)
    if position is None or settings is None:
        return _stop(
            f"ring '{ring}' is not in the plan's scope and the policy", "supersede the plan if the rings have changed"
        )
    for entry in scope[:position]:
        earlier = judge_ring(policy, scope, entry["ring"], statuses, rings_state, now_ms, retired, True, proofs)
        if earlier.state == "soaking" and earlier.until_ms is not None:
            then = f"; {unapproved}" if unapproved else ""
            why = f"{earlier.why} until {utc(earlier.until_ms)}{then}"
            return Gate("wait", earlier.until_ms, why, earlier.next, [], [], bool(unapproved))
        if earlier.state != "passed":
            outside = _outside(policy, scope, position - 1, statuses, rings_state, limit, retired)
            return _stop(earlier.why + (f" (outside --limit: {names(outside)})" if outside else ""), earlier.next)
    passed = rings_state.get(ring, {}).get("state") == "passed"
    if unapproved and not passed:
        why = f"{unapproved}: it waits until somebody approves it {HOW}"
        return Gate("wait", None, why, "run rollout again then", [], [], True)
    counted = _counted(scope, ring, statuses, retired)
    frozen = set(counted)
    hosts = [host for host in dict.fromkeys(batch) if host in frozen and not finished(statuses.get(host))]
    known = set(hosts_of(scope, ring))
    strange = [host for host in batch if host not in known]
    if strange:
        return _stop(f"{names(strange)}: not in ring '{ring}' of this plan", "a joiner waits for the next plan")
    if not counted:
        return _stop(
            f"ring '{ring}': no host is left in it that could prove anything", "put a host into the ring and plan again"
        )
    outside = [host for host in counted if limit is not None and host not in limit and not finished(statuses.get(host))]
    if outside and not passed:
        return _stop(
            f"ring '{ring}': outside --limit and without a result: {names(outside)}",
            "run rollout without --limit; a plan's scope is fixed, and a limit must not hide hosts from the gate",
        )
    left = [
        host for host in counted if inventory is not None and host not in inventory and not finished(statuses.get(host))
    ]
    going_to = set(hosts)
    failed, absent, missing = _bad([host for host in counted if host not in going_to], statuses)
    failed += [host for host in missing if host in attempted or begun(statuses.get(host))]
    absent = [host for host in absent if host not in reachable]
    lost = [host for host in hosts if host not in reachable and _started(statuses.get(host))]
    silent = [host for host in hosts if host not in reachable and host not in lost and host not in left]
    if not passed:
        reason = _over(settings, len(counted), list(dict.fromkeys([*failed, *lost, *left])), [*absent, *silent])
        if reason:
            gone = f"; left the inventory: {names(left)}" if left else ""
            return Gate("stop", None, f"ring '{ring}': {reason}{gone}", AGAIN, [], silent)
        proof = (proofs or {}).get(ring, Proof())
        bad = worse(settings.gate.statistics, proof) if settings.gate.statistics and not proof.accepted else ""
        if bad:
            return Gate("stop", None, f"ring '{ring}': {bad}", ACCEPT.format(ring=ring), [], silent)
    going = [host for host in hosts if host in reachable and host not in left]
    why = (
        f"ring '{ring}': {plural(len(going), 'host')} may go"
        if going
        else f"ring '{ring}': nobody of this batch is left to go"
    )
    return Gate("go", None, why, "", going, silent)


def _started(record: Mapping[str, Any] | None) -> bool:
    """Whether something may already have been done on the host, so that its silence is a loss."""
    if not record:
        return False
    return record.get("status") in ("installed", "active", "failed", "regressed") or record.get("phase") == "lost"


def _outside(
    policy: Policy,
    scope: Scope,
    last: int,
    statuses: Statuses,
    rings_state: Mapping[str, Mapping[str, Any]],
    limit: Collection[str] | None,
    retired: Collection[str],
) -> list[str]:
    """Unfinished hosts of the rings up to `last` that `--limit` leaves out."""
    if limit is None:
        return []
    hosts = [host for entry in scope[: last + 1] for host in _counted(scope, entry["ring"], statuses, retired)]
    return [host for host in hosts if host not in limit and not finished(statuses.get(host))]


def _stop(why: str, step: str) -> Gate:
    return Gate("stop", None, why, step, [], [])
