# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which hosts share which budget. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.budgets.keys import Budget
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import did_you_mean, names, plain

NONE = "(none)"
"""The value of hosts that have none."""


class Buckets(NamedTuple):
    """Buckets are called `zone=a`, or by the name alone where a budget has only one."""

    limits: dict[str, int]
    of: dict[str, list[str]]
    """The buckets of each host; a host that no budget concerns is not in it."""
    remarks: list[str]
    """What a person should know."""

    def members(self, wanted: Collection[str]) -> dict[str, list[str]]:
        """Hosts of these buckets."""
        found: dict[str, list[str]] = {bucket: [] for bucket in wanted}
        for host, buckets in self.of.items():
            for bucket in buckets:
                if bucket in found:
                    found[bucket].append(host)
        return found


def buckets_of(
    budgets: Sequence[Budget],
    hosts: Sequence[str],
    own: Mapping[str, Mapping[str, Any]],
    groups: Mapping[str, Iterable[str]],
    matches: Mapping[str, Collection[str]],
) -> Buckets:
    """Divide hosts (all of the plan's, whether they are finished or not: shares are of them) into buckets.

    `own` has the hosts' variables, `groups` the inventory's groups, `matches` the hosts of each `for:` pattern.
    Raises LockstepError for a variable that no host has, a pattern that no group fits, and a value that is no text,
    number or list of these.
    """
    found = Buckets({}, {}, [])
    for budget in budgets:
        concerned = [host for host in hosts if budget.pattern is None or host in matches[budget.pattern]]
        values = _values(budget, concerned, own, groups)
        without = [host for host in concerned if not values.get(host)]
        if without and budget.without == "together":
            values.update({host: [NONE] for host in without})
        if without:
            what = "no limit holds for them" if budget.without == "free" else "they count as one"
            found.remarks.append(f"budget '{budget.name}': without a value, {what}: {names(without)}")
        members: dict[str, list[str]] = {}
        for host in concerned:
            for value in dict.fromkeys(values.get(host) or ()):
                members.setdefault(budget.name if value == "" else f"{budget.name}={value}", []).append(host)
        for bucket, inside in members.items():
            found.limits[bucket] = budget.limit(len(inside))
            for host in inside:
                found.of.setdefault(host, []).append(bucket)
    return found


def _values(
    budget: Budget,
    hosts: Sequence[str],
    own: Mapping[str, Mapping[str, Any]],
    groups: Mapping[str, Iterable[str]],
) -> dict[str, list[str]]:
    if budget.by is not None:
        values = {host: _texts(own.get(host, {}).get(budget.by), host, budget.by) for host in hosts}
        if hosts and not any(values.values()):
            known = {name for given in own.values() for name in given}
            raise LockstepError(
                f"no host has the variable '{budget.by}'{did_you_mean(budget.by, known)}",
                f"budget '{budget.name}'",
                "set it for hosts or groups in the inventory; no host was touched",
            )
        return values
    if budget.groups is None:
        return {host: [""] for host in hosts}
    fitting = [group for group in groups if fnmatchcase(group, budget.groups)]
    if not fitting:
        raise LockstepError(
            f"no group fits '{budget.groups}'{did_you_mean(budget.groups.rstrip('*'), groups)}",
            f"budget '{budget.name}'",
            "mend the pattern or the inventory; no host was touched",
        )
    found: dict[str, list[str]] = {host: [] for host in hosts}
    for group in fitting:
        for host in groups[group]:
            if host in found:
                found[host].append(group)
    return found


def _texts(value: Any, host: str, name: str) -> list[str]:
    if value is None or value == "":
        return []
    items = value if isinstance(value, (list, tuple)) else [value]
    if not all(isinstance(item, (str, int)) for item in items):
        raise LockstepError(
            f"its value is {plain(value, 60)}", f"variable {name} of {plain(host, 100)}", "make it a text or a list"
        )
    return [plain(item, 100) for item in items]
