# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Gather what rings must prove besides their hosts' results: rates from the ledger, answers of users' checks."""

from __future__ import annotations

import json
import math
import os
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.facts import rings_of, statuses_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.outcomes import Outcome
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.gate import judge_ring
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy, Ring
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.proof import GateCheck, Proof, Rates
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import one_line, plain, utc

YEAR_MS = 366 * 86_400_000
"""What is older says nothing of the fleet as it is."""
MOST_BYTES = 1_000_000


def proofs_of(
    ledger: Ledger,
    policy: Policy,
    plan: dict[str, Any],
    token: int,
    now_ms: int,
    ask: bool = True,
    roles: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Proof]:
    """The proofs of the rings that have not passed. With `ask`, rings that would pass but for their checks are asked
    these now. `roles` are answers of roles that this run has run, by ring and name."""
    found: dict[str, Proof] = {}
    scope, plan_id = plan["body"]["scope"], plan["plan_id"]
    rings: dict[str, dict[str, Any]] | None = None
    for entry in scope:
        ring = policy.ring(entry["ring"])
        if ring is None or not (ring.gate.min_hosts or ring.gate.statistics or ring.gate.checks):
            continue
        rings = rings_of(ledger, plan_id) if rings is None else rings
        if rings.get(ring.name, {}).get("state") == "passed":
            continue
        found[ring.name] = _rates(ledger, policy.fleet, plan_id, ring, now_ms)
        if not ring.gate.checks or not ask:
            continue
        known = dict((roles or {}).get(ring.name, {}))
        answers: dict[str, tuple[bool, str]] | None = None
        trial = dict.fromkeys((check.name for check in ring.gate.checks), (True, ""))
        statuses = statuses_of(ledger, plan_id)
        gone = [host for host, record in statuses.items() if record.get("retired")]
        would = judge_ring(
            policy,
            scope,
            ring.name,
            statuses,
            rings,
            now_ms,
            gone,
            closing=False,
            proofs={ring.name: found[ring.name]._replace(answers=trial)},
        )
        if would.state == "passed" and all(check.kind != "role" or check.name in known for check in ring.gate.checks):
            asked = ask_all(ring.gate.checks, {"fleet": policy.fleet, "plan": plan_id, "ring": ring.name})
            for name, answer in asked.items():
                note_answer(ledger, plan_id, ring.name, name, answer, token, now_ms)
            answers = {**asked, **{name: (bool(answer[0]), str(answer[1])) for name, answer in known.items()}}
        found[ring.name] = found[ring.name]._replace(answers=answers)
    return found


def note_answer(
    ledger: Ledger, plan_id: str, ring: str, name: str, answer: tuple[bool, str], token: int, now_ms: int
) -> None:
    """Record what a check said."""
    ledger.note(
        token, "gate_check", ring, {"plan": plan_id, "check": name, "ok": answer[0], "answer": answer[1]}, now_ms
    )


def _rates(ledger: Ledger, fleet: str, plan_id: str, ring: Ring, now_ms: int) -> Proof:
    accepted = next(
        (
            order
            for order in ledger.orders(fleet, "resolution", plan_id=plan_id)
            if order["detail"].get("ring") == ring.name
        ),
        None,
    )
    said = f"{plain(accepted['actor'], 100)} on {utc(accepted['ms'])}: {plain(accepted['reason'])}" if accepted else ""
    if ring.gate.statistics is None:
        return Proof(accepted=said)
    mine = [row for row in ledger.outcomes(fleet, 0, plan_id) if row.ring == ring.name]
    others = [row for row in ledger.outcomes(fleet, now_ms - YEAR_MS) if row.plan_id != plan_id]
    return Proof(_sum(mine), _sum(others), accepted=said)


def _sum(rows: Iterable[Outcome]) -> Rates:
    parts = [(row.hosts, row.failed, row.regressed, row.bad) for row in rows]
    return Rates(*(sum(part[at] for part in parts) for at in range(4)))


def ask_all(checks: Iterable[GateCheck], about: Mapping[str, str]) -> dict[str, tuple[bool, str]]:
    """What commands and Prometheus say, by the checks' names. Whatever goes wrong is a no, with its reason."""
    found = {}
    for check in checks:
        if check.kind != "role":
            asked = _ask_command if check.kind == "command" else _ask_prometheus
            try:
                found[check.name] = asked(check, about)
            except Exception as error:  # a check that cannot be asked has not said yes
                text = str(error).replace(str(check.target), "the server") if check.kind == "prometheus" else str(error)
                found[check.name] = (False, f"it could not be asked: {plain(one_line(text))}")
    return found


def _ask_command(check: GateCheck, about: Mapping[str, str]) -> tuple[bool, str]:
    own = {f"LOCKSTEP_{key.upper()}": value for key, value in about.items()}
    try:
        done = subprocess.run(
            list(check.target),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **own},
            timeout=check.timeout_ms / 1000,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False, f"no answer within {check.timeout_ms // 1000} s"
    lines = done.stdout[:20_000].decode("utf-8", "replace").strip().splitlines()
    said = f": {plain(lines[-1], 200)}" if lines else ""
    return done.returncode == 0, f"exit status {done.returncode}{said}"


def _ask_prometheus(check: GateCheck, about: Mapping[str, str]) -> tuple[bool, str]:
    from ansible.module_utils.urls import open_url  # slow to import, and few runs need it

    url = f"{str(check.target).rstrip('/')}/api/v1/query?" + urlencode({"query": check.query or ""})
    answer = open_url(url, method="GET", timeout=check.timeout_ms / 1000, follow_redirects="safe")
    return judge_samples(json.loads(answer.read(MOST_BYTES)), check.low, check.high)


def judge_samples(answer: Mapping[str, Any], low: float | None, high: float | None) -> tuple[bool, str]:
    """An answer of Prometheus' HTTP API: good if it has a value and every value is within the limits."""
    if answer.get("status") != "success":
        return False, f"the server says: {plain(answer.get('error') or answer.get('status'))}"
    data = answer["data"]
    if data["resultType"] == "scalar":
        samples = [("the query", float(data["result"][1]))]
    elif data["resultType"] == "vector":
        samples = [(_labels(item["metric"]), float(item["value"][1])) for item in data["result"]]
    else:
        return False, f"the query gives a {plain(data['resultType'], 40)}; ask for a number or an instant vector"
    if not samples:
        return False, "the query has no result, and no result is no proof"
    bad = [
        f"{name} is {value:g}"
        for name, value in samples
        if math.isnan(value) or (low is not None and value < low) or (high is not None and value > high)
    ]
    limits = " and ".join(f"{word} {limit:g}" for word, limit in (("min", low), ("max", high)) if limit is not None)
    if bad:
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        return False, f"{', '.join(bad[:3])}{more} ({limits})"
    values = [value for _name, value in samples]
    span = f"{min(values):g}" if min(values) == max(values) else f"{min(values):g} to {max(values):g}"
    return True, f"{span} ({limits})"


def _labels(metric: Mapping[str, Any]) -> str:
    text = ",".join(f"{plain(key, 40)}={plain(value, 60)}" for key, value in sorted(metric.items()))
    return f"{{{text}}}" if text else "the query"
