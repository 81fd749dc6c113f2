# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`select.types`: what an update is for, how that is known, and what a plan says of it."""

from __future__ import annotations

from typing import Any

import pytest
from policy_facts import DAY, NOW, PLATFORM, candidate, policy, scope, state

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.plan import build_plan
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.plan_file import check_plan, write_plan
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.plan_text import render_plan


def advisory(kind: str, name: str = "", issued_ms: int | None = None, **given: Any) -> dict[str, Any]:
    found = {"id": name or f"LAB-{kind}", "type": kind, "severity": "low", "cves": [], "issued_ms": issued_ms}
    return {**found, **given}


def named(name: str, *kinds: str, **given: Any) -> dict[str, Any]:
    """A candidate with an advisory of each of these types."""
    return candidate(name, advisories=[advisory(kind) for kind in kinds], **{"security": "security" in kinds, **given})


def plan(extra: str, *candidates: dict[str, Any], sightings: Any = None) -> tuple[Any, list[dict[str, Any]]]:
    states = {"t1": state(*candidates), "p1": state(*candidates)}
    return build_plan("f", policy(extra), scope(["t1"], ["p1"]), states, sightings or {}, NOW)


CANDIDATES = [
    named("sec", "security"),
    named("fix", "bugfix"),
    named("new", "enhancement"),
    named("none"),
    named("both", "enhancement", "bugfix"),
    candidate("deb-sec", security=True),
    candidate("deb-other", security=False),
]


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("", {"sec", "fix", "new", "none", "both", "deb-sec", "deb-other"}),
        ("select: {types: [security]}\n", {"sec", "deb-sec"}),
        ("select: {types: [security, bugfix]}\n", {"sec", "fix", "both", "deb-sec"}),
        ("select: {types: [enhancement]}\n", {"new"}),
        ("select: {types: [unclassified]}\n", {"none", "deb-other"}),
        ("select: {other: false}\n", {"sec", "deb-sec"}),
        ("select: {security: false}\n", {"fix", "new", "none", "both", "deb-other"}),
    ],
)
def test_types_select(given: str, taken: set[str]) -> None:
    body, left = plan(given, *CANDIDATES)
    assert {line["package"] for line in body["lines"]} == taken
    assert {entry["package"] for entry in left} == {item["name"] for item in CANDIDATES} - taken


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("fix", "it is a bugfix update (LAB-bugfix); select.types takes security"),
        ("new", "it is an enhancement update (LAB-enhancement); select.types takes security"),
        ("none", "it is an unclassified update (no advisory names it); select.types takes security"),
        (
            "deb-other",
            "it is an unclassified update (by the archive that it comes from); select.types takes security",
        ),
    ],
)
def test_what_is_left_says_how_its_type_is_known(name: str, reason: str) -> None:
    _body, left = plan("select: {types: [security]}\n", *CANDIDATES)
    assert {(entry["why"], entry["detail"]) for entry in left if entry["package"] == name} == {("not_selected", reason)}


def test_a_source_has_the_strongest_type_of_its_packages() -> None:
    tool, library = named("tool", "bugfix", source="src"), named("lib", "security", source="src")
    body, _left = plan("select: {types: [security]}\n", tool, library)
    assert {line["package"]: line["type"] for line in body["lines"]} == {"tool": "bugfix", "lib": "security"}


def test_lines_say_type_basis_and_advisories() -> None:
    body, _left = plan("", *CANDIDATES)
    said = {line["package"]: (line["type"], line["type_from"], line["advisories"]) for line in body["lines"]}
    assert said["both"] == ("bugfix", "advisories", ["LAB-bugfix", "LAB-enhancement"])
    assert said["none"] == ("unclassified", "advisories", [])
    assert said["deb-sec"] == ("security", "origin", []) and said["deb-other"] == ("unclassified", "origin", [])
    assert check_plan(write_plan(body)) == body


def test_a_line_joins_what_lies_behind_each_start() -> None:
    """A host that starts further back has more advisories before it."""
    near = state(named("vim", "bugfix", installed="1.0-1b", version="1.0-2"))
    far = state(named("vim", "bugfix", "security"))
    build = build_plan("f", policy("select: {untested: allow}\n"), scope(["a"], ["z"]), {"a": near, "z": far}, {}, NOW)
    assert [(line["type"], line["security"], line["advisories"]) for line in build[0]["lines"]] == [
        ("security", True, ["LAB-bugfix", "LAB-security"])
    ]


def test_the_text_counts_types_and_says_how_they_are_known() -> None:
    body, left = plan("", *CANDIDATES)
    text = render_plan(body, left)
    assert (
        f"{PLATFORM}: 7 lines: 2 security, 2 bugfix, 1 enhancement, 2 unclassified (5 with types from advisories; "
        "2 with types from the archive of origin: security or unclassified)"
    ) in text
    assert "   !  sec amd64  1.0-1 -> 1.0-2 (LAB-security)".strip() in text


@pytest.mark.parametrize(
    ("days", "given", "taken"),
    [
        (3, "select: {delay: {security: 2d}}\n", True),
        (1, "select: {delay: {security: 2d}}\n", False),
        (-5, "select: {delay: {security: 2d}}\n", False),
    ],
)
def test_age_counts_from_the_advisory(days: int, given: str, taken: bool) -> None:
    dated = [advisory("security", "A", NOW - days * DAY), advisory("bugfix", "B", NOW), advisory("bugfix", "C")]
    body, left = plan(given, candidate("vim", advisories=dated))
    assert bool(body["lines"]) is taken
    assert taken or {entry["why"] for entry in left} == {"too_young"}


@pytest.mark.parametrize(
    "bad",
    [
        "all",
        ["A"],
        [advisory("fatal")],
        [advisory("security", "{{ x }} ")],
        [advisory("security", severity="worst")],
        [advisory("security", cves=["CVE 1"])],
        [advisory("security", cves="CVE-2026-1")],
        [advisory("security", issued_ms=True)],
        [{**advisory("security"), "issued_ms": "yesterday"}],
    ],
)
def test_advisories_that_cannot_be_used_are_unknown_and_taken_nowhere(bad: Any) -> None:
    body, left = plan("", candidate("vim", advisories=bad))
    assert body["lines"] == [] and {entry["why"] for entry in left} == {"unknown"}
