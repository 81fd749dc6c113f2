# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a ring must prove besides its hosts' results: enough hosts, rates that the fleet knows, users' checks. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.exact import (
    as_bad_by_chance,
    highest_rate,
    hosts_to_prove,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.shapes import COUNT, DURATION, keys
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import count, duration_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names, plain, plural

KINDS = ("command", "prometheus", "role")
_SHARE = {"type": "string", "pattern": r"^[1-9][0-9]?%$"}
STATISTICS = keys({"confidence": _SHARE, "max_rate": _SHARE, "too_few": {"enum": ["stop", "go"]}})
CHECK: dict[str, Any] = {
    **keys(
        {
            "command": {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
            "prometheus": {"type": "string", "pattern": r"^https?://[^\s]+$"},
            "role": {"type": "string", "pattern": r"^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+){0,2}$"},
            "query": {"type": "string", "minLength": 1},
            "min": {"type": "number"},
            "max": {"type": "number"},
            "timeout": DURATION,
        }
    ),
    "oneOf": [{"required": [kind]} for kind in KINDS],
}
GATE = keys(
    {
        "max_failed": COUNT,
        "max_absent": COUNT,
        "min_hosts": {"type": "integer", "minimum": 1, "maximum": 100_000},
        "recheck": {"type": "boolean"},
        "statistics": STATISTICS,
        "checks": {"type": "array", "minItems": 1, "items": CHECK},
    }
)
ACCEPT = "look into it; a person who bears it says so with the playbook resolve (-e lockstep_ring={ring} and a reason)"


@dataclass(frozen=True)
class Statistics:
    """The statistical gate. Shares are whole per cents."""

    confidence: int = 95
    max_rate: int = 10
    """A ring must show, with this confidence, that no larger share of hosts fails."""
    too_few: str = "stop"
    """`stop`, or `go`: promote although the ring has too few hosts to show it."""


@dataclass(frozen=True)
class GateCheck:
    """One check of the user's own."""

    kind: str
    target: Any
    timeout_ms: int
    query: str | None = None
    low: float | None = None
    high: float | None = None

    @property
    def name(self) -> str:
        """How results call it. The address of a server may hold a secret, the query does not."""
        text = self.query if self.kind == "prometheus" else self.target
        return f"{self.kind} {' '.join(text) if isinstance(text, tuple) else text}"


def statistics_of(given: Mapping[str, Any] | None) -> Statistics | None:
    """The value of data that the schema has accepted."""
    if given is None:
        return None
    shares = {key: int(given[key][:-1]) for key in ("confidence", "max_rate") if key in given}
    return Statistics(**shares, too_few=given.get("too_few", "stop"))


def checks_of(given: Iterable[Mapping[str, Any]]) -> tuple[GateCheck, ...]:
    """The same for a gate's `checks`."""
    found = []
    for item in given:
        kind = next(kind for kind in KINDS if kind in item)
        target = tuple(item[kind]) if isinstance(item[kind], list) else item[kind]
        wait = duration_ms(item.get("timeout", "30s"))
        found.append(GateCheck(kind, target, wait, item.get("query"), item.get("min"), item.get("max")))
    return tuple(found)


def gate_values(given: Mapping[str, Any]) -> dict[str, Any]:
    """Typed values of the keys that a gate has; what it leaves out is not there."""
    typed: dict[str, Callable[[Any], Any]] = {
        "max_failed": count,
        "max_absent": count,
        "min_hosts": int,
        "recheck": bool,
        "statistics": statistics_of,
        "checks": checks_of,
    }
    return {key: typed[key](value) for key, value in given.items()}


def sense(data: Mapping[str, Any]) -> list[tuple[tuple[Any, ...], str]]:
    """What a schema cannot say of a policy's gates: `[(path, sentence)]`."""
    found: list[tuple[tuple[Any, ...], str]] = []
    gates: list[tuple[tuple[Any, ...], Mapping[str, Any]]] = [
        (("rings", at, "gate"), ring.get("gate", {})) for at, ring in enumerate(data["rings"])
    ]
    for place, gate in [*gates, (("emergency", "gate"), data.get("emergency", {}).get("gate", {}))]:
        for number, check in enumerate(gate.get("checks", ())):
            path = (*place, "checks", number)
            extra = sorted({"query", "min", "max"} & set(check))
            if "prometheus" in check and "query" not in check:
                found.append((path, "'query' is missing: which answer is good?"))
            if "prometheus" not in check and extra:
                found.append(((*path, extra[0]), f"'{extra[0]}' goes with 'prometheus' only"))
            if "prometheus" in check and not {"min", "max"} & set(check):
                found.append((path, "give min, max or both: without a limit no answer is a bad one"))
            if check.get("min", 0) > check.get("max", check.get("min", 0)):
                found.append(((*path, "min"), "min is above max, so no answer is a good one"))
    return found


class Rates(NamedTuple):
    """Hosts that took a plan, and those of them that at some time failed (or were lost), or regressed."""

    hosts: int = 0
    failed: int = 0
    regressed: int = 0
    bad: int = 0
    """Either of the two, counted once."""


class Proof(NamedTuple):
    """What is known of a ring besides its hosts' results."""

    tried: Rates = Rates()
    before: Rates = Rates()
    """The fleet's hosts in earlier plans."""
    answers: Mapping[str, tuple[bool, str]] | None = None
    """What each check said; None where nobody asked."""
    accepted: str = ""
    """Who bears that the ring has too few hosts or worse rates, and why."""


class Shortfall(NamedTuple):
    """Why a ring does not pass."""

    why: str
    next: str


def worse(rule: Statistics, proof: Proof) -> str:
    """Which rate is worse than the fleet's own, with numbers, or an empty text.

    Two rates are compared, so each has half of the error that is allowed.
    """
    for what, now, then in (
        ("failed", proof.tried.failed, proof.before.failed),
        ("regressed", proof.tried.regressed, proof.before.regressed),
    ):
        if not now or not proof.before.hosts:
            continue
        chance = as_bad_by_chance(now, proof.tried.hosts, then, proof.before.hosts)
        if chance <= (100 - rule.confidence) / 200:
            return (
                f"{_of(now, proof.tried.hosts)} {what}, against {_of(then, proof.before.hosts)} in the fleet's earlier"
                f" plans: worse with {_percent(1 - chance, 2)} confidence ({rule.confidence}% asked)"
            )
    return ""


def shown(rule: Statistics, proof: Proof) -> tuple[bool, str]:
    """Whether a ring has hosts enough to show what the rule asks for, and what it shows, with numbers."""
    tried = proof.tried
    limit = highest_rate(tried.bad, tried.hosts, rule.confidence / 100)
    enough = tried.hosts > 0 and limit <= rule.max_rate / 100
    text = (
        f"{_of(tried.bad, tried.hosts)} failed or regressed, which shows with {rule.confidence}% confidence that at"
        f" most {_percent(limit)} do"
    )
    if not enough:
        wanted = hosts_to_prove(tried.bad, rule.max_rate / 100, rule.confidence / 100)
        text += f"; max_rate {rule.max_rate}% takes " + (f"{wanted} hosts" if wanted else "more hosts than there are")
    if proof.before.hosts:
        return enough, f"{text}; the fleet's own rate is {_of(proof.before.bad, proof.before.hosts)}"
    return enough, f"{text}; the fleet has no earlier plans to compare with"


def lacking(gate: Any, ring: str, verified: int, proof: Proof) -> tuple[Shortfall | None, list[str]]:
    """What a ring still lacks, and what it has shown. `gate` is the ring's of the policy."""
    said: list[str] = []
    accept = ACCEPT.format(ring=ring)
    if proof.accepted:
        said.append(f"accepted by {proof.accepted}")
    elif gate.min_hosts and verified < gate.min_hosts:
        why = f"{plural(verified, 'host')} verified; min_hosts wants {gate.min_hosts}"
        return Shortfall(why, f"give the ring more hosts and plan again; or {accept}"), said
    if gate.statistics is not None:
        bad = worse(gate.statistics, proof)
        if bad and not proof.accepted:
            return Shortfall(bad, accept), said
        enough, text = shown(gate.statistics, proof)
        if not enough and not proof.accepted and gate.statistics.too_few == "stop":
            return Shortfall(f"too few hosts: {text}", f"give the ring more hosts and plan again; or {accept}"), said
        said.append(bad or text)
    for check in gate.checks:
        good, text = (proof.answers or {}).get(check.name, (False, "it was not asked; only the playbooks ask it"))
        if not good:
            step = "mend what it found, then run rollout again: it is asked anew"
            return Shortfall(f"the check '{plain(check.name, 100)}' says no: {plain(text)}", step), said
        said.append(f"{plain(check.name, 100)}: {plain(text, 100)}")
    return None, said


def short_of_hosts(gate: Any, ring: str, hosts: Iterable[str]) -> str:
    """Why a ring can never pass, before anything is begun: it has fewer hosts than its gate wants. Else empty."""
    known = list(hosts)
    if not gate.min_hosts or len(known) >= gate.min_hosts:
        return ""
    return (
        f"ring '{ring}' has {plural(len(known), 'host')} ({names(known)}), and its gate.min_hosts is {gate.min_hosts}"
    )


def _of(some: int, every: int) -> str:
    share = f" ({_percent(some / every)})" if some and every else ""
    return f"{some} of {plural(every, 'host')}{share}"


def _percent(share: float, digits: int = 1) -> str:
    """Rounded, but never up to all or down to none."""
    text = f"{share * 100:.{digits}f}"
    step = 10**-digits
    if share < 1 and float(text) >= 100:
        text = f"{100 - step:.{digits}f}"
    return f"{text}%"
