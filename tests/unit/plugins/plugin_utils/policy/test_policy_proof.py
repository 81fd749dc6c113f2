# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a ring must prove besides its results: exact methods against published values, and the gate that uses them."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
from policy_facts import HOUR, NOW, policy, scope

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.emergency import emergency_policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.exact import (
    as_bad_by_chance,
    highest_rate,
    hosts_to_prove,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.gate import decide, judge_ring
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.load import load_policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import PolicyError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.proof import (
    Proof,
    Rates,
    Statistics,
    lacking,
    shown,
    worse,
)


@pytest.mark.parametrize(
    ("bad", "hosts", "bad_before", "hosts_before", "chance"),
    [
        (3, 4, 1, 4, 17 / 70),  # Fisher's lady tasting tea
        (4, 4, 0, 4, 1 / 70),
        (0, 4, 4, 4, 1.0),
        (10, 13, 2, 17, 0.0004652),  # Fisher's twins, as the help of R's fisher.test gives it
        (1, 1, 0, 99, 0.01),
        (2, 10, 0, 990, 45 / 499500),
    ],
)
def test_fishers_test_gives_published_values(bad, hosts, bad_before, hosts_before, chance: float) -> None:
    assert as_bad_by_chance(bad, hosts, bad_before, hosts_before) == pytest.approx(chance, rel=2e-3)


def test_fishers_test_agrees_with_whole_numbers() -> None:
    for bad, hosts, before, others in ((1, 12, 3, 840), (3, 50, 12, 400), (7, 7, 1, 20), (40, 900, 300, 11_000)):
        every, all_bad = hosts + others, bad + before
        ways = sum(comb(all_bad, n) * comb(every - all_bad, hosts - n) for n in range(bad, min(hosts, all_bad) + 1))
        assert as_bad_by_chance(bad, hosts, before, others) == pytest.approx(
            float(Fraction(ways, comb(every, hosts))), rel=1e-6
        )


@pytest.mark.parametrize(
    ("bad", "hosts", "confidence", "limit"),
    [
        (0, 10, 0.95, 1 - 0.05**0.1),  # closed form without failures
        (0, 29, 0.95, 1 - 0.05 ** (1 / 29)),
        (0, 3, 0.95, 0.6316),  # the rule of three's exact form
        (1, 10, 0.95, 0.3942),  # qbeta(.95, 2, 9)
        (5, 20, 0.975, 0.4910),  # the usual two-sided 95% interval of 5 of 20: 0.0866 to 0.4910
        (10, 100, 0.975, 0.1762),  # of 10 of 100: 0.0490 to 0.1762
        (4, 4, 0.95, 1.0),
        (0, 0, 0.95, 1.0),
    ],
)
def test_the_clopper_pearson_limit_gives_published_values(bad, hosts, confidence, limit: float) -> None:
    assert highest_rate(bad, hosts, confidence) == pytest.approx(limit, abs=5e-5)


@pytest.mark.parametrize(
    ("bad", "rate", "hosts"),
    [
        (0, 0.1, 29),
        (0, 0.05, 59),
        (0, 0.01, 299),
        (1, 0.1, 46),
        (0, 0.5, 5),
    ],  # the tables of zero- and one-failure tests
)
def test_how_many_hosts_a_rate_takes(bad: int, rate: float, hosts: int) -> None:
    assert hosts_to_prove(bad, rate, 0.95) == hosts
    assert highest_rate(bad, hosts, 0.95) <= rate < highest_rate(bad, hosts - 1, 0.95)


def test_no_number_of_hosts_is_beyond_reason() -> None:
    assert hosts_to_prove(0, 1e-7, 0.95) is None


@pytest.mark.parametrize(
    ("tried", "before", "text"),
    [
        (Rates(12, 3, 0, 3), Rates(840, 3, 2, 5), "3 of 12 hosts (25.0%) failed, against 3 of 840 hosts (0.4%)"),
        (Rates(12, 0, 3, 3), Rates(840, 3, 2, 5), "3 of 12 hosts (25.0%) regressed, against 2 of 840 hosts (0.2%)"),
        (Rates(12, 1, 0, 1), Rates(100, 8, 0, 8), ""),
        (Rates(12, 12, 0, 12), Rates(), ""),  # nothing to compare with: the limit, not the comparison, decides
        (Rates(12, 0, 0, 0), Rates(840, 0, 0, 0), ""),
    ],
)
def test_a_rate_is_compared_with_the_fleets_own(tried: Rates, before: Rates, text: str) -> None:
    said = worse(Statistics(), Proof(tried, before))
    assert said.startswith(text) and bool(said) == bool(text)
    if text:
        assert "confidence (95% asked)" in said and "100.00%" not in said


def test_the_confidence_asked_for_moves_the_line() -> None:
    proof = Proof(Rates(10, 1, 0, 1), Rates(990, 5, 0, 5))  # chance 0.0587 of one or more
    assert not worse(Statistics(confidence=95), proof)
    assert worse(Statistics(confidence=85), proof)


def test_too_few_hosts_prove_little_and_say_how_little() -> None:
    enough, text = shown(Statistics(), Proof(Rates(3)))
    assert not enough
    assert "at most 63.2% do; max_rate 10% takes 29 hosts; the fleet has no earlier plans" in text
    enough, text = shown(Statistics(), Proof(Rates(29), Rates(50, 1, 0, 1)))
    assert enough and "at most 9.8% do; the fleet's own rate is 1 of 50 hosts (2.0%)" in text
    assert shown(Statistics(), Proof())[0] is False


T, P = ["t1", "t2"], ["p1", "p2"]
BASE = """rings:
  - {{name: test, hosts: t, soak: {soak}, gate: {{{gate}}}}}
  - {{name: production, hosts: p, soak: 0h}}
"""


def was(status: str, ago_h: float = 30) -> dict:
    return {"status": status, "phase": None, "reason": None, "at_ms": int(NOW - ago_h * HOUR)}


GOOD = {"t1": was("verified"), "t2": was("verified")}


def judge(gate: str, proof: Proof | None, soak: str = "0h", statuses: dict | None = None, state: dict | None = None):
    proofs = {} if proof is None else {"test": proof}
    rules = policy(rings=BASE.format(soak=soak, gate=gate))
    return judge_ring(rules, scope(T, P), "test", statuses or GOOD, state or {}, NOW, (), False, proofs)


@pytest.mark.parametrize(
    ("gate", "proof", "state", "texts"),
    [
        ("max_failed: 0", None, "passed", ["2 hosts verified"]),
        ("min_hosts: 2", Proof(), "passed", ["2 hosts verified"]),
        ("min_hosts: 3", Proof(), "failed", ["2 hosts verified; min_hosts wants 3"]),
        ("min_hosts: 3", None, "failed", ["min_hosts wants 3"]),
        ("min_hosts: 3", Proof(accepted="bob on Monday: small site"), "passed", ["accepted by bob on Monday"]),
        ("statistics: {}", Proof(Rates(2)), "failed", ["too few hosts", "77.6%", "takes 29 hosts"]),
        ("statistics: {too_few: go}", Proof(Rates(2)), "passed", ["77.6%"]),
        ("statistics: {max_rate: 80%}", Proof(Rates(2)), "passed", ["77.6%"]),
        ("statistics: {too_few: go}", Proof(Rates(2, 2, 0, 2), Rates(500, 1, 0, 1)), "failed", ["worse with"]),
        ("statistics: {}", Proof(Rates(2), accepted="ann: known"), "passed", ["accepted by ann: known", "77.6%"]),
        ("checks: [{command: [ok]}]", Proof(answers={"command ok": (True, "exit status 0")}), "passed", ["exit"]),
        ("checks: [{command: [ok]}]", Proof(answers={"command ok": (False, "exit status 3")}), "failed", ["says no"]),
        ("checks: [{command: [ok]}]", Proof(answers={}), "failed", ["was not asked"]),
        ("checks: [{command: [ok]}]", Proof(), "soaking", ["are to be asked"]),
        ("checks: [{command: [ok]}]", None, "soaking", ["are to be asked"]),
        ("checks: [{command: [ok]}]", Proof(accepted="ann: x", answers={"command ok": (False, "")}), "failed", ["no"]),
    ],
)
def test_what_a_ring_proves_besides_its_results(gate: str, proof: Proof | None, state: str, texts: list[str]) -> None:
    found = judge(gate, proof)
    assert (found.state, bool(found.next)) == (state, state != "passed"), found
    for text in texts:
        assert text in found.why


@pytest.mark.parametrize(
    ("gate", "ago", "state", "recheck"),
    [
        ("max_failed: 0", {"t1": 30, "t2": 30}, "soaking", ("t1", "t2")),
        ("max_failed: 0", {"t1": 1, "t2": 30}, "soaking", ("t2",)),
        ("max_failed: 0", {"t1": 1, "t2": 0}, "passed", ()),
        ("recheck: false", {"t1": 30, "t2": 30}, "passed", ()),
    ],
)
def test_a_ring_that_has_soaked_is_verified_once_more(gate, ago, state, recheck) -> None:
    statuses = {host: was("verified", hours) for host, hours in ago.items()}
    soaking = {"test": {"state": "soaking", "soak_from_ms": NOW - 30 * HOUR}}
    found = judge(gate, None, "24h", statuses, soaking)
    assert (found.state, found.recheck) == (state, recheck)
    assert found.until_ms is None


def test_a_ring_that_lacked_proof_does_not_soak_anew() -> None:
    lacked = {"test": {"state": "failed", "soak_from_ms": NOW - 30 * HOUR}}
    fresh = {"t1": was("verified", 1), "t2": was("verified", 1)}
    assert judge("max_failed: 0", None, "24h", fresh, lacked).state == "passed"
    assert judge("max_failed: 0", None, "24h", fresh, {"test": {"state": "failed"}}).state == "soaking"


def test_production_does_not_follow_a_ring_without_proof() -> None:
    rules = policy(rings=BASE.format(soak="0h", gate="min_hosts: 3"))
    gate = decide(rules, scope(T, P), GOOD, {}, "production", P, NOW, P, proofs={"test": Proof()})
    assert (gate.decision, gate.hosts) == ("stop", []) and "min_hosts wants 3" in gate.why
    soaked = policy(rings=BASE.format(soak="24h", gate="max_failed: 0"))
    gate = decide(soaked, scope(T, P), GOOD, {}, "production", P, NOW, P, proofs={})
    assert gate.decision == "stop" and "verified once more: t1, t2" in gate.why


def test_a_ring_stops_in_the_middle_when_it_is_worse_than_the_fleet() -> None:
    rules = policy(rings=BASE.format(soak="0h", gate="max_failed: 50%, statistics: {too_few: go}"))
    bad = Proof(Rates(2, 2, 0, 2), Rates(500, 1, 0, 1))
    statuses = {"t1": was("verified")}

    def ask(proof: Proof):
        return decide(rules, scope(T, P), statuses, {}, "test", ["t2"], NOW, T, proofs={"test": proof})

    assert ask(bad).decision == "stop" and "worse with" in ask(bad).why and "resolve" in ask(bad).next
    assert ask(bad._replace(accepted="ann: known")).decision == "go"
    assert ask(Proof(Rates(1), Rates(500, 1, 0, 1))).decision == "go"


def test_a_failed_check_names_it_and_is_asked_again() -> None:
    gate = policy(rings=BASE.format(soak="0h", gate="checks: [{command: [/bin/shop, open]}]")).rings[0].gate
    lack, said = lacking(gate, "test", 2, Proof(answers={"command /bin/shop open": (False, "no \x1b[31m")}))
    assert lack is not None and "'command /bin/shop open' says no: no ?[31m" in lack.why and "asked anew" in lack.next


@pytest.mark.parametrize(
    ("check", "text"),
    [
        ("{prometheus: 'http://p', max: 1}", "'query' is missing"),
        ("{prometheus: 'http://p', query: up}", "give min, max or both"),
        ("{prometheus: 'http://p', query: up, min: 2, max: 1}", "min is above max"),
        ("{command: [x], max: 1}", "'max' goes with 'prometheus' only"),
        ("{command: [x], role: y}", "exactly one of command, prometheus, role"),
        ("{command: x}", "must be a list"),
        ("{role: 'a b'}", "must be the name of a role"),
        ("{command: [x], timeout: 0}", "a timeout of 0 never succeeds"),
    ],
)
@pytest.mark.parametrize("place", ["ring", "emergency"])
def test_a_check_that_could_never_say_no_or_yes_is_refused(place: str, check: str, text: str) -> None:
    gate = f"{{checks: [{check}]}}"
    rings = f"rings: [{{name: a, hosts: b{', gate: ' + gate if place == 'ring' else ''}}}]\n"
    with pytest.raises(PolicyError) as caught:
        load_policy(rings + (f"emergency: {{gate: {gate}}}\n" if place == "emergency" else ""), "p.yml")
    assert text in str(caught.value) and f"p.yml:{1 if place == 'ring' else 2}" in str(caught.value)


@pytest.mark.parametrize(
    ("gate", "text"),
    [
        ("min_hosts: 0", "whole number from 1"),
        ("min_hosts: 10%", "min_hosts"),
        ("statistics: {confidence: 100%}", "a share from 1% to 99%"),
        ("statistics: {confidence: 0.95}", "a share from 1% to 99%"),
        ("statistics: {too_few: ignore}", "one of stop, go"),
        ("recheck: maybe", "true or false"),
        ("checks: []", "must not be empty"),
    ],
)
def test_a_bad_value_is_refused_with_what_is_allowed(gate: str, text: str) -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy(f"rings: [{{name: a, hosts: b, gate: {{{gate}}}}}]\n", "p.yml")
    assert text in str(caught.value)


def test_an_emergency_has_gates_of_its_own() -> None:
    rules = policy(
        rings=BASE.format(soak="24h", gate="min_hosts: 9, max_failed: 0") + "emergency: {gate: {min_hosts: 1}}\n"
    )
    test, production = emergency_policy(rules, "openssl", "", "").rings
    assert (test.gate.min_hosts, str(test.gate.max_failed)) == (1, "0")
    assert (production.gate.min_hosts, str(production.gate.max_failed)) == (1, "1%")
