# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long hosts took, on SQLite and PostgreSQL."""

from __future__ import annotations

from ledger_samples import MINUTE, NOW, begin, look, open_plan

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger


def patch(ledger: Ledger, plan: str, host: str, began: int, verified: int, start: int, end: int) -> None:
    """A host whose transaction began in one run and whose verdict came in another one."""
    attempt = ledger.next_attempt(plan, host, began, start)
    ledger.record_transaction(attempt, plan, host, {"outcome": "done"}, began, start + 1)
    for status in ("staged", "installed", "active", "verified"):
        ledger.set_host(plan, host, status, "", "", {}, verified, end)


def test_only_what_one_run_began_and_verified_is_a_measurement(ledger: Ledger) -> None:
    first = begin(ledger)
    for host in "abc":
        look(ledger, host, first, {})
    plan = open_plan(ledger, first)
    patch(ledger, plan, "a", first, first, NOW + MINUTE, NOW + 3 * MINUTE)
    second = begin(ledger, NOW + 10 * MINUTE)
    patch(ledger, plan, "b", first, second, NOW + MINUTE, NOW + 20 * MINUTE)
    patch(ledger, plan, "c", second, second, NOW + 11 * MINUTE, NOW + 15 * MINUTE)
    assert ledger.times_to_patch("default") == [("c", "debian-12", 4 * MINUTE), ("a", "debian-12", 2 * MINUTE)]
    assert ledger.times_to_patch("other") == []
    # another machine behind the name has no history
    look(ledger, "a", second, {}, NOW + 30 * MINUTE, fingerprint={"machine_id": "another"})
    assert [took.host for took in ledger.times_to_patch("default")] == ["c"]


def test_a_transaction_that_a_later_run_took_up_is_none(ledger: Ledger) -> None:
    first = begin(ledger)
    plan = open_plan(ledger, first)
    ledger.next_attempt(plan, "a", first, NOW)
    second = begin(ledger, NOW + 60 * MINUTE)
    patch(ledger, plan, "a", second, second, NOW + 61 * MINUTE, NOW + 62 * MINUTE)
    assert ledger.times_to_patch("default") == []
