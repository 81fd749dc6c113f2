# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Budgets where they meet a run: who shares one, who is out, who gets a share, and when it is given back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import own_variables
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.facts import states_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import Run, RunFiles, for_host
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.leases import Refusal, Want
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.budgets.back import proof
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.budgets.buckets import Buckets, buckets_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.budgets.packing import pack
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.machine import finished
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names

Statuses = Mapping[str, Mapping[str, Any]]


def divide(
    policy: Policy, scope: Iterable[Mapping[str, Any]], variables: Mapping[str, Any], matches: Mapping[str, list[str]]
) -> Buckets | None:
    """The buckets of all hosts of a plan, None where the policy has no budgets. `variables` are a play's."""
    if not policy.budgets:
        return None
    hosts = [host for entry in scope for host in entry["hosts"]]
    wanted = [budget.by for budget in policy.budgets if budget.by is not None]
    own = own_variables.read(variables["hostvars"], hosts, wanted) if wanted else {}
    return buckets_of(policy.budgets, hosts, own, variables["groups"], matches)


def peers(
    buckets: Buckets, holders: Collection[str], going: Collection[str], known: Collection[str], retired: Collection[str]
) -> list[str]:
    """Hosts that share a bucket with those that go, or hold a lease: each is asked for a sign of life, because one
    that is down takes of the budget."""
    shared = {bucket for host in going for bucket in buckets.of.get(host, ())}
    inside = [host for host, own in buckets.of.items() if shared.intersection(own)]
    wanted = dict.fromkeys([*inside, *holders])
    return [host for host in wanted if host in known and host not in going and host not in retired]


def take(
    files: RunFiles,
    run: Run,
    ledger: Ledger,
    plan_id: str,
    hosts: Sequence[str],
    absent: Collection[str],
    statuses: Statuses,
) -> dict[str, Refusal]:
    """Take a share of every budget for hosts that are about to go; who gets none, and why."""
    known = files.read("budgets")
    if not known or not hosts or run.check:
        return {}
    of, limits = known["of"], known["limits"]
    members = Buckets(limits, of, []).members({bucket for host in hosts for bucket in of.get(host, ())})
    here = _Signs(files, statuses, absent, hosts)
    down = {bucket: [host for host in inside if here.down(host)] for bucket, inside in members.items()}
    boots = states_of(ledger, run.fleet, hosts, ["boot"])
    wants = [
        Want(host, str((boots.get(host, {}).get("sections", {}).get("boot") or {}).get("boot_id") or ""), of[host])
        for host in hosts
        if of.get(host)
    ]
    return ledger.take_leases(run.fleet, plan_id, wants, limits, down, run.token, now_ms()).refused


class _Signs:
    """What this run knows of who is up."""

    def __init__(self, files: RunFiles, statuses: Statuses, absent: Collection[str], going: Collection[str]) -> None:
        self.statuses, self.absent, self.going = statuses, set(absent), set(going)
        self.silent, self.answered = files.of_hosts("down"), files.of_hosts("answered")
        self.inventory = set(files.read("inventory")["hosts"])

    def down(self, host: str) -> bool:
        """Whether the host takes of its budgets although it is not among those that go now."""
        record = self.statuses.get(host) or {}
        if host in self.going or record.get("retired"):
            return False
        if host in self.absent or for_host("down", host) in self.silent or record.get("status") == "unreachable":
            return True
        # nobody can say that a host which left the inventory is up
        return for_host("answered", host) not in self.answered and host not in self.inventory and not finished(record)


def waiting(refusal: Refusal) -> dict[str, Any]:
    """Why a host without a share waits, as the run keeps it."""
    out = names(refusal.out)
    why = f"budget '{refusal.bucket}' allows {refusal.limit} out at once, and out or down is {out}"
    step = (
        f"bring {out} back and run rollout again: a host is back when it is verified; or retire it (playbook retire,"
        " -e host=NAME -e lockstep_reason=WHY)"
    )
    return {"kind": "budget", "why": why, "next": step, "until_ms": None}


def write_again(files: RunFiles, ring: str, refused: list[str]) -> None:
    """Let hosts that got no share be asked again after all batches, unless they have been: by then others are back."""
    asked = files.read("again") or []
    known = files.read("budgets")
    rings = {host: batch["ring"] for batch in files.read("batches") for host in batch["hosts"]}
    hosts = [*asked, *(host for host in refused if host not in asked)]
    parts = [
        part
        for name in dict.fromkeys(rings[host] for host in hosts)
        for part in pack([host for host in hosts if rings[host] == name], known["of"], known["limits"], [len(hosts)])
    ]
    files.write("again", hosts)
    files.write("hosts-again", [host for part in parts for host in part])
    files.write("hosts-serial-again", [len(part) for part in parts])


def give_back(
    ledger: Ledger,
    policy: Policy,
    fleet: str,
    host: str,
    status: str,
    reason: str,
    detail: Mapping[str, Any],
    token: int,
) -> None:
    """Release a host's leases once a result proves that it is back."""
    why = proof(status, reason, detail) if policy.budgets else ""
    if why:
        boot = str(detail.get("boot_after") or detail.get("boot_before") or "")
        ledger.release_leases(fleet, host, why, token, now_ms(), boot_id=boot)
