# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Decision tables: those that ship say what their source says, and mistakes are told by line and column."""

from __future__ import annotations

from itertools import product

import pytest
from risk_facts import SCHEMES, shipped

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import PolicyError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.scheme import read_scheme
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.words import INPUTS, UNKNOWN, WORDS

DAY = 86_400_000
NOBODY = dict.fromkeys(INPUTS, UNKNOWN)


@pytest.mark.parametrize("path", sorted(SCHEMES.glob("*.csv")), ids=lambda path: path.stem)
def test_a_shipped_scheme_decides_every_case_and_says_where_it_is_from(path) -> None:
    scheme = read_scheme(path.read_text(encoding="utf-8"), path.name)
    assert scheme.name == path.stem and scheme.version and scheme.as_of and scheme.licence and scheme.source
    choices = [[*WORDS[name], UNKNOWN] for name in scheme.columns]
    for values in product(*choices):
        row, assumed = scheme.decide({**NOBODY, **dict(zip(scheme.columns, values, strict=True))})
        assert row.decision
        assert set(assumed) == {
            name
            for name, value in zip(scheme.columns, values, strict=True)
            if value == UNKNOWN and name in scheme.assumed
        }


@pytest.mark.parametrize(
    ("scheme", "inputs", "decision", "days", "assumed"),
    [
        (
            "cisa-bod-26-04",
            {"kev": "yes", "exposure": "open", "automatable": "yes", "technical_impact": "total"},
            "3 days & forensic investigation",
            3,
            (),
        ),
        (
            "cisa-bod-26-04",
            {"kev": "no", "exposure": "small", "automatable": "no", "technical_impact": "total"},
            "fix on system upgrade",
            None,
            (),
        ),
        (
            "cisa-bod-26-04",
            {"kev": "no", "exposure": "controlled"},
            "60 days",
            60,
            ("automatable", "technical_impact"),
        ),
        ("cisa-bod-26-04", {}, "3 days", 3, ("kev", "exposure", "automatable", "technical_impact")),
        (
            "ssvc-deployer",
            {"exploitation": "active", "exposure": "open", "automatable": "yes", "human_impact": "very high"},
            "immediate",
            3,
            (),
        ),
        (
            "ssvc-deployer",
            {"exploitation": "none", "exposure": "small", "automatable": "no", "human_impact": "low"},
            "defer",
            None,
            (),
        ),
        ("cvss-severity", {"severity": "critical"}, "critical", 15, ()),
        ("cvss-severity", {}, "not rated", 30, ()),
    ],
)
def test_what_a_scheme_decides(scheme: str, inputs: dict, decision: str, days: int | None, assumed: tuple) -> None:
    row, rests_on = shipped(scheme).decide({**NOBODY, **inputs})
    assert (row.decision, row.deadline_ms) == (decision, None if days is None else days * DAY)
    assert rests_on == assumed


@pytest.mark.parametrize(
    ("text", "where", "parts"),
    [
        ("kev,exposuer,decision,deadline\n", "x.csv:1", ["column 'exposuer'", "did you mean 'exposure'?"]),
        ("kev,kev,decision,deadline\nyes,no,a,1d\n", "x.csv:1", ["column 'kev'", "given twice"]),
        ("kev,decision\nyes,a\n", "x.csv:1", ["the column 'deadline' is missing"]),
        ("decision,deadline\na,1d\n", "x.csv:1", ["there is no input"]),
        ("kev,decision,deadline\nyes,a\n", "x.csv:2", ["has 2 cells, and the header has 3"]),
        ("kev,decision,deadline\nmaybe,a,1d\n*,b,1d\n", "x.csv:2", ["column 'kev': is 'maybe'", "yes, no or unknown"]),
        ("cvss,decision,deadline\n>=9.x,a,1d\n*,b,1d\n", "x.csv:2", ["column 'cvss'", "a number from 0 to 10"]),
        ("cvss,decision,deadline\n9.0..4.0,a,1d\n*,b,1d\n", "x.csv:2", ["'9.0..4.0' fits no number"]),
        ("kev,decision,deadline\nyes,a,3\n*,b,none\n", "x.csv:2", ["column 'deadline': is '3'", "or none"]),
        ("kev,decision,deadline\nyes,,3d\n*,b,none\n", "x.csv:2", ["column 'decision': is empty"]),
        ("kev,decision,deadline\n,a,3d\n*,b,none\n", "x.csv:2", ["column 'kev': is empty; write * for any value"]),
        ("kev,decision,deadline\nyes,a,3d\n", "x.csv:2", ["no row decides 2 of 3 cases (kev no; kev unknown)"]),
        ("kev,decision,deadline\nyes|no,a,3d\n", "x.csv:2", ["kev unknown", "# if INPUT is unknown: VALUE"]),
        ("kev,decision,deadline\n*,a,3d\nyes,b,1d\n", "x.csv:3", ["this row never decides"]),
        ("# if kve is unknown: no\nkev,decision,deadline\n*,b,none\n", "x.csv:1", ["did you mean 'kev'?"]),
        ("# counts from: today\nkev,decision,deadline\n*,b,none\n", "x.csv:1", ["first_seen, published"]),
        ('kev,decision,deadline\nyes,"a,3d\n', "x.csv:2", ["is no CSV"]),
        ("<!doctype html>\n<html></html>\n", "x.csv:1", ["the column 'decision' is missing"]),
        ("", "x.csv:1", ["there is no row"]),
    ],
)
def test_a_mistake_is_told_by_line_and_column(text: str, where: str, parts: list[str]) -> None:
    with pytest.raises(PolicyError) as caught:
        read_scheme(text, "x.csv")
    problem = caught.value.problems[0]
    assert problem.where == where
    for part in parts:
        assert part in str(problem)


def test_numbers_are_compared_in_steps() -> None:
    table = "cvss,epss,decision,deadline\n>=9.0,*,now,1d\n<9.0,>0.5,soon,7d\n4.0..8.9,*,later,30d\n*,*,rest,none\n"
    scheme = read_scheme(table, "own.csv")
    for cvss, epss, wanted in [
        (90, UNKNOWN, "now"),
        (89, 50_001, "soon"),
        (89, 50_000, "later"),
        (39, UNKNOWN, "rest"),
        (UNKNOWN, UNKNOWN, "rest"),
    ]:
        assert scheme.decide({**NOBODY, "cvss": cvss, "epss": epss})[0].decision == wanted


def test_a_policy_may_say_what_unknown_counts_as_but_only_of_what_the_scheme_uses() -> None:
    scheme = shipped("cisa-bod-26-04")
    adapted = scheme.adapted("policy.yml", None, {"exposure": "small"})
    assert adapted.decide({**NOBODY, "automatable": "no"})[0].decision == "fix on system upgrade"
    assert adapted.digest != scheme.digest and scheme.adapted("policy.yml", None, {}) is scheme
    with pytest.raises(PolicyError, match="does not use it"):
        scheme.adapted("policy.yml", None, {"severity": "high"})


def test_a_report_says_what_each_row_asks_for() -> None:
    text = "# scheme: s\n# counts from: first_seen\nkev,cvss,decision,deadline\n"
    text += "yes|unknown,*,now,2d\n*,>=9.0,soon,7d\n*,*,later,none\n"
    rows = read_scheme(text, "s.csv").about()["rows"]
    assert [row["when"] for row in rows[::2]] == [{"kev": ["yes", "unknown"]}, {}]
    assert rows[1]["when"]["cvss"][0][0] == 90 and [row["decision"] for row in rows] == ["now", "soon", "later"]
