# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Terminal text: the golden texts are read by people, so they are compared whole."""

from __future__ import annotations

from pathlib import Path

import pytest
import report_samples as samples

from ansible_collections.lockstep.patching.plugins.plugin_utils.report import view as report
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.text import clean, fit, width, wrap

GOLDEN = Path(__file__).parent / "golden"


def detect(states, **more):
    return report.fleet_view(states, None, samples.NOW, "default", **more)


MADE = {
    "detect": lambda: detect(samples.fleet(), drift=samples.drift()),
    "rollout": lambda: report.rollout_view(**samples.rollout_arguments()),
    "empty": lambda: detect([]),
    "unknown": lambda: detect([samples.gone("web2"), samples.stale("db2")]),
    "clean": lambda: detect([samples.state("web1", candidates=()), samples.state("web2", candidates=())]),
}


@pytest.mark.parametrize("columns", [80, 200])
@pytest.mark.parametrize("name", MADE)
def test_golden(name, columns):
    assert report.terminal(MADE[name](), columns, False) == (GOLDEN / f"{name}-{columns}.txt").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize("columns", [40, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(columns):
    states = [
        *samples.big_fleet(60, each=3, packages=20),
        *samples.fleet(),
        samples.state("ホスト" * 30),
        samples.gone("x" * 300),
    ]
    for view in (detect(states, drift=samples.drift()), *(make() for make in MADE.values())):
        lines = report.terminal(view, columns, False).splitlines()
        assert [line for line in lines if width(line) > columns] == []


def test_long_lists_are_cut_and_say_so():
    text = report.terminal(detect(samples.big_fleet(60, each=3, packages=20)), 100)
    assert "… and 35 more hosts (see the report)" in text
    assert len(text.splitlines()) < 75


def test_colour_only_when_asked_for_and_never_from_a_host():
    states = [samples.state("\x1b[2Jevil\x1b]0;title\x07\u202e")]
    assert "\x1b" not in report.terminal(detect(states), 80, False)
    coloured = report.terminal(detect(states), 80, True)
    assert "\x1b[31;1m" in coloured
    assert "\x1b[2J" not in coloured and "\x1b]0" not in coloured and "\u202e" not in coloured


def test_colour_does_not_move_columns():
    import re

    view = MADE["detect"]()
    assert re.sub("\x1b\\[[0-9;]*m", "", report.terminal(view, 80, True)) == report.terminal(view, 80, False)


def test_0_pending_reads_differently_from_unknown():
    assert "Security updates       0 on 2 hosts" in report.terminal(MADE["clean"](), 80)
    assert "Security updates       unknown on 2 hosts" in report.terminal(MADE["unknown"](), 80)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("plain", "plain"),
        ("a\tb\nc", "a b c"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x9b31mx", "31mx"),
        ("a\u202eb\u2069c", "abc"),
        ("\ud800", "\ufffd"),
        ("x" * 3000, "x" * 1999 + "…"),
    ],
)
def test_clean(raw, text):
    assert clean(raw) == text


def test_fit_and_wrap_count_wide_characters_twice():
    assert fit("日本語ホスト", 7) == "日本語…"
    assert wrap("日本語 ホスト", 6) == ["日本語", "ホスト"]
    assert wrap("abcdefgh ij", 4) == ["abcd", "efgh", "ij"]
