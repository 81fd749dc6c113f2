# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plans and how far they are: one open plan, frozen scope, newer runs win, nothing is written twice."""

from __future__ import annotations

import pytest
from ledger_samples import NOW, begin, kinds, open_plan, plan_of

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import LedgerError, PlanError, StaleToken

LEFT = [{"host": "a", "package": "nginx", "why": "held", "next": "release the hold"}]


def test_a_plan_is_saved_and_found(ledger):
    token = begin(ledger)
    assert ledger.open_plan("default") is None
    plan_id, body = plan_of(("test", ["a"]), ("production", ["b", "c"]))
    assert ledger.save_plan(plan_id, body, LEFT, "default", "ann", token, NOW) == "created"
    assert ledger.save_plan(plan_id, body, LEFT, "default", "ann", token, NOW) == "open"
    found = ledger.open_plan("default")
    assert found == ledger.plan(plan_id) == ledger.plan(plan_id[:8])
    assert (found["body"], found["left_out"], found["state"]) == (body, LEFT, "open")
    assert (found["actor"], found["token"], found["created_ms"]) == ("ann", token, NOW)
    assert [row["plan_id"] for row in ledger.plans("default")] == [plan_id]
    assert "body" not in ledger.plans("default")[0]
    assert ledger.open_plan("other") is None
    assert kinds(ledger) == ["run_begun", "plan_created"]


def test_a_body_that_is_not_the_plan_is_refused(ledger):
    token = begin(ledger)
    plan_id, body = plan_of(("test", ["a"]))
    with pytest.raises(PlanError, match=f"not the plan {plan_id[:12]}"):
        ledger.save_plan(plan_id, {**body, "lines": [1]}, [], "default", "ann", token, NOW)
    with pytest.raises(PlanError, match="of the fleet 'default', not 'other'"):
        ledger.save_plan(plan_id, body, [], "other", "ann", token, NOW)
    for rings, what in (
        ((("test", ["a", "b"]), ("production", ["b"])), "host 'b' twice"),
        ((("test", ["a"]), ("test", ["b"])), "ring"),
    ):
        twice, body = plan_of(*rings)
        with pytest.raises(PlanError, match=what):
            ledger.save_plan(twice, body, [], "default", "ann", token, NOW)
    assert ledger.plans("default") == []


def test_at_most_one_plan_of_a_fleet_is_open(ledger):
    token = begin(ledger)
    first = open_plan(ledger, token, "one")
    with pytest.raises(PlanError, match=f"plan {first[:12]} of the fleet 'default' is open"):
        open_plan(ledger, token, "two")
    other, body = plan_of(("test", ["a"]), fleet="other")
    assert ledger.save_plan(other, body, [], "other", "ann", token, NOW) == "created"
    assert ledger.close_plan(first, "superseded", "a newer kernel", token, NOW + 1) is True
    assert ledger.close_plan(first, "superseded", "again", token, NOW + 1) is False
    second = open_plan(ledger, token, "two")
    assert ledger.open_plan("default")["plan_id"] == second
    assert {row["plan_id"]: (row["state"], row["reason"]) for row in ledger.plans("default")} == {
        first: ("superseded", "a newer kernel"),
        second: ("open", ""),
    }


def test_the_database_itself_enforces_it(ledger):
    token = begin(ledger)
    first = open_plan(ledger, token, "one")
    ledger.close_plan(first, "superseded", "", token, NOW)
    open_plan(ledger, token, "two")
    with pytest.raises(LedgerError, match="(?i)unique"), ledger.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE plans SET state = 'open' WHERE plan_id = '{first}'")
    assert len([row for row in ledger.plans("default") if row["state"] == "open"]) == 1


def test_a_superseded_plan_made_again_is_reopened_with_its_results(ledger):
    token = begin(ledger)
    plan_id = open_plan(ledger, token)
    ledger.set_host(plan_id, "a", "verified", "", "", {}, token, NOW)
    ledger.close_plan(plan_id, "superseded", "by mistake", token, NOW)
    plan, body = plan_of(("test", ["a"]), ("production", ["b", "c"]))
    assert ledger.save_plan(plan, body, [], "default", "ann", token, NOW) == "reopened"
    assert ledger.open_plan("default")["plan_id"] == plan_id
    assert ledger.host_statuses(plan_id)["a"]["status"] == "verified"


@pytest.mark.parametrize("wanted", ["", "abc", "%", "zzzz", "ABCDEF", "g" * 64, "0" * 65])
def test_what_is_not_the_id_of_a_plan(sqlite_ledger, wanted):
    open_plan(sqlite_ledger, begin(sqlite_ledger))
    with pytest.raises(PlanError, match="not the id of a plan"):
        sqlite_ledger.plan(wanted)


def test_plans_that_are_not_there_or_not_the_only_one(ledger):
    token = begin(ledger)
    with pytest.raises(PlanError, match="there is no plan 0000"):
        ledger.plan("0000")
    with pytest.raises(PlanError, match="there is no plan"):
        ledger.close_plan("0" * 64, "completed", "", token, NOW)
    with pytest.raises(PlanError, match="cannot be closed as 'open'"):
        ledger.close_plan("0" * 64, "open", "", token, NOW)
    seen: dict[str, str] = {}
    for number in range(2000):  # until two ids begin alike
        plan_id, _body = plan_of(("test", ["a"]), note=str(number))
        if plan_id[:4] in seen:
            break
        seen[plan_id[:4]] = str(number)
    for note in (seen[plan_id[:4]], str(number)):
        made, body = plan_of(("test", ["a"]), note=note)
        ledger.save_plan(made, body, [], "default", "ann", token, NOW)
        ledger.close_plan(made, "superseded", "", token, NOW)
    with pytest.raises(PlanError, match=f"several plans begin with {plan_id[:4]}"):
        ledger.plan(plan_id[:4])


def test_every_host_of_the_scope_has_a_status(ledger):
    plan_id = open_plan(ledger, begin(ledger))
    statuses = ledger.host_statuses(plan_id)
    assert {host: (row["ring"], row["status"], row["rollbackable"]) for host, row in statuses.items()} == {
        "a": ("test", "pending", None),
        "b": ("production", "pending", None),
        "c": ("production", "pending", None),
    }
    assert set(ledger.host_statuses(plan_id, ["c", "nobody"])) == {"c"}


def test_a_status_and_its_history(ledger):
    token = begin(ledger)
    plan_id = open_plan(ledger, token)
    assert ledger.set_host(plan_id, "a", "staged", "", "", {"files": 3}, token, NOW + 1) is True
    assert ledger.set_host(plan_id, "a", "staged", "", "", {"files": 3}, token, NOW + 2) is False
    assert ledger.set_host(plan_id, "a", "unreachable", "lost", "no route", {}, token, NOW + 3) is True
    status = ledger.host_statuses(plan_id)["a"]
    assert (status["status"], status["phase"], status["reason"], status["ms"]) == (
        "unreachable",
        "lost",
        "no route",
        NOW + 3,
    )
    history = ledger.host_transitions(plan_id, "a")
    assert [(row["before"], row["after"], row["ms"] - NOW) for row in history] == [
        ("pending", "staged", 1),
        ("staged", "unreachable", 3),
    ]
    assert history[0]["detail"] == {"files": 3}
    recorded = ledger.evidence("default", kind="host_status", subject="a")
    assert [(row["body"]["before"], row["body"]["after"]) for row in recorded] == [
        ("pending", "staged"),
        ("staged", "unreachable"),
    ]
    assert [(row["actor"], row["job"], row["token"]) for row in recorded] == [("ann@control", "job-7", token)] * 2


def test_a_superseded_run_changes_nothing(ledger):
    old = begin(ledger)
    plan_id = open_plan(ledger, old)
    new = begin(ledger)
    assert ledger.set_host(plan_id, "b", "staged", "", "", {}, old, NOW) is True  # nobody newer has written
    ledger.set_host(plan_id, "a", "rolled_back", "", "", {}, new, NOW)
    ledger.set_ring(plan_id, "test", "failed", "1 failed", new, NOW)
    before = len(ledger.evidence("default"))
    with pytest.raises(StaleToken, match=f"run {old} is superseded: run {new}"):
        ledger.set_host(plan_id, "a", "verified", "", "", {}, old, NOW + 1)
    with pytest.raises(StaleToken):
        ledger.set_ring(plan_id, "test", "passed", "", old, NOW + 1)
    assert ledger.host_statuses(plan_id)["a"]["status"] == "rolled_back"
    assert ledger.rings(plan_id)[0]["state"] == "failed"
    assert len(ledger.evidence("default")) == before


@pytest.mark.parametrize(
    ("host", "status", "says"),
    [("d", "staged", "does not have this host in its scope"), ("a", "fine", "'fine' is not a status")],
)
def test_a_status_that_cannot_be(sqlite_ledger, host, status, says):
    token = begin(sqlite_ledger)
    plan_id = open_plan(sqlite_ledger, token)
    with pytest.raises(PlanError, match=says):
        sqlite_ledger.set_host(plan_id, host, status, "", "", {}, token, NOW)


def test_rings_in_order_and_since_when(ledger):
    token = begin(ledger)
    plan_id = open_plan(ledger, token)
    assert [(row["ring"], row["state"]) for row in ledger.rings(plan_id)] == [
        ("test", "waiting"),
        ("production", "waiting"),
    ]
    ledger.set_ring(plan_id, "test", "soaking", "until tomorrow", token, NOW + 5, detail={"soak_from_ms": NOW})
    ledger.set_ring(plan_id, "test", "soaking", "until Monday", token, NOW + 9)
    assert ledger.set_ring(plan_id, "test", "soaking", "until Monday", token, NOW + 11) is False
    ring = ledger.rings(plan_id)[0]
    assert (ring["state"], ring["reason"], ring["since_ms"], ring["ms"]) == (
        "soaking",
        "until Monday",
        NOW + 5,
        NOW + 9,
    )
    with pytest.raises(PlanError, match="no ring 'canary'"):
        ledger.set_ring(plan_id, "canary", "open", "", token, NOW)
    with pytest.raises(PlanError, match="'done' is not a state"):
        ledger.set_ring(plan_id, "test", "done", "", token, NOW)
    assert [row["after"] for row in ledger.host_transitions(plan_id)] == ["soaking", "soaking"]


def test_retiring_needs_a_name_and_a_reason(ledger):
    token = begin(ledger)
    plan_id = open_plan(ledger, token)
    for actor, reason in (("", "scrapped"), ("ann", " ")):
        with pytest.raises(PlanError, match="name of who does it and a reason"):
            ledger.retire_host(plan_id, "b", actor, reason, token, NOW)
    ledger.retire_host(plan_id, "b", "bob", "scrapped", token, NOW + 1)
    status = ledger.host_statuses(plan_id)["b"]
    assert (status["retired_by"], status["retired_reason"], status["retired_ms"]) == ("bob", "scrapped", NOW + 1)
    assert ledger.evidence("default", kind="host_retired")[0]["actor"] == "bob"
    with pytest.raises(PlanError, match="the host was retired"):
        ledger.next_attempt(plan_id, "b", token, NOW + 2)


def test_whether_a_host_can_go_back(ledger):
    token = begin(ledger)
    plan_id = open_plan(ledger, token)
    ledger.set_rollbackable(plan_id, "a", False, "openssl 3.0.19 is nowhere to be had", token, NOW)
    ledger.set_rollbackable(plan_id, "a", False, "openssl 3.0.19 is nowhere to be had", token, NOW)
    status = ledger.host_statuses(plan_id)["a"]
    assert (status["rollbackable"], status["rollback_reason"]) == (False, "openssl 3.0.19 is nowhere to be had")
    assert len(ledger.evidence("default", kind="host_rollbackable")) == 1
    assert ledger.host_statuses(plan_id)["b"]["rollbackable"] is None


def test_what_a_gate_said_is_kept(ledger):
    token = begin(ledger)
    plan_id = open_plan(ledger, token)
    ledger.record_gate(plan_id, "test", "stop", "1 of 1 failed", ["a"], token, NOW)
    row = ledger.evidence("default", kind="gate")[0]
    assert (row["subject"], row["body"]["decision"], row["body"]["hosts"]) == ("test", "stop", ["a"])
