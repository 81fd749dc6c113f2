# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Assessments in the ledger: what was open on a host on any day, stored by distinct content."""

from __future__ import annotations

from ledger_samples import NOW, begin

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import digest
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.findings import HostBook, book_of, sheets_of

# a book of one shelf with one group
GROUP = {"source": "openssl", "version": "1.0", "findings": [["CVE-2026-1", NOW, "affected, fix available"]]}
SHELF = {"at": 7, "groups": [digest(GROUP)]}
SHEET = [["openssl", "CVE-2026-1", "fixed", NOW, None, "2.0", "2.0"]]
CONTENTS = {
    "scheme": {"name": "s"},
    "feeds": [],
    "facts": {"CVE-2026-1": {"kev": "no"}},
    "waivers": [],
    "news": [],
    "summary": {},
}


def assess(ledger, token, now, found, **contents):
    parts = {digest(part): part for part in (GROUP, SHELF, SHEET)}
    return ledger.record_assessment("default", token, now, "0" * 64, {**CONTENTS, **contents}, parts, found)


def test_an_assessment_keeps_the_inputs_of_its_day(ledger):
    token = begin(ledger)
    book = HostBook((digest(SHELF),), (), 1, NOW)
    first = assess(ledger, token, NOW, {"web1": book, "web2": book})
    second = assess(ledger, token, NOW + 1, {"web1": book}, facts={"CVE-2026-1": {"kev": "yes"}})
    assert ledger.assessment("default")["id"] == second
    assert ledger.assessment("default")["facts"] == {"CVE-2026-1": {"kev": "yes"}}
    assert ledger.assessment("default", first)["facts"] == CONTENTS["facts"]
    assert ledger.assessment("default")["ms"] == NOW + 1
    assert ledger.assessment("elsewhere") is None
    assert [row["id"] for row in ledger.assessments("default")] == [first, second]
    rows = ledger.evidence("default", kind="assessed")
    assert [row["body"]["hosts"] for row in rows] == [2, 1] and ledger.verify_chain().ok


def test_only_changes_make_history_and_who_is_not_assessed_keeps_its_book(ledger):
    token = begin(ledger)
    name = digest(SHELF)
    first = assess(ledger, token, NOW, {host: HostBook((name,), (), 1, NOW) for host in ("web1", "web2")})
    same = ledger.open_books("default")["web1"]["book"]
    assess(ledger, token, NOW + 1, {"web1": HostBook((name,), (), 1, NOW + 1, same)})
    third = assess(ledger, token, NOW + 2, {"web1": HostBook((), (digest(SHEET),), 1, NOW + 2)})
    books = ledger.open_books("default")
    assert books["web1"]["names"] == ("shelves", ()) and books["web2"]["names"] == ("shelves", (name,))
    assert (books["web1"]["look_ms"], books["web2"]["look_ms"]) == (NOW + 2, NOW)
    assert ledger.groups_of("default", "web1") == [] and ledger.groups_of("default", "web2") == [GROUP]
    assert ledger.groups_of("default", "elsewhere") is None
    history = ledger.book_history("default")
    assert [row[0] for row in history["web1"]] == [first, third] and [row[0] for row in history["web2"]] == [first]
    what = ledger.values_of([history["web1"][1][2], history["web1"][0][1], name, digest(SHEET)])
    assert sheets_of(what[history["web1"][1][2]]) == ((digest(SHEET),), []) and what[digest(SHEET)] == SHEET
    assert book_of(what[history["web1"][0][1]]) == ("shelves", (name,)) and what[name] == SHELF
    assert set(ledger.book_history("default", until_ms=NOW + 1)["web1"]) == {history["web1"][0]}
    assert list(ledger.book_history("default", only=["web2"])) == ["web2"]
    assert ledger.closed_on("default") == {"web1": [history["web1"][1][2]]}
    assert ledger.looked("default") == dict.fromkeys(("web1", "web2"), (None, None, 1, None))


def test_equal_books_of_many_hosts_are_stored_once(sqlite_ledger):
    token = begin(sqlite_ledger)
    book = HostBook((digest(SHELF),), (), 1, NOW)

    def contents():
        with sqlite_ledger.database.read() as connection:
            return connection.exec_driver_sql("SELECT count(*) FROM content").scalar()

    assess(sqlite_ledger, token, NOW, {"h0": book})
    one = contents()
    assess(sqlite_ledger, token, NOW + 1, {f"h{number}": book for number in range(500)})
    assert contents() == one
