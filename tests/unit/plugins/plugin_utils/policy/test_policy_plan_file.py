# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The plan as a file and as text."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from policy_facts import NOW, candidate, policy, scope, state

from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy import plan_file, schema
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.plan import build_plan
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.plan_file import check_plan, write_plan
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.plan_text import diff_plans, render_plan
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk import exceptions

STATES = {"t1": state(candidate("vim", sha256="a" * 64)), "p1": state(candidate("vim"), candidate("nginx"))}
BODY, LEFT = build_plan("default", policy(), scope(["t1"], ["p1"]), STATES, {}, NOW)
DOCS = Path(__file__).resolve().parents[5] / "docs"


def edited(**change) -> dict:
    return {**copy.deepcopy(BODY), **change}


def line(**change) -> dict:
    return edited(lines=[{**BODY["lines"][0], **change}])


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "cannot be read as JSON"),
        ("[]", "it is no plan"),
        ('{"schema": 1, "schema": 1}', "a key is given twice"),
        ('{"schema": 1.0}', "no whole number"),
        ("[" * 100_000, "cannot be read as JSON"),
        (json.dumps(edited(schema=2)), "it has schema 2; this version reads schema 1"),
        (json.dumps({"id": "0" * 64, "plan": BODY}), "it was changed"),
        (write_plan(BODY).replace("1.0-2", "1.0-3"), "it was changed"),
        (json.dumps(edited(extra=1)), "it is no plan"),
        (json.dumps({key: value for key, value in BODY.items() if key != "lines"}), "'lines' is a required property"),
        (json.dumps(line(package="vim; reboot")), "lines[0].package"),
        (json.dumps(line(version=None)), "lines[0].version"),
        (json.dumps(line(action="purge")), "lines[0].action"),
        (json.dumps(line(sha256="x")), "lines[0].sha256"),
        (json.dumps(line(platform="other")), "a line is for the platform other"),
        (json.dumps(edited(scope=scope(["a"], ["a"]))), "host a is in two rings"),
    ],
)
def test_a_broken_or_edited_plan_is_refused_with_one_reason(text: str, part: str) -> None:
    with pytest.raises(LockstepError) as caught:
        check_plan(text, "plan.json")
    assert str(caught.value).startswith("plan.json: ") and part in str(caught.value) and caught.value.next_step


def test_a_plan_can_be_read_back_with_and_without_its_id() -> None:
    assert check_plan(write_plan(BODY)) == BODY
    assert check_plan(json.dumps(BODY)) == BODY
    with pytest.raises(LockstepError, match="it was changed"):
        check_plan(json.dumps(BODY), expected_id="f" * 64)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("policy.schema.json", schema.POLICY),
        ("plan.schema.json", plan_file.SCHEMA),
        ("exceptions.schema.json", exceptions.SCHEMA),
    ],
)
def test_the_published_schemas_are_those_of_the_code(name: str, content: dict) -> None:
    assert json.loads((DOCS / name).read_text(encoding="utf-8")) == content


def test_the_text_has_lines_reasons_and_next_steps() -> None:
    text = render_plan(BODY, LEFT)
    assert "  !  vim amd64  1.0-1 -> 1.0-2" in text
    assert "test: 1 host: t1" in text and "production: 1 host: p1" in text
    assert "untested: nginx amd64 1.0-2" in text and "next: add a host" in text
    assert render_plan(BODY) == render_plan(copy.deepcopy(BODY)) and "left out: 0 entries" in render_plan(BODY)


def test_the_text_shows_no_control_characters_of_hosts() -> None:
    hostile = [
        {
            "host": "a\x1b[2J",
            "package": "x",
            "arch": None,
            "version": None,
            "why": "held",
            "detail": "\u202eevil\nline",
            "next": "",
            "taken": False,
        }
    ]
    text = render_plan(BODY, hostile)
    assert "\x1b" not in text and "\u202e" not in text and "evil line" in text


def test_a_diff_shows_hosts_and_lines() -> None:
    states = {"t1": state(candidate("vim", version="1.0-3", source_version="1.0-3")), "p2": state()}
    other, _left = build_plan("default", policy(), scope(["t1"], ["p2"]), states, {}, NOW)
    changed = diff_plans(BODY, other).splitlines()
    assert [text[0] for text in changed] == ["-", "+", "-", "+"]
    assert "p1" in changed[0] and "p2" in changed[1] and "1.0-2" in changed[2] and "1.0-3" in changed[3]
    assert diff_plans(BODY, copy.deepcopy(BODY)) == ""
