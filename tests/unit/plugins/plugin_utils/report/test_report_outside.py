# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts that no rollout reaches, that nobody knows, or that have not been seen lately."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import report_samples as samples
from jsonschema import Draft202012Validator

from ansible_collections.lockstep.patching.plugins.plugin_utils.report import view as report
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.outside import TEXTS, mark_stale, outside_rows
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.page import page
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.tables import csv_files

DOCS = Path(__file__).resolve().parents[5] / "docs"
NOW, DAY = samples.NOW, samples.DAY
HOSTILE = "<b>=1+1</b>\x1b[31m"
GROUPS = {
    "all": ["fresh", "old", "silent", "lost", "extra", "phone", HOSTILE],
    "unassigned": ["lost", HOSTILE],
    "unmanaged": ["phone"],
    "not_in_cmdb": ["extra", "phone"],
}
LOOKED = {"fresh": NOW, "old": NOW - 2 * DAY, "silent": None, "lost": NOW - DAY, "extra": NOW, "gone": NOW - 9 * DAY}


def rows() -> list[dict]:
    return outside_rows(GROUPS, {**LOOKED, "named": None, HOSTILE: NOW}, NOW, DAY)


def test_every_host_is_listed_for_each_reason() -> None:
    assert {row["what"]: (row["hosts"], row["oldest_ms"]) for row in rows()} == {
        "unassigned": (["<b>=1+1</b>", "lost"], NOW - DAY),
        "never_reached": (["silent"], None),
        "stale": (["old"], NOW - 2 * DAY),
        "not_in_cmdb": (["extra"], NOW),
        "not_in_inventory": (["gone"], NOW - 9 * DAY),
        "unmanaged": (["phone"], None),
    }
    assert outside_rows({"all": ["fresh"]}, {"fresh": NOW}, NOW, DAY) == []


def detect(states: list[dict]) -> dict:
    return report.fleet_view(states, None, NOW, "default", outside=rows())


def test_an_old_answer_is_unknown_in_every_count() -> None:
    pending = {**samples.state("old"), "seen_ms": NOW - DAY - 1}
    view = detect(mark_stale([pending, {**samples.state("fresh"), "seen_ms": NOW - DAY}], NOW, DAY))
    fresh, old = view["hosts"]
    assert (old["status"], old["security"], old["other"], old["reboot"], old["steps"]) == (
        "stale",
        None,
        None,
        "unknown",
        [],
    )
    assert "longer ago than looks.max_age allows" in old["unknown"][0]["why"] and fresh["security"] is not None
    total = view["summary"]
    assert (total["hosts"], total["stale"], total["unreachable"]) == (2, 1, 0)
    assert total["security"]["hosts_unknown"] == 1 and total["reboot"]["unknown"] == 1
    assert "1 not seen lately" in report.terminal(view, 80)


@pytest.mark.parametrize("kind", ["detect", "report"])
def test_views_fit_their_schemas_and_carry_hostile_names_as_text(kind: str) -> None:
    made = report.rollout_view(**samples.rollout_arguments(), outside=rows())
    view = detect(mark_stale([{**samples.state("a"), "seen_ms": 0}], NOW, DAY)) if kind == "detect" else made
    schema = json.loads((DOCS / f"{kind}.schema.json").read_text(encoding="utf-8"))
    assert list(Draft202012Validator(schema).iter_errors(view)) == []
    html, text, table = page(view, []), report.terminal(view, 80), csv_files(view)["outside"]
    assert "<b>=1" not in html and "&lt;b&gt;=1+1" in html and "\x1b" not in html + text + table
    for what, (why, _next) in TEXTS.items():
        assert what.replace("_", " ") in html and what.replace("_", " ") in text and why in html
    assert "lost,unassigned," in table and "gone,not_in_inventory," in table


def test_nothing_is_said_where_every_host_is_in_its_place() -> None:
    view = report.fleet_view([samples.state("a")], None, NOW, "default")
    assert "outside" not in csv_files(view) and "Not reached by any rollout" not in page(view, []) + report.terminal(
        view
    )
