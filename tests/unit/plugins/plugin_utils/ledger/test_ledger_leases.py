# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Leases on SQLite and PostgreSQL: budgets hold against other runs, other processes and hosts that are down."""

from __future__ import annotations

import multiprocessing

import pytest
from ledger_samples import MINUTE, NOW, begin, kinds, look, open_plan

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger, StaleToken
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.leases import Want

LIMITS = {"zone=a": 1, "zone=b": 2, "db": 1}


def want(host: str, *buckets: str, boot: str = "b1") -> Want:
    return Want(host, boot, buckets or ("zone=a",))


def held(ledger: Ledger) -> list[tuple[str, str]]:
    return sorted((row["host"], row["bucket"]) for row in ledger.leases("default"))


@pytest.fixture
def token(ledger: Ledger) -> int:
    return begin(ledger)


def take(ledger: Ledger, token: int, *wants: Want, down: dict | None = None, now: int = NOW):
    return ledger.take_leases("default", open_plan(ledger, token), wants, LIMITS, down or {}, token, now)


def test_a_host_gets_all_of_its_budgets_or_none(ledger: Ledger, token: int) -> None:
    taken = take(ledger, token, want("a"), want("b", "zone=b", "zone=a"), want("c", "zone=b", "db"), want("d", "db"))
    assert taken.granted == ["a", "c"]
    assert taken.refused["b"] == ("zone=a", 1, ["a"])
    assert taken.refused["d"] == ("db", 1, ["c"])
    assert held(ledger) == [("a", "zone=a"), ("c", "db"), ("c", "zone=b")]
    assert take(ledger, token, Want("e", "", ())).granted == ["e"]
    assert "leases_taken" in kinds(ledger)


def test_hosts_that_are_down_count_once_and_not_against_themselves(ledger: Ledger, token: int) -> None:
    assert take(ledger, token, want("a"), down={"zone=a": {"x"}}).refused["a"].out == ["x"]
    assert take(ledger, token, want("x"), down={"zone=a": {"x"}}).granted == ["x"]
    assert take(ledger, token, want("b", "zone=b"), down={"zone=b": {"x"}}).granted == ["b"]
    assert take(ledger, token, want("c", "zone=b"), down={"zone=b": {"x", "b"}}).refused["c"].out == ["b", "x"]


def test_time_releases_nothing_and_proof_of_life_does(ledger: Ledger, token: int) -> None:
    take(ledger, token, want("a", boot="before"))
    later = begin(ledger, NOW + 400 * 24 * 60 * MINUTE)
    year = NOW + 400 * 24 * 60 * MINUTE
    assert take(ledger, later, want("b"), now=year).refused["b"].out == ["a"]
    assert ledger.release_leases("default", "a", "verified", later, year, boot_id="after") == ["zone=a"]
    assert ledger.release_leases("default", "a", "verified", later, year) == []
    assert take(ledger, later, want("b"), now=year).granted == ["b"]
    released = ledger.evidence("default", kind="leases_released")[-1]
    assert released["subject"] == "a"
    assert released["body"] == {
        "buckets": ["zone=a"],
        "why": "verified",
        "boot_before": "before",
        "boot_after": "after",
    }


def test_a_newer_run_takes_a_hosts_lease_over_and_the_older_one_is_fenced_off(ledger: Ledger, token: int) -> None:
    take(ledger, token, want("a"))
    newer = begin(ledger)
    assert take(ledger, newer, want("a"), want("b")).granted == ["a"]
    assert ledger.release_leases("default", "a", "verified", token, NOW) == []
    assert held(ledger) == [("a", "zone=a")]
    with pytest.raises(StaleToken, match="superseded"):
        take(ledger, token, want("b"))
    assert ledger.release_leases("default", "a", "verified", newer, NOW) == ["zone=a"]
    with pytest.raises(StaleToken):
        take(ledger, token, want("b"))
    assert take(ledger, newer, want("b")).granted == ["b"]


def test_a_host_that_left_the_inventory_keeps_its_lease_until_it_is_retired(ledger: Ledger, token: int) -> None:
    look(ledger, "a", token, {})
    take(ledger, token, want("a"))
    assert take(ledger, token, want("b")).refused["b"].out == ["a"]
    ledger.release_leases("default", "a", "retired: sold", token, NOW, actor="ann")
    assert ledger.evidence("default", kind="leases_released")[-1]["actor"] == "ann"
    assert take(ledger, token, want("b")).granted == ["b"]


def _one_controller(url: str, plan: str, number: int, start: object, answers: object) -> None:
    with Ledger.open(url) as mine:
        run = mine.begin_run("default", "rollout", f"ctl{number}", None, "control", None, NOW)
        start.wait()
        for host in ("a", "b", "c", "d"):
            try:
                taken = mine.take_leases("default", plan, [Want(host, "", ("zone=b",))], LIMITS, {}, run, NOW)
            except StaleToken:
                answers.put([])
                continue
            answers.put(taken.granted)


def test_controllers_at_the_same_moment_do_not_exceed_a_budget_together(url: str) -> None:
    context = multiprocessing.get_context("fork")
    with Ledger.open(url) as ledger:
        plan = open_plan(ledger, begin(ledger))
    start, answers = context.Barrier(3), context.Queue()
    workers = [context.Process(target=_one_controller, args=(url, plan, number, start, answers)) for number in range(3)]
    for worker in workers:
        worker.start()
    granted = {host for _answer in range(12) for host in answers.get(timeout=60)}
    for worker in workers:
        worker.join()
    with Ledger.open(url) as ledger:
        assert len(held(ledger)) == 2
        assert {host for host, _bucket in held(ledger)} == granted
