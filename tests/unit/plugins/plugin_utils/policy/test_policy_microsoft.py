# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Windows in the model of all hosts, on published results of ansible.windows (tests/fixtures/windows/README.md)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ansible_collections.lockstep.patching.plugins.module_utils._model.state import SECTIONS
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy import microsoft, plan_file
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.facts import trouble
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.plan_text import line_text

FIXTURES = Path(__file__).parents[4] / "fixtures" / "windows"
NOW = 1795000000000
FACTS = {  # by the names of ansible.windows.setup 2.8.0
    "os_name": "Microsoft Windows Server 2016 Standard", "kernel": "10.0.14393.0", "architecture2": "64-bit",
    "hostname": "win1", "machine_id": "S-1-5-21-1-2-3", "uptime_seconds": 3600, "lastboot": "2026-11-01 05:32:25Z",
    "reboot_pending": False,
}  # fmt: skip
CU_2018, CU_2019 = "a711f6a5-5bf3-4392-95d0-686f748789dd", "2bb1bb34-b723-474d-92df-07944cfa13fa"
DEFENDER_OLD, DEFENDER = "a42c709c-d6df-406b-828d-603138d03ee5", "1631a9c2-c045-4def-b6e7-dc206013dc97"


def recorded(name: str) -> dict[str, Any]:
    return json.loads((FIXTURES / f"{name}.json").read_text())


def both() -> dict[str, Any]:
    """What two searches of one kind of server found, as one search that found all of it."""
    filtered = [recorded(name)["filtered_updates"] for name in ("installed-server2016", "searched-server2016")]
    return {**recorded("installed-server2016"), "filtered_updates": {**filtered[0], **filtered[1]}}


def test_what_is_installed_already_is_not_pending() -> None:
    found, bad = microsoft.updates(recorded("installed-server2016"))
    assert [each["id"] for each in found] == [DEFENDER, CU_2018]
    assert bad == []


def test_the_newest_cumulative_update_supersedes_the_others_of_its_product() -> None:
    found, _bad = microsoft.updates(both())
    assert microsoft.superseded(found) == {CU_2018: CU_2019, DEFENDER_OLD: DEFENDER}
    other = recorded("update-server2019")["updates"].values()
    assert microsoft.superseded([*found, *other]) == {CU_2018: CU_2019, DEFENDER_OLD: DEFENDER}, "another product"


@pytest.mark.parametrize(
    ("old", "new", "supersedes"),
    [
        ("2023-07 Cumulative Update for X (KB5028168)", "2023-08 Cumulative Update for X (KB5029242)", True),
        ("2023-07 Cumulative Update for X (KB1)", "2023-07 Cumulative Update Preview for X (KB2)", True),
        ("2023-07 Cumulative Update Preview for X (KB2)", "2023-08 Cumulative Update for X (KB3)", True),
        ("2023-07 Security Only Quality Update for X (KB1)", "2023-08 Security Only Quality Update for X (KB2)", False),
        ("2023-07 Update for X (KB1)", "2023-08 Update for X (KB2)", False),
        ("2023-07 Cumulative Update for X (KB1)", "2023-08 Cumulative Update for Y (KB2)", False),
        ("A driver", "A driver", False),
    ],
)
def test_supersedence_by_titles(old: str, new: str, supersedes: bool) -> None:
    found = [{"id": "old", "title": old}, {"id": "new", "title": new}]
    assert microsoft.superseded(found) == ({"old": "new"} if supersedes else {})
    assert microsoft.superseded(found[::-1]) == ({"old": "new"} if supersedes else {})


def test_plan_lines_hold_kb_and_update_id() -> None:
    found, _bad = microsoft.updates(both())
    rows = microsoft.lines("windows-10.0.14393.0-x64", found, "x64")
    assert [(row["package"], row["version"], row["sha256"], row["supersedes"], row["type"]) for row in rows] == [
        ("KB2267602", DEFENDER, None, [DEFENDER_OLD], "security"),
        ("KB4512495", CU_2019, None, [CU_2018], "bugfix"),
    ]
    assert (rows[1]["origin"], rows[1]["codename"], rows[1]["component"]) == (
        "Microsoft",
        "Windows Server 2016",
        "Updates",
    )
    line = plan_file.SCHEMA["properties"]["lines"]["items"]
    for row in rows:
        Draft202012Validator(line).validate(row)
    assert line_text(rows[1]) == f"     KB4512495 x64  {CU_2019} (KB4512495)"


def test_sections_and_answer() -> None:
    found = microsoft.sections(FACTS, both(), NOW)
    assert set(found) == set(SECTIONS)
    assert [(row["name"], row["kept_back"]) for row in found["candidates"]] == [
        ("KB2267602", None),
        ("KB2267602", "superseded by KB2267602"),
        ("KB4103720", "superseded by KB4512495"),
        ("KB4512495", None),
    ]
    assert found["boot"]["booted_ms"] == NOW - 3600000
    answer = microsoft.answer(found)
    assert (answer["pending"], answer["security"], answer["reboot"]) == (2, 1, "no")
    assert [row["what"] for row in answer["unknown"]] == ["packages"]
    assert set(microsoft.digests(found)) == set(found)


@pytest.mark.parametrize(
    ("required", "pending", "needed"),
    [
        (False, False, "no"),
        (True, False, "yes"),
        (False, True, "yes"),
        (True, None, "yes"),
        (False, None, "unknown"),  # newer Windows and collections do not tell: never read as no
        (None, False, "unknown"),
    ],
)
def test_reboot(required: bool | None, pending: bool | None, needed: str) -> None:
    found = microsoft.sections({**FACTS, "reboot_pending": pending}, {**both(), "reboot_required": required}, NOW)
    assert found["reboot"]["needed"] == needed
    asked = [row for row in microsoft.answer(found)["unknown"] if row["what"] == "reboot"]
    assert bool(asked) == (needed == "unknown")


def test_hidden_updates_are_holds() -> None:
    search = recorded("update-server2019")
    (update,) = search["updates"].values()
    hidden = {"updates": {}, "filtered_updates": {update["id"]: {**update, "filtered_reasons": ["hidden"]}}}
    found = microsoft.sections(FACTS, {**hidden, "reboot_required": False}, NOW)
    assert found["candidates"][0]["kept_back"] == "hidden in Windows Update"
    assert [row["name"] for row in found["holds"]] == ["KB4601345"]
    assert microsoft.lines("p", microsoft.updates(hidden)[0], "x64") == []


@pytest.mark.parametrize("bad", [{"id": "{{ lookup('pipe', 'id') }}"}, {"id": "../../etc"}, {"kb": ["1; rm -rf /"]}])
def test_what_cannot_be_an_update_makes_the_answer_unknown(bad: dict[str, Any]) -> None:
    search = recorded("update-server2019")
    (update,) = search["updates"].values()
    search["updates"] = {"x": {**update, **bad}}
    found = microsoft.sections(FACTS, {**search, "reboot_required": False}, NOW)
    assert "unknown" in found["candidates"]
    answer = microsoft.answer(found)
    assert (answer["pending"], answer["security"]) == (None, None)
    assert microsoft.lines("p", microsoft.updates(search)[0], "x64") == []


def test_a_host_that_could_not_be_asked_is_unsupported_for_that_reason() -> None:
    found = microsoft.not_asked("the collection is missing")
    assert set(found) == set(SECTIONS)
    answer = microsoft.answer(found)
    assert (answer["supported"], answer["pending"], answer["platform"]) == (False, None, None)
    assert [(row["what"], row["why"]) for row in answer["unknown"]] == [("packages", "the collection is missing")]
    why = trouble({"seen_ms": NOW, "reachable": True, "answer": answer, "sections": found}, NOW, 1000, 1000)
    assert why is not None
    assert (why.why, why.detail) == ("unsupported", "the collection is missing")


def test_windows_hosts_are_unsupported_in_rollouts_and_say_why() -> None:
    found = microsoft.sections(FACTS, both(), NOW)
    state = {"seen_ms": NOW, "reachable": True, "answer": microsoft.answer(found), "sections": found}
    why = trouble(state, NOW, 1000, 1000)
    assert why is not None
    assert (why.why, why.detail) == ("unsupported", "its package manager is windows_update")
