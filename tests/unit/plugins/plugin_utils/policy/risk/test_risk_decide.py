# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Deadlines: from when they count, what moves them, and what never does."""

from __future__ import annotations

import pytest
from risk_facts import DAY, DULL, EXPLOITED, INSIDE, NOW, OPEN, match, shipped, unit

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.decide import decide
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.inputs import profile_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.model import (
    ControlRule,
    Entry,
    Facts,
    Profile,
    Risk,
)

SCHEME = shipped("cisa-bod-26-04")
WAF = ControlRule("waf", 10 * DAY, attack_vector=("network",))
NET = EXPLOITED._replace(kev="no", vector="CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H")


def made(facts: Facts, profile: Profile, opened: int, before: Entry | None = None, now: int = NOW, **given):
    risk = given.get("risk", Risk())
    return decide(
        given.get("scheme", SCHEME),
        risk,
        match("CVE-1"),
        facts,
        profile,
        unit("openssl", "1.0"),
        given.get("in_use", "unknown"),
        opened,
        before,
        now,
    )


def entry(decision) -> Entry:
    return Entry(
        "CVE-1", NOW, "", "2.0", decision.row.number, decision.due_ms, decision.decided_ms, decision.extended_ms
    )


def test_a_deadline_counts_from_first_seen_or_from_publication_as_the_scheme_says() -> None:
    old = DULL._replace(published_ms=NOW - 50 * DAY)
    assert made(old, OPEN, NOW).due_ms == NOW + 60 * DAY
    published = SCHEME.adapted("p", "published", {})
    assert made(old, OPEN, NOW, scheme=published).due_ms == NOW + 10 * DAY
    assert made(DULL, OPEN, NOW, scheme=published).due_ms == NOW + 60 * DAY, "no date is known: from first seen"


def test_no_deadline_stays_none() -> None:
    assert made(DULL, INSIDE, NOW).due_ms is None


def test_what_becomes_more_urgent_gets_its_full_time_and_never_moves_back() -> None:
    first = made(DULL, OPEN, NOW - 55 * DAY, now=NOW - 55 * DAY)
    assert first.due_ms == NOW + 5 * DAY
    exploited = DULL._replace(kev="yes")  # 14 days
    second = made(exploited, OPEN, NOW - 55 * DAY, entry(first))
    assert second.due_ms == NOW + 5 * DAY, "the old deadline comes first"
    worse = made(EXPLOITED, OPEN, NOW - 55 * DAY, entry(first))
    assert worse.due_ms == NOW + 3 * DAY and worse.decided_ms == NOW, "three days from the day it is known"
    later = made(EXPLOITED, OPEN, NOW - 55 * DAY, entry(worse), now=NOW + 2 * DAY)
    assert later.due_ms == NOW + 3 * DAY and later.decided_ms == NOW, "the same decision again moves nothing"


def test_what_becomes_less_urgent_counts_from_the_beginning() -> None:
    first = made(EXPLOITED, OPEN, NOW - 2 * DAY, now=NOW - 2 * DAY)
    second = made(DULL, OPEN, NOW - 2 * DAY, entry(first))
    assert (first.due_ms, second.due_ms) == (NOW + 1 * DAY, NOW + 58 * DAY)


@pytest.mark.parametrize(
    ("rules", "facts", "controls", "in_use", "days"),
    [
        ((WAF,), NET, ("waf",), "unknown", 13),
        ((WAF,), NET, (), "unknown", 3),  # the host does not have it
        ((WAF,), NET._replace(vector="CVSS:3.1/AV:L/AC:L"), ("waf",), "unknown", 3),  # another class
        ((WAF,), NET._replace(vector=""), ("waf",), "unknown", 3),  # unknown class is no reason
        ((WAF, ControlRule("waf", 4 * DAY)), NET, ("waf",), "unknown", 13),  # the largest, not the sum
        ((ControlRule("waf", 5 * DAY, in_use=("no",)),), NET, ("waf",), "no", 8),
        ((ControlRule("waf", 5 * DAY, in_use=("no",)),), NET, ("waf",), "unknown", 3),
        ((ControlRule("waf", 5 * DAY, packages=("open*",)),), NET, ("waf",), "running", 8),
        ((ControlRule("waf", 5 * DAY, packages=("nginx",)),), NET, ("waf",), "running", 3),
    ],
)
def test_a_control_lengthens_a_deadline_where_its_rule_fits(rules, facts, controls, in_use, days) -> None:
    profile = OPEN._replace(controls=controls)
    decision = made(facts, profile, NOW, risk=Risk(controls=rules), in_use=in_use)
    assert decision.due_ms == NOW + days * DAY and decision.extended_ms == (days - 3) * DAY


def test_a_control_gives_nothing_no_deadline_and_closes_nothing() -> None:
    decision = made(DULL, INSIDE._replace(controls=("waf",)), NOW, risk=Risk(controls=(ControlRule("waf", DAY),)))
    assert (decision.due_ms, decision.extended_ms) == (None, 0)


@pytest.mark.parametrize(
    ("variables", "risk", "exposure", "criticality", "impact", "notes"),
    [
        ({}, Risk(), "unknown", "unknown", "unknown", 0),
        (
            {"lockstep_exposure": "internet", "lockstep_criticality": "critical"},
            Risk(),
            "open",
            "critical",
            "very high",
            0,
        ),
        ({"lockstep_exposure": "Controlled"}, Risk(), "controlled", "unknown", "unknown", 0),
        ({"lockstep_exposure": "dmz"}, Risk(), "unknown", "unknown", "unknown", 1),
        ({"lockstep_exposure": "dmz"}, Risk(exposure=(("dmz", "open"),)), "open", "unknown", "unknown", 0),
        ({"lockstep_criticality": "gold"}, Risk(criticality=(("gold", "high"),)), "unknown", "high", "high", 0),
        ({"lockstep_criticality": "low"}, Risk(human_impact=(("low", "medium"),)), "unknown", "low", "medium", 0),
    ],
)
def test_what_a_host_is_and_what_nobody_says(variables, risk, exposure, criticality, impact, notes) -> None:
    profile, told = profile_of(risk, "web1", variables, (), {})
    assert (profile.exposure, profile.criticality, profile.human_impact) == (exposure, criticality, impact)
    assert len(told) == notes


def test_only_controls_that_a_rule_names_make_profiles_differ() -> None:
    risk = Risk(controls=(ControlRule("waf", DAY, pattern="web"), ControlRule("apparmor", DAY)))
    found, _notes = profile_of(risk, "web1", {}, ("apparmor", "selinux"), {"web": ["web1"]})
    assert found.controls == ("apparmor", "waf")
    assert profile_of(risk, "db1", {}, ("selinux",), {"web": ["web1"]})[0].controls == ()
