# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Old looks are forgotten, and nothing else."""

from __future__ import annotations

import sqlalchemy as sa
from ledger_samples import NOW, begin, kinds, look, open_plan

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import schema

DAY = 86_400_000


def stored(ledger) -> int:
    with ledger.database.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(schema.content)).scalar()


def packages(number: int) -> dict:
    return {"packages": [f"a {number}"], "os": {"id": "debian"}, "holds": []}


def test_old_looks_go_and_what_stays_answers_as_before(ledger):
    token = begin(ledger)
    for day in range(5):  # the package list changes on days 1 and 3
        look(ledger, "a", token, packages((day + 1) // 2), NOW + day * DAY)
    before = {row["look_id"]: row for row in ledger.history_of("default", "a")}
    state = ledger.state("default", "a")

    gone = ledger.forget_looks("default", NOW + 2 * DAY, token, NOW + 5 * DAY)
    assert (gone.looks, gone.contents) == (2, 1) and gone.bytes > 0  # of day 0; that of day 1 still holds on day 2
    after = ledger.history_of("default", "a")
    assert [row["ms"] for row in after] == [NOW + day * DAY for day in (4, 3, 2)]
    assert after == [before[row["look_id"]] for row in after]
    assert [ledger.contents(row["sections"])["packages"] for row in after] == [["a 2"], ["a 2"], ["a 1"]]
    assert ledger.state("default", "a") == state
    assert kinds(ledger)[-1] == "looks_forgotten"

    assert ledger.forget_looks("default", NOW + 2 * DAY, token, NOW + 5 * DAY) == (0, 0, 0)
    assert kinds(ledger).count("looks_forgotten") == 1


def test_the_newest_answer_stays_however_old(ledger):
    token = begin(ledger)
    look(ledger, "a", token, packages(0), NOW)
    look(ledger, "a", token, packages(1), NOW + DAY)
    ledger.record_unreachable("default", "a", token, NOW + 2 * DAY, "no route")
    ledger.record_unreachable("default", "b", token, NOW, "no route")
    ledger.record_unreachable("default", "b", token, NOW + DAY, "still none")
    assert ledger.forget_looks("default", NOW + 900 * DAY, token, NOW + 901 * DAY).looks == 2
    assert [row["error"] for row in ledger.history_of("default", "a")] == ["no route", None]
    assert ledger.state("default", "a")["sections"]["packages"] == ["a 1"]
    assert [row["error"] for row in ledger.history_of("default", "b")] == ["still none"]


def test_a_section_that_was_no_longer_reported_does_not_come_back(ledger):
    token = begin(ledger)
    look(ledger, "a", token, packages(0), NOW)
    look(ledger, "a", token, {"packages": ["a 1"]}, NOW + DAY)
    look(ledger, "a", token, {"packages": ["a 1"]}, NOW + 2 * DAY)
    ledger.forget_looks("default", NOW + 2 * DAY, token, NOW + 3 * DAY)
    (row,) = ledger.history_of("default", "a")
    assert list(row["sections"]) == ["packages"]


def test_contents_that_others_use_stay_and_other_fleets_too(ledger):
    token, other = begin(ledger), begin(ledger, fleet="other")
    plan_id = open_plan(ledger, token)
    look(ledger, "a", token, packages(0), NOW)
    look(ledger, "b", token, packages(0), NOW + 3 * DAY)
    look(ledger, "x", other, packages(9), NOW, fleet="other")
    look(ledger, "x", other, packages(8), NOW + 3 * DAY, fleet="other")
    look(ledger, "a", token, packages(1), NOW + 3 * DAY)
    count = stored(ledger)
    assert ledger.forget_looks("default", NOW + DAY, token, NOW + 4 * DAY) == (1, 0, 0)
    assert stored(ledger) == count
    assert ledger.state("default", "b")["sections"]["packages"] == ["a 0"]
    assert len(ledger.history_of("other", "x")) == 2
    assert ledger.plan(plan_id)["plan_id"] == plan_id
