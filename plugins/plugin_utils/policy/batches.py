# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which hosts go together, in which order. Pure.

A run computes all of its batches once; each batch then asks the gate again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.budgets.buckets import Buckets
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.budgets.packing import pack
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.gate import Scope, Statuses, hosts_of, judge_ring
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.machine import begun, finished
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.order import Seat, levels
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import Count


class Batch(NamedTuple):
    """Hosts of one ring that go at once."""

    ring: str
    hosts: list[str]


def split(hosts: Sequence[str], sizes: Sequence[Count], total: int) -> list[list[str]]:
    """Hosts in their order, in batches; the last size repeats. A share is of the whole ring (`total`) and at least
    one host."""
    batches: list[list[str]] = []
    at = 0
    while at < len(hosts):
        size = max(1, sizes[min(len(batches), len(sizes) - 1)].of(total))
        batches.append(list(hosts[at : at + size]))
        at += size
    return batches


def rollout_batches(
    policy: Policy,
    scope: Scope,
    statuses: Statuses,
    rings_state: Mapping[str, Mapping[str, Any]],
    now_ms: int,
    retired: Collection[str] = (),
    buckets: Buckets | None = None,
    out: Collection[str] = (),
    seated: Mapping[str, Seat] | None = None,
) -> list[Batch]:
    """Every batch that can go in this run, rings in order.

    Hosts that were tried earlier (failed, lost, absent or in between) come first, in one batch: untouched hosts
    follow only once the gate has seen how those end now. A ring that must soak, or that a role is asked about, ends
    the list, since nothing after it can go in the same run. With budgets (`buckets`) they are packed so that no batch
    exceeds one; `out` are hosts that hold a share now, and go first too. `seated` are places in clusters: no host is
    in a batch before, or with, one that goes before it in its cluster.
    """
    batches: list[Batch] = []
    for entry in scope:
        name, ring = entry["ring"], policy.ring(entry["ring"])
        if ring is None:
            break
        hosts = [host for host in hosts_of(scope, name) if host not in retired and not finished(statuses.get(host))]
        total = len(hosts_of(scope, name))
        again = [host for host in hosts if begun(statuses.get(host)) or host in out]
        fresh = set(hosts).difference(again)
        if buckets is None:
            parts = [again] if again else []
            for level in levels((host for host in hosts if host in fresh), seated or {}):
                parts += split(level, ring.batch, total)
        else:
            parts = pack(again, buckets.of, buckets.limits, [max(1, len(again))])
            sizes = [max(1, size.of(total)) for size in ring.batch]
            # all hosts of the ring are packed, so that those which are left keep their batches from run to run
            for level in levels(hosts_of(scope, name), seated or {}):
                every = pack(level, buckets.of, buckets.limits, sizes)
                parts += [part for batch in every if (part := [host for host in batch if host in fresh])]
        batches += [Batch(name, part) for part in parts]
        verdict = judge_ring(policy, scope, name, statuses, rings_state, now_ms, retired)
        if verdict.state == "passed":
            continue
        if verdict.state == "soaking" or not hosts or ring.soak_ms > 0 or ring.gate.roles:
            break
    return batches
