# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Looks: contents once, history, incarnations, refusals."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from ledger_samples import NOW, begin, kinds, look, open_plan

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import digest
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import (
    LedgerError,
    UnknownContent,
    schema,
    states,
)

OS, PACKAGES = {"id": "debian"}, [{"name": "openssl", "version": "3.0.19"}]


def contents(ledger) -> int:
    with ledger.database.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(schema.content)).scalar_one()


def test_a_look_is_kept_and_read_back(ledger):
    token = begin(ledger)
    found = look(ledger, "a", token, {"os": OS, "packages": PACKAGES}, NOW + 5)
    assert (found.incarnation, found.new_incarnation, found.changed) == (1, False, ["os", "packages"])
    state = ledger.state("default", "a")
    assert state["sections"] == {"os": OS, "packages": PACKAGES}
    assert state["meta"] == {
        "host": "a",
        "incarnation": 1,
        "platform": "debian-12",
        "fingerprint": {"machine_id": "m-a"},
        "look_id": found.look_id,
        "look_ms": NOW + 5,
        "tried_ms": NOW + 5,
        "tried_token": token,
        "error": None,
        "answer": {"pending": 1},
        "digests": {"os": digest(OS), "packages": digest(PACKAGES)},
        "parts_ms": {},
        "imported": None,
    }
    assert ledger.known_digests("default", "a") == {"os": digest(OS), "packages": digest(PACKAGES)}
    assert ledger.known_digests("default", "nobody") == {}
    assert ledger.state("default", "nobody") is None
    assert ledger.state("another fleet", "a") is None


def test_equal_contents_are_stored_once(ledger):
    token = begin(ledger)
    look(ledger, "a", token, {"os": OS, "packages": PACKAGES})
    before = contents(ledger)
    for host in ("b", "c", "d"):
        look(ledger, host, token, {"os": OS, "packages": PACKAGES})
    assert contents(ledger) == before == 3  # two sections and the answer


def test_only_changed_sections_have_to_be_sent(ledger):
    token = begin(ledger)
    look(ledger, "a", token, {"os": OS, "packages": PACKAGES})
    newer = [{"name": "openssl", "version": "3.0.20"}]
    found = look(ledger, "a", token, {"os": OS, "packages": newer}, NOW + 1, known=("os",))
    assert found.changed == ["packages"]
    assert ledger.state("default", "a")["sections"] == {"os": OS, "packages": newer}


USE = {"packages": {}, "complete": True}


def test_parts_stay_with_their_time_when_a_look_leaves_them_out(ledger):
    token = begin(ledger)
    look(ledger, "a", token, {"os": OS, "packages": PACKAGES, "use": USE}, NOW)
    look(ledger, "a", token, {"os": OS}, NOW + 5)
    state = ledger.state("default", "a")
    assert state["sections"] == {"os": OS, "use": USE}, "other sections go with the look that leaves them out"
    assert (state["meta"]["look_ms"], state["meta"]["parts_ms"]) == (NOW + 5, {"use": NOW})
    look(ledger, "a", token, {"os": OS, "use": USE}, NOW + 9, known=("os", "use"))
    assert ledger.state("default", "a")["meta"]["parts_ms"] == {"use": NOW + 9}


def test_parts_of_another_machine_are_not_kept(ledger):
    token = begin(ledger)
    look(ledger, "a", token, {"os": OS, "use": USE}, NOW)
    look(ledger, "a", token, {"os": OS}, NOW + 5, fingerprint={"machine_id": "another"})
    state = ledger.state("default", "a")
    assert state["sections"] == {"os": OS} and state["meta"]["parts_ms"] == {}


def test_content_that_another_host_has_sent_is_known(ledger):
    token = begin(ledger)
    look(ledger, "a", token, {"os": OS})
    look(ledger, "b", token, {"os": OS}, known=("os",))
    assert ledger.state("default", "b")["sections"] == {"os": OS}


def test_a_digest_without_content_is_refused_and_nothing_is_kept(ledger):
    token = begin(ledger)
    look(ledger, "a", token, {"os": OS})
    with pytest.raises(UnknownContent, match=r"does not have the content of: packages.*known=\{\}") as caught:
        look(ledger, "a", token, {"os": {"id": "ubuntu"}, "packages": PACKAGES}, known=("packages",))
    assert caught.value.sections == ["packages"]
    assert caught.value.where == "a"
    assert ledger.state("default", "a")["sections"] == {"os": OS}
    assert len(ledger.history_of("default", "a")) == 1


@pytest.mark.parametrize(
    ("digests", "sections", "says"),
    [
        ({"os": "0" * 64}, {"os": {"id": "debian"}}, "does not have the digest"),
        ({}, {"os": {"id": "debian"}}, "does not have the digest"),
        ({"os": "../etc/passwd"}, {}, "is none"),
        ({"os": ["0" * 64]}, {}, "is none"),
        ({"os": "0" * 64}, {"os": {"load": 0.5}}, "cannot be stored"),
    ],
)
def test_a_lying_host_is_refused(sqlite_ledger, digests, sections, says):
    token = begin(sqlite_ledger)
    with pytest.raises(LedgerError, match=says):
        sqlite_ledger.record_look(
            "default", "a", token, NOW, digests=digests, sections=sections, answer={}, fingerprint={}, platform=None
        )
    assert sqlite_ledger.state("default", "a") is None


def test_history_says_what_a_host_had_at_each_look(ledger):
    token = begin(ledger)
    newer = [{"name": "openssl", "version": "3.0.20"}]
    look(ledger, "a", token, {"os": OS, "packages": PACKAGES}, NOW)
    look(ledger, "a", token, {"os": OS, "packages": newer}, NOW + 1)
    ledger.record_unreachable("default", "a", token, NOW + 2, "no route to host")
    look(ledger, "a", token, {"packages": PACKAGES}, NOW + 3)
    history = ledger.history_of("default", "a")
    assert [(row["ms"] - NOW, row["error"]) for row in history] == [
        (3, None),
        (2, "no route to host"),
        (1, None),
        (0, None),
    ]
    had = [ledger.contents(row["sections"]) for row in history]
    assert had == [
        {"packages": PACKAGES},
        {"os": OS, "packages": newer},
        {"os": OS, "packages": newer},
        {"os": OS, "packages": PACKAGES},
    ]
    assert [row["ms"] - NOW for row in ledger.history_of("default", "a", limit=2)] == [3, 2]
    assert ledger.history_of("default", "a", limit=2)[1]["sections"] == history[1]["sections"]
    assert ledger.history_of("default", "nobody") == []
    with pytest.raises(LedgerError, match="does not have the content of: os"):
        ledger.contents({"os": "0" * 64})


def test_an_unreachable_host_keeps_what_was_known_of_it(ledger):
    token = begin(ledger)
    look(ledger, "a", token, {"os": OS}, NOW)
    later = begin(ledger)
    ledger.record_unreachable("default", "a", later, NOW + 9, "")
    ledger.record_unreachable("default", "b", later, NOW + 9, "timed out")
    a, b = ledger.state("default", "a"), ledger.state("default", "b")
    assert a["sections"] == {"os": OS}
    assert (a["meta"]["look_ms"], a["meta"]["tried_ms"], a["meta"]["tried_token"]) == (NOW, NOW + 9, later)
    assert a["meta"]["error"] == "unreachable, without a reason"
    assert (b["meta"]["look_ms"], b["meta"]["error"], b["sections"]) == (None, "timed out", {})
    look(ledger, "a", later, {"os": OS}, NOW + 10)
    assert ledger.state("default", "a")["meta"]["error"] is None


def test_another_machine_under_the_same_name_has_no_verdicts(ledger):
    token = begin(ledger)
    look(ledger, "a", token, {"os": OS}, fingerprint={"machine_id": "one", "serial": "s1"})
    plan_id = open_plan(ledger, token)
    ledger.set_host(plan_id, "a", "verified", "", "", {"boot": "x"}, token, NOW)
    ledger.set_rollbackable(plan_id, "a", True, "all versions are staged", token, NOW)
    unfinished = ledger.next_attempt(plan_id, "a", token, NOW)
    found = look(ledger, "a", token, {"os": OS}, NOW + 1, fingerprint={"machine_id": "two"})
    assert (found.incarnation, found.new_incarnation) == (2, True)
    status = ledger.host_statuses(plan_id)["a"]
    assert (status["status"], status["detail"], status["rollbackable"]) == ("pending", {}, None)
    assert status["reason"] == "another machine has this name now (machine_id changed)"
    assert [(row["before"], row["after"]) for row in ledger.host_transitions(plan_id, "a")] == [
        ("pending", "verified"),
        ("verified", "pending"),
    ]
    assert ledger.next_attempt(plan_id, "a", token, NOW + 2) != unfinished
    assert "host_replaced" in kinds(ledger)
    assert [row["incarnation"] for row in ledger.history_of("default", "a")] == [2, 1]


@pytest.mark.parametrize(
    ("before", "after", "replaced"),
    [
        ({"machine_id": "one"}, {"machine_id": "one"}, False),
        ({"machine_id": "one"}, {"machine_id": "two"}, True),
        ({"machine_id": "one"}, {"machine_id": ""}, False),
        ({"machine_id": "one"}, {}, False),
        ({"machine_id": "one"}, {"machine_id": None}, False),
        ({}, {"machine_id": "one"}, False),
        ({"machine_id": "one"}, {"machine_id": "one", "serial": "s"}, False),
        ({"machine_id": "one", "serial": "s"}, {"machine_id": "one", "serial": "t"}, True),
    ],
)
def test_only_a_known_part_that_differs_is_another_machine(sqlite_ledger, before, after, replaced):
    token = begin(sqlite_ledger)
    look(sqlite_ledger, "a", token, {"os": OS}, fingerprint=before)
    look(sqlite_ledger, "a", token, {"os": OS}, fingerprint={})
    assert look(sqlite_ledger, "a", token, {"os": OS}, fingerprint=after).new_incarnation is replaced


def test_states_of_a_fleet(ledger, monkeypatch):
    monkeypatch.setattr(states, "_AT_ONCE", 20)  # so that 45 hosts are more than one chunk
    token = begin(ledger)
    for number in range(45):
        look(ledger, f"h{number:03}", token, {"os": OS, "boot": {"boot_id": str(number)}})
    look(ledger, "h000", token, {"os": OS}, fleet="other")
    everything = list(ledger.states("default"))
    assert [host for host, _state in everything] == [f"h{number:03}" for number in range(45)]
    assert all(state["sections"] == {"os": OS, "boot": {"boot_id": str(int(host[1:]))}} for host, state in everything)
    assert all(state["meta"]["answer"] == {"pending": 1} for _host, state in everything)
    some = dict(ledger.states("default", ["h007", "h040", "nobody"], ["boot"]))
    assert {host: state["sections"] for host, state in some.items()} == {
        "h007": {"boot": {"boot_id": "7"}},
        "h040": {"boot": {"boot_id": "40"}},
    }
    assert len(dict(ledger.states("default", [f"h{number:03}" for number in range(30)]))) == 30
    assert dict(ledger.states("default", sections=[]))["h001"]["sections"] == {}
    assert dict(ledger.states("default", [])) == {}


def test_the_ledger_can_be_written_while_states_are_read(ledger):
    token = begin(ledger)
    for host in "abc":
        look(ledger, host, token, {"os": OS})
    for host, _state in ledger.states("default"):
        ledger.record_unreachable("default", host, token, NOW + 1, "gone")
    assert {state["meta"]["error"] for _host, state in ledger.states("default")} == {"gone"}
