# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who goes first inside a ring: the policy's `order`. Pure.

The most urgent hosts lead, which is frozen in the plan's scope. Inside a cluster standby goes before primary, which is
asked in every run, because these change places.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.budgets.keys import VARIABLE
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.machine import begun, finished
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.words import CRITICALITY
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.shapes import PATTERN, keys
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names, plain

_CLUSTER = {
    **keys(
        {
            "by": {"type": "string", "pattern": VARIABLE},
            "role": {"type": "string", "pattern": VARIABLE},
            "command": {"type": ["string", "array"], "minLength": 1, "minItems": 1, "items": {"type": "string"}},
            "roles": {"type": "array", "minItems": 2, "uniqueItems": True, "items": {"type": "string", "minLength": 1}},
        },
        ("by", "roles"),
    ),
    "oneOf": [{"required": ["role"]}, {"required": ["command"]}],
}
ORDER = keys(
    {
        "confidential": PATTERN,
        "rarely_used": PATTERN,
        "clusters": {"type": "array", "minItems": 1, "items": _CLUSTER},
    }
)
_MIDDLE = 1
"""What is unknown counts as medium: neither before what is known to be urgent nor after what is known not to be."""
_EXPOSURE = {"open": 2, "controlled": 1, "small": 0}
_ROLE = "mend what says its role (order.clusters of the policy), then run rollout again"
_NEXT = "bring that host's result about first: repair it and run rollout again, or decide about it (playbook resolve)"


@dataclass(frozen=True)
class Cluster:
    """Hosts with the same value of the host variable `by` go one role after the other."""

    by: str
    role: str | None
    """The host variable that has a host's role, None where `command` says it."""
    command: tuple[str, ...]
    """Run on the controller for each host; the last line that it prints is the role."""
    roles: tuple[str, ...]
    """First to last."""


@dataclass(frozen=True)
class Order:
    """The policy's `order`."""

    confidential: str | None = None
    rarely_used: str | None = None
    clusters: tuple[Cluster, ...] = ()

    def patterns(self) -> list[str]:
        return [pattern for pattern in (self.confidential, self.rarely_used) if pattern]


def order_of(given: Mapping[str, Any]) -> Order:
    """The policy's `order`, accepted by the schema."""
    clusters = tuple(
        Cluster(item["by"], item.get("role"), _words(item.get("command", ())), tuple(item["roles"]))
        for item in given.get("clusters", ())
    )
    return Order(given.get("confidential"), given.get("rarely_used"), clusters)


def _words(given: Any) -> tuple[str, ...]:
    return tuple(shlex.split(given) if isinstance(given, str) else given)


def sense(given: Mapping[str, Any]) -> list[tuple[tuple[Any, ...], str]]:
    """`[(path, sentence)]` for what a schema cannot say of `order`."""
    found: list[tuple[tuple[Any, ...], str]] = []
    for at, item in enumerate(given.get("clusters", ())):
        path = ("order", "clusters", at, "command")
        try:
            if "command" in item and not _words(item["command"]):
                found.append((path, "the command is empty"))
        except ValueError as error:
            found.append((path, f"the command cannot be read: {error}"))
    return found


class Urgency(NamedTuple):
    """What makes a host urgent. Words are those of `risk/words.py`, `unknown` where nobody knows."""

    criticality: str
    exposure: str
    due_ms: int | None


def most_urgent_first(
    order: Order, hosts: Sequence[str], urgency: Mapping[str, Urgency], matches: Mapping[str, Collection[str]]
) -> list[str]:
    """Critical hosts first, then those with confidential data, then exposed ones, then those with the earliest
    deadline; rarely used ones last of all. Equal hosts keep their places."""
    confidential = frozenset(matches[order.confidential]) if order.confidential else frozenset()
    rarely = frozenset(matches[order.rarely_used]) if order.rarely_used else frozenset()

    def key(host: str) -> tuple[Any, ...]:
        known = urgency.get(host)
        if known is None:
            return host in rarely, -_MIDDLE, host not in confidential, -_MIDDLE, True, 0
        rank = CRITICALITY.index(known.criticality) if known.criticality in CRITICALITY else _MIDDLE
        exposure = _EXPOSURE.get(known.exposure, _MIDDLE)
        return host in rarely, -rank, host not in confidential, -exposure, known.due_ms is None, known.due_ms or 0

    return sorted(hosts, key=key)


class Seat(NamedTuple):
    """A host's place in its cluster."""

    cluster: str
    """`cluster=db1`."""
    role: str
    level: int | None
    """From 0 on; None where the role is none of the policy's, or nobody knows it."""


def seats(
    clusters: Sequence[Cluster], own: Mapping[str, Mapping[str, Any]], asked: Mapping[str, str]
) -> dict[str, Seat]:
    """The place of every host that has one. `own`: hosts' variables; `asked`: what the commands said. The first
    cluster of the policy that a host belongs to counts."""
    found: dict[str, Seat] = {}
    for cluster in clusters:
        for host, variables in own.items():
            value = variables.get(cluster.by)
            if host in found or value in (None, ""):
                continue
            role = str(variables.get(cluster.role) or "") if cluster.role else asked.get(host, "")
            level = cluster.roles.index(role) if role in cluster.roles else None
            found[host] = Seat(f"{cluster.by}={value}", role, level)
    return found


def levels(hosts: Iterable[str], seated: Mapping[str, Seat]) -> list[list[str]]:
    """Hosts in their order, in parts that go one after the other: who has no place goes with the first."""
    parts: dict[int, list[str]] = {}
    for host in hosts:
        seat = seated.get(host)
        parts.setdefault(seat.level or 0 if seat else 0, []).append(host)
    return [parts[level] for level in sorted(parts)]


def waits(
    hosts: Iterable[str], ring: Sequence[str], seated: Mapping[str, Seat], statuses: Mapping[str, Mapping[str, Any]]
) -> dict[str, tuple[str, str]]:
    """`{host: (why, next)}` for hosts whose turn in their cluster has not come. `ring`: all hosts of their ring.

    A host that was begun goes on: half done it is of no use to its cluster.
    """
    found = {}
    inside: dict[str, list[str]] = {}
    for host in ring:
        if host in seated:
            inside.setdefault(seated[host].cluster, []).append(host)
    for host in hosts:
        seat, record = seated.get(host), statuses.get(host)
        if seat is None or begun(record):
            continue
        if seat.level is None:
            said = f"'{plain(seat.role, 60)}', which is none of the policy's order" if seat.role else "unknown"
            found[host] = (f"its role in {plain(seat.cluster, 100)} is {said}", _ROLE)
            continue
        before = [
            peer for peer in inside[seat.cluster] if _before(seat, seated[peer]) and not _done(statuses.get(peer))
        ]
        if before:
            said = names(f"{peer} ({(statuses.get(peer) or {}).get('status', 'pending')})" for peer in before)
            found[host] = (f"in {plain(seat.cluster, 100)} it goes after {said}", _NEXT)
    return found


def _before(seat: Seat, other: Seat) -> bool:
    """Whether the other goes first; one whose role is unknown may be of any."""
    return seat.level is not None and (other.level is None or other.level < seat.level)


def _done(record: Mapping[str, Any] | None) -> bool:
    record = record or {}
    return bool(record.get("retired")) or (finished(record) and record.get("status") != "rolled_back")
