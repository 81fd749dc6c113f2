# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a plan will take: batches, when each ring is done, which deadlines that misses and what would mend it, and what
freezes leave open."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import own_variables, shares, turns
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.facts import states_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.batches import split
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.budgets.buckets import Buckets
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.budgets.packing import pack
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.forecast import (
    Forecast,
    Stage,
    forecast,
    forecast_text,
    missed,
    missed_text,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.machine import finished
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import Count, duration_text
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.windows.pace import Pace, paces
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names, plural, utc

Scope = Sequence[Mapping[str, Any]]


class Outlook:
    """For what is left of one plan, with the settings of this policy or of a changed one."""

    def __init__(
        self,
        ledger: Ledger,
        policy: Policy,
        scope: Scope,
        statuses: Mapping[str, Mapping[str, Any]],
        variables: Mapping[str, Any],
        matches: Mapping[str, list[str]],
        forks: int,
        now_ms: int,
    ) -> None:
        self.policy, self.scope, self.matches, self.forks, self.now_ms = policy, scope, matches, forks, now_ms
        self.left = {
            entry["ring"]: [
                host
                for host in entry["hosts"]
                if not finished(statuses.get(host)) and not (statuses.get(host) or {}).get("retired")
            ]
            for entry in scope
        }
        hosts = [host for left in self.left.values() for host in left]
        self.own = own_variables.read(variables["hostvars"], hosts, turns.VARIABLES)
        self.buckets = shares.divide(policy, scope, variables, matches)
        platforms = {host: state["platform"] for host, state in states_of(ledger, policy.fleet, hosts, []).items()}
        measured = ledger.times_to_patch(policy.fleet)
        self.paces: dict[str, Pace] = paces(
            measured, {host: platforms.get(host) for host in hosts}, policy.time_to_patch_ms
        )
        self.needs = {host: max(1, pace.ms) for host, pace in self.paces.items()}

    def stages(self, policy: Policy, buckets: Buckets | None) -> list[Stage]:
        """What is left of each ring, in batches."""
        found = []
        for entry in self.scope:
            ring, hosts = policy.ring(entry["ring"]), self.left[entry["ring"]]
            if ring is None:
                continue
            total = len(entry["hosts"])
            if buckets is None:
                parts = split(hosts, ring.batch, total)
            else:
                parts = pack(hosts, buckets.of, buckets.limits, [max(1, size.of(total)) for size in ring.batch])
            found.append(Stage(ring.name, ring.soak_ms, parts))
        return found

    def seen(self, policy: Policy, buckets: Buckets | None, forks: int) -> tuple[list[Forecast], list[Stage]]:
        """The forecast with these settings."""
        when = turns.Turns(policy, self.matches, self.own, self.needs, turns.folder_of(policy))
        stages = self.stages(policy, buckets)
        return forecast(stages, when.opening, when.table, self.needs, forks, self.now_ms), stages

    def text(self, due: Mapping[str, int] | None) -> list[str]:
        """The forecast as lines; `due` has the earliest deadline of hosts, None where nothing was assessed."""
        found, stages = self.seen(self.policy, self.buckets, self.forks)
        text = [f"forecast ({plural(self.forks, 'host')} at the same time, {self._pace()})", *forecast_text(found)]
        if self.buckets is not None:
            text += [f"  {remark}" for remark in self.buckets.remarks]
        if due is None:
            return [*text, "  deadlines: not assessed (set lockstep_feeds, see docs/assess.md)"]
        late = missed(found, stages, due)
        return [*text, *missed_text(late, list(self._remedies(due)) if late else [])]

    def _pace(self) -> str:
        times = sorted(self.needs.values())
        if not times:
            return "nothing left to do"
        known = sum(1 for pace in self.paces.values() if pace.basis != "policy")
        usual = duration_text(times[len(times) // 2])
        return f"{usual} a host, measured for {known} of {plural(len(times), 'host')}"

    def _remedies(self, due: Mapping[str, int]) -> Iterable[str]:
        """Single changes with which every deadline is met."""
        rings = self.policy.rings
        changes: list[tuple[str, Policy, Buckets | None, int]] = [
            (f"{self.forks * more} hosts at the same time (--forks)", self.policy, self.buckets, self.forks * more)
            for more in (2, 4)
        ]
        whole = replace(self.policy, rings=tuple(replace(ring, batch=(Count(100, True),)) for ring in rings))
        changes.append(("batch: 100% in every ring", whole, self.buckets, self.forks))
        for budget in self.policy.budgets:
            if self.buckets is not None:
                limits = {
                    bucket: limit * 2 if bucket == budget.name or bucket.startswith(budget.name + "=") else limit
                    for bucket, limit in self.buckets.limits.items()
                }
                changes.append(
                    (
                        f"twice the max_out of budget '{budget.name}'",
                        self.policy,
                        self.buckets._replace(limits=limits),
                        self.forks,
                    )
                )
        longer = tuple(replace(item, duration_ms=item.duration_ms * 2) for item in self.policy.windows)
        if longer:
            more = replace(self.policy, windows=longer)
            changes.append(("windows of twice the duration", more, self.buckets, self.forks))
            never = replace(self.policy, windows=())
            changes.append(("no windows for this plan", never, self.buckets, self.forks))
        short = replace(self.policy, rings=tuple(replace(ring, soak_ms=ring.soak_ms // 2) for ring in rings))
        changes.append(("half the soak of every ring", short, self.buckets, self.forks))
        for what, policy, buckets, forks in changes:
            found, stages = self.seen(policy, buckets, forks)
            if not missed(found, stages, due):
                yield what

    def held(self, found: Mapping[str, set[str]] | None) -> list[str]:
        """What freezes that hold now leave open; `found` has the vulnerabilities that the plan closes on hosts."""
        when = turns.Turns(self.policy, self.matches, self.own, self.needs, turns.folder_of(self.policy))
        by: dict[tuple[str, int | None], list[str]] = {}
        for ring, hosts in self.left.items():
            for host in hosts:
                answer = when.opening(host, ring, self.now_ms)
                if answer.kind in ("freeze", "broken", "never"):
                    by.setdefault((answer.why, answer.until_ms), []).append(host)
        text = []
        for (why, until), hosts in by.items():
            ends = f" until {utc(until)}" if until is not None else ""
            text.append(f"  {why}{ends}: {plural(len(hosts), 'host')} ({names(hosts, 3)})")
            text.append(f"      leaves open: {left_open(hosts, found)}")
        return ["held", *text] if text else []


def left_open(hosts: Iterable[str], found: Mapping[str, set[str]] | None) -> str:
    """Which vulnerabilities stay open on hosts that wait."""
    if found is None:
        return "vulnerabilities not assessed"
    vulns = sorted({vuln for host in hosts for vuln in found.get(host, ())})
    return f"{len(vulns)} vulnerabilities: {names(vulns, 5)}" if vulns else "no vulnerability that the plan closes"


def deadlines_of(
    data: Mapping[str, Any] | None, body: Mapping[str, Any]
) -> tuple[dict[str, int] | None, dict[str, set[str]] | None]:
    """`(earliest deadline, vulnerabilities)` of each host, of what a plan closes; None where nothing was assessed."""
    if data is None:
        return None, None
    planned = {line["source"] for line in body["lines"]}
    parts = [_closed_by([data["steps"][number] for number in lot], planned) for lot in data["lots"]]
    due: dict[str, int] = {}
    vulns: dict[str, set[str]] = {}
    for row in data["hosts"]:
        mine = [parts[lot] for lot in row["lots"] if parts[lot][0]]
        if mine:
            vulns[row["host"]] = set().union(*(found for found, _due in mine))
        dates = [date for _found, date in mine if date is not None]
        if dates:
            due[row["host"]] = min(dates)
    return due, vulns


def _closed_by(steps: Iterable[Mapping[str, Any]], planned: Collection[str]) -> tuple[set[str], int | None]:
    """(vulnerabilities, first deadline) of what a plan closes in one lot."""
    found = [
        finding for step in steps if step["upgrade"] in planned for finding in step["findings"] if finding["closes"]
    ]
    dates = [item["due_ms"] for item in found if item["due_ms"] is not None and item["exception"] is None]
    return {str(item["vuln"]) for item in found}, min(dates, default=None)
