# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The chain of evidence notices every change, also by somebody who may write to the database file."""

from __future__ import annotations

import sqlite3

import pytest
from ledger_samples import NOW, begin, open_plan

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.chain import first_hash


@pytest.fixture
def path(tmp_path):
    with Ledger.open(f"sqlite:///{tmp_path}/l.db") as ledger:
        token = begin(ledger)
        plan_id = open_plan(ledger, token)
        for host in "abc":
            ledger.set_host(plan_id, host, "staged", "", "", {"files": [1, 2]}, token, NOW)
    return tmp_path / "l.db"


def tamper(path, *statements):
    with sqlite3.connect(path) as database:
        for name in ("evidence_no_update", "evidence_no_delete", "evidence_in_order"):
            database.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            assert database.execute(statement).rowcount > 0


def verify(path, anchor=None):
    with Ledger.open(f"sqlite:///{path}", create=False) as ledger:
        return ledger.verify_chain(anchor)


def test_a_sound_chain(ledger):
    assert ledger.verify_chain() == (True, 0, None, "", 0, first_hash(ledger.ledger_id))
    open_plan(ledger, begin(ledger))
    report = ledger.verify_chain()
    assert (report.ok, report.rows, report.first_bad, report.seq) == (True, 2, None, 2)
    rows = ledger.evidence("default")
    assert [row["prev_hash"] for row in rows] == [first_hash(ledger.ledger_id), rows[0]["hash"]]
    assert report.hash == rows[1]["hash"]


@pytest.mark.parametrize(
    "column", ["fleet", "ms", "actor", "job", "token", "kind", "subject", "body", "prev_hash", "hash"]
)
def test_a_changed_row_is_found(path, column):
    value = {"ms": "1", "token": "9", "body": "'{}'"}.get(column, "'changed'")
    tamper(path, f"UPDATE evidence SET {column} = {value} WHERE seq = 3")
    report = verify(path)
    assert (report.ok, report.rows, report.first_bad) == (False, 2, 3)
    assert report.problem


def test_a_body_that_is_no_json(path):
    tamper(path, "UPDATE evidence SET body = '{' WHERE seq = 3")
    assert "cannot be read" in verify(path).problem


@pytest.mark.parametrize(
    ("statement", "first_bad"),
    [
        ("DELETE FROM evidence WHERE seq = 1", 1),
        ("DELETE FROM evidence WHERE seq = 3", 3),
        ("DELETE FROM evidence WHERE seq = 5", 5),
        ("DELETE FROM evidence", 1),
        ("UPDATE evidence SET seq = 9 WHERE seq = 5", 5),
    ],
)
def test_a_missing_row_is_found(path, statement, first_bad):
    tamper(path, statement)
    report = verify(path)
    assert (report.ok, report.first_bad) == (False, first_bad)


def test_a_chain_of_another_ledger_is_found(path):
    tamper(path, "UPDATE meta SET value = 'other' WHERE name = 'ledger_id'")
    assert verify(path).first_bad == 1


def test_a_cut_that_also_moves_the_end_is_found_with_an_end_noted_earlier(path):
    before = verify(path)
    assert verify(path, (before.seq, before.hash)).ok
    tamper(
        path,
        "DELETE FROM evidence WHERE seq > 3",
        "UPDATE chain SET seq = 3, hash = (SELECT hash FROM evidence WHERE seq = 3)",
    )
    assert verify(path).ok  # by itself such a cut cannot be seen
    report = verify(path, (before.seq, before.hash))
    assert (report.ok, report.first_bad) == (False, before.seq)
    assert "not the one that was noted earlier" in report.problem
