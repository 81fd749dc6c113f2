# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The checker of the soak finds each violation that is planted, and nothing in a rollout that went well."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "soak"))

from invariants import Change, Facts, Seen, changes_of, violations  # noqa: E402

PLAN = "ab" * 32
HOSTS = {"test1": 100_000, "prod1": 200_000, "prod2": 300_000}
"""When each host's turn was."""


def event(seq: int, ms: int, kind: str, subject: str, **body: Any) -> dict[str, Any]:
    return {"seq": seq, "ms": ms, "kind": kind, "subject": subject, "body": {"plan": PLAN, **body}}


def good() -> Facts:
    """A rollout that went well: two rings, one host after the other, a reboot each."""
    hosts = {
        name: Seen([Change(ms + 5_000, "web", "1.1")], {"web": "1.1"}, [], [PLAN[:12]], 1, [ms + 4_000])
        for name, ms in HOSTS.items()
    }
    evidence = [event(1, 1_000, "plan_created", PLAN)]
    for name, ms in HOSTS.items():
        ring = "test" if name == "test1" else "production"
        evidence += [
            event(len(evidence) + 1, ms, "gate", ring, decision="go", hosts=[name]),
            event(len(evidence) + 2, ms + 50_000, "host_status", name, after="verified"),
        ]
        if name == "test1":
            evidence.append(event(len(evidence) + 1, ms + 60_000, "ring_state", "test", after="passed"))
    scope = [{"ring": "test", "hosts": ["test1"]}, {"ring": "production", "hosts": ["prod1", "prod2"]}]
    return Facts(
        hosts=hosts,
        plans={PLAN: {"lines": [{"package": "web", "version": "1.1"}], "scope": scope}},
        statuses=[{"plan_id": PLAN, "name": name, "status": "verified", "ring": ""} for name in HOSTS],
        transactions=[
            {"plan_id": PLAN, "name": name, "started_ms": ms + 3_000, "outcome": "done"} for name, ms in HOSTS.items()
        ],
        evidence=evidence,
        windows=[(90_000, 400_000)],
        budgets={"service=web": (1, ["prod1", "prod2"])},
    )


def host(facts: Facts, **changes: Any) -> Facts:
    return facts._replace(hosts={**facts.hosts, "prod1": facts.hosts["prod1"]._replace(**changes)})


def without(facts: Facts, kind: str, subject: str) -> Facts:
    kept = [row for row in facts.evidence if (row["kind"], row["subject"]) != (kind, subject)]
    return facts._replace(evidence=kept)


PLANTED: dict[str, tuple[Callable[[Facts], Facts], str]] = {
    "no gate": (lambda facts: without(facts, "gate", "production"), "prod1: web 1.1 was installed, and no gate"),
    "before its gate": (
        lambda facts: host(facts, changes=[Change(150_000, "web", "1.1")]),
        "prod1: web 1.1 was installed, and no gate",
    ),
    "outside the window": (
        lambda facts: facts._replace(windows=[(90_000, 204_000)]),
        "prod2: web 1.1 was installed outside every window",
    ),
    "ring before ring": (lambda facts: without(facts, "ring_state", "test"), "although ring test had not passed"),
    "version of no plan": (
        lambda facts: host(facts, changes=[*facts.hosts["prod1"].changes, Change(206_000, "web", "1.2")]),
        "prod1: web 1.2 is in no plan",
    ),
    "second reboot": (
        lambda facts: host(facts, asked=[PLAN[:12]] * 2, reboots=2),
        "prod1: rebooted 2 times for plan " + PLAN[:12],
    ),
    "reboot that nobody asked for": (lambda facts: host(facts, reboots=2), "prod1: 2 reboots, and its journals asked"),
    "budget": (
        lambda facts: host(facts, out=[310_000]),
        "budget service=web allows 1 out, and prod1, prod2 were out together",
    ),
    "dead host holds its share": (
        lambda facts: without(facts, "host_status", "prod1"),
        "budget service=web allows 1 out, and prod1, prod2 were out together",
    ),
    "change that is not in the ledger": (
        lambda facts: facts._replace(transactions=[row for row in facts.transactions if row["name"] != "prod1"]),
        "prod1: web 1.1 has no transaction in the ledger",
    ),
    "version that is claimed": (
        lambda facts: host(facts, versions={"web": "1.0"}),
        "prod1: the ledger says verified, and web is 1.0",
    ),
    "dpkg in the middle": (lambda facts: host(facts, unfinished=["web"]), "prod1: the ledger says verified, and dpkg"),
    "transaction that never was": (
        lambda facts: host(facts, out=[], changes=[]),
        "prod1: the ledger says a transaction is done that the host knows nothing of",
    ),
}


def test_nothing_is_found_where_all_went_well() -> None:
    assert violations(good()) == []


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found(name: str) -> None:
    plant, words = PLANTED[name]
    found = violations(plant(copy.deepcopy(good())))
    assert any(words in line for line in found), found


def test_the_log_of_dpkg_is_read_as_utc() -> None:
    log = "2026-11-28 08:00:01 startup packages configure\n2026-11-28 08:00:02 configure web:all 1.1 <none>\n"
    assert changes_of(log) == [Change(1_795_852_802_000, "web", "1.1")]
