# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an inventory reads of every host at once."""

from __future__ import annotations

import pytest
from ledger_samples import MINUTE, NOW, begin, look, open_plan

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import digest
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger, NoLedger
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.deadlines import Deadlines
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.finding_tables import CONTENTS
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.findings import HostBook
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.overview import Known
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.model import Entry, Group, Profile

PLATFORM = {"id": "debian-12", "os": "debian", "version": "12", "arch": "amd64", "repositories": []}
OS = {"os": "debian", "version": "12", "arch": "amd64"}


def test_every_host_of_a_fleet_with_its_platform_and_newest_answer(ledger: Ledger) -> None:
    token = begin(ledger)
    look(ledger, "a", token, {"platform": PLATFORM}, answer={"security": 1})
    look(ledger, "b", token, {"platform": PLATFORM}, answer={"security": 1})
    look(ledger, "b", token, {"platform": PLATFORM}, NOW + MINUTE, answer={"security": 0})
    ledger.record_unreachable("default", "b", token, NOW + 2 * MINUTE, "no route")
    ledger.record_unreachable("default", "c", token, NOW, "no such host")
    look(ledger, "x", token, {"platform": {"unknown": "no keys"}}, platform=None)
    look(ledger, "other", token, {}, fleet="elsewhere")
    open_plan(ledger, token)
    assert ledger.overview("default") == {
        "a": Known(NOW, NOW, None, "debian-12", OS, {"security": 1}),
        "b": Known(NOW + MINUTE, NOW + 2 * MINUTE, "no route", "debian-12", OS, {"security": 0}),
        "c": Known(None, NOW, "no such host", None, {}, {}),
        "x": Known(NOW, NOW, None, None, {}, {"pending": 1}),
    }
    assert ledger.overview("nobody") == {}


def test_a_platform_whose_section_is_unknown_has_no_system(ledger: Ledger) -> None:
    look(ledger, "a", begin(ledger), {"platform": {"unknown": "no keys"}})
    assert ledger.overview("default")["a"].os == {"os": None, "version": None, "arch": None}


def entry(vuln: str, due_ms: int | None, exception: str | None = None) -> Entry:
    return Entry(vuln, NOW, "fix", "2.0", 1, due_ms, NOW, 0, exception)


def test_deadlines_count_what_is_overdue_now_and_what_an_exception_covers_now(ledger: Ledger) -> None:
    token = begin(ledger)
    found = (
        entry("CVE-1", NOW + MINUTE),
        entry("CVE-2", NOW + 9 * MINUTE),
        entry("CVE-3", None),
        entry("CVE-4", NOW + MINUTE, "x-1"),
    )
    group = Group("openssl", "1.0", "Debian", ("openssl",), Profile("open", "high", "high", ()), "yes", found).content()
    shelf = {"at": 3, "groups": [digest(group)]}
    name = digest(shelf)
    contents = {kind: [] for kind in CONTENTS}
    contents["waivers"] = [{"id": "x-1", "until_ms": NOW + 5 * MINUTE}]
    for host in ("a", "b", "c"):
        look(ledger, host, token, {})
    books = {"a": HostBook((name,), (), 1, NOW), "b": HostBook((), (), 1, NOW), "c": HostBook((name,), (), 7, NOW)}
    ledger.record_assessment("default", token, NOW, "0" * 64, contents, {digest(group): group, name: shelf}, books)
    assert ledger.deadlines("elsewhere", NOW) == {}
    assert ledger.deadlines("default", NOW) == {
        "a": Deadlines(4, 0, 1, NOW + MINUTE),
        "b": Deadlines(0, 0, 0, None),
    }
    assert ledger.deadlines("default", NOW + 2 * MINUTE)["a"] == Deadlines(4, 1, 1, NOW + MINUTE)
    # the exception has ended: what it covered is past its deadline too
    assert ledger.deadlines("default", NOW + 6 * MINUTE)["a"] == Deadlines(4, 2, 0, NOW + MINUTE)


def test_no_ledger_is_told_apart_from_one_that_cannot_be_read(tmp_path, url: str) -> None:
    with pytest.raises(NoLedger):
        Ledger.open(url, create=False)
