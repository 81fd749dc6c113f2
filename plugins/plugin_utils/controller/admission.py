# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who of a batch may start at this moment, once the gate has said go: windows and freezes are asked again, and budgets
for a share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import safeguard, shares, turns
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import Run, RunFiles
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.waiting import decision, waiting_hosts
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy import order
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.gate import Gate, hosts_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.machine import begun, finished
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.order import Seat
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import plural


class Admission:
    """For one batch. `waits` are the hosts of the plan that this run has found waiting, and for what."""

    def __init__(
        self, files: RunFiles, plan: Mapping[str, Any], statuses: Mapping[str, Mapping[str, Any]], now_ms: int
    ) -> None:
        self.files, self.statuses, self.now_ms = files, statuses, now_ms
        self.plan, self.plan_id = plan, str(plan["plan_id"])
        self.turns = turns.of_run(files, files.read_policy())
        self.rings = {host: entry["ring"] for entry in plan["body"]["scope"] for host in entry["hosts"]}
        unfinished = [host for host in self.rings if not finished(statuses.get(host))]
        self.waits = waiting_hosts(files, self.turns, self.rings, unfinished, now_ms)

    def blocked(self, ring: str) -> Gate | None:
        """Nobody follows hosts of an earlier ring, or half done hosts of this one, that wait for a time."""
        order = list(dict.fromkeys(self.rings.values()))
        before = order[: order.index(ring)] if ring in order else []
        for host in self.waits:
            theirs = self.rings[host]
            if theirs in before or (theirs == ring and begun(self.statuses.get(host))):
                answer = decision(theirs, {name: self.waits[name] for name in self.waits if self.rings[name] == theirs})
                return Gate(answer["decision"], answer["until_ms"], answer["why"], answer["next"], [], [])
        return None

    def narrowed(self, ring: str, gate: Gate) -> Gate:
        """The gate's answer without hosts whose window has closed meanwhile, or in which a freeze has begun."""
        openings = {host: self.turns.opening(host, ring, self.now_ms) for host in gate.hosts}
        closed = {host: turns.later(opening) for host, opening in openings.items() if not opening.open}
        return self._without(ring, gate, closed)

    def in_turn(self, scope: Sequence[Mapping[str, Any]], ring: str, gate: Gate) -> Gate:
        """The gate's answer without hosts before which others of their cluster go."""
        seated = {host: Seat(*seat) for host, seat in (self.files.read("seats") or {}).items()}
        found = order.waits(gate.hosts, hosts_of(scope, ring), seated, self.statuses)
        turn = {
            host: {"kind": "order", "why": why, "next": step, "until_ms": None} for host, (why, step) in found.items()
        }
        return self._without(ring, gate, turn)

    def _without(self, ring: str, gate: Gate, waits: Mapping[str, turns.Later]) -> Gate:
        """The gate's answer without hosts that wait, and with why they do."""
        if not waits:
            return gate
        turns.note_later(self.files, waits)
        going = [host for host in gate.hosts if host not in waits]
        why = f"ring '{ring}': {plural(len(going), 'host')} may go; {decision(ring, waits)['why']}"
        return gate._replace(hosts=going, why=why)

    def guarded(self, run: Run, ledger: Ledger, ring: str, gate: Gate) -> Gate:
        """The gate's answer without hosts that are like two which have failed in the same way."""
        held = safeguard.held_hosts(ledger, run.fleet, self.plan, self.statuses, gate.hosts)
        return self._without(ring, gate, {host: safeguard.waiting(why) for host, why in held.items()})

    def shared(self, run: Run, ledger: Ledger, ring: str, gate: Gate) -> Gate:
        """The gate's answer without hosts for which a budget has no share left; the others hold theirs from now on."""
        refused = shares.take(self.files, run, ledger, self.plan_id, gate.hosts, gate.absent, self.statuses)
        if refused:
            shares.write_again(self.files, ring, list(refused))
        return self._without(ring, gate, {host: shares.waiting(refusal) for host, refusal in refused.items()})

    def go(self, hosts: list[str]) -> None:
        """Hosts that may start wait for nothing any more."""
        turns.note_later(self.files, {host: None for host in hosts if host in self.waits})

    def permit(self, ring: str, host: str) -> dict[str, Any]:
        """What lets a host go: `{ring, until_ms, need_ms}`."""
        need_ms = self.turns.needs.get(host, self.turns.policy.time_to_patch_ms)
        return {
            "ring": ring,
            "until_ms": self.turns.opening(host, ring, self.now_ms).until_ms,
            "need_ms": need_ms,
        }
