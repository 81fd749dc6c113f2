# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a plan says of its end, its deadlines and what freezes leave open, before anything runs."""

from __future__ import annotations

from typing import Any

from controller_facts import HOUR, NOW, VARIABLES, HostVars, begin, body, looked, policy

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.outlook import (
    Outlook,
    deadlines_of,
    left_open,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger

MATCHES = {"db": ["db1", "db2"]}


def outlook(ledger: Ledger, extra: str = "", forks: int = 1, hostvars: Any = None, **given: Any) -> Outlook:
    token = begin(ledger)
    for host in ("web1", "db1", "web2", "db2"):
        looked(ledger, host, token)
    variables = {**VARIABLES, "hostvars": HostVars(hostvars or {})}
    settings = policy(extra, **given)
    return Outlook(ledger, settings, body()["scope"], {}, variables, MATCHES, forks, NOW)


def test_a_plan_says_when_each_ring_will_be_done(ledger: Ledger) -> None:
    text = outlook(ledger, "time_to_patch: 30m\n", soak="2h").text(None)
    assert text == [
        "forecast (1 host at the same time, 30m a host, measured for 0 of 4 hosts)",
        "  test: 2 hosts in 1 batch",
        "      from 2026-11-18 11:06 UTC, done 2026-11-18 12:06 UTC",
        "      soaks until 2026-11-18 14:06 UTC",
        "  production: 2 hosts in 1 batch",
        "      from 2026-11-18 14:06 UTC, done 2026-11-18 15:06 UTC",
        "      soaks until 2026-11-18 17:06 UTC",
        "  deadlines: not assessed (set lockstep_feeds, see docs/assess.md)",
    ]


def test_a_deadline_that_is_missed_names_what_would_meet_it(ledger: Ledger) -> None:
    seen = outlook(
        ledger,
        "time_to_patch: 30m\nbudgets: [{by: zone, max_out: 1}]\n",
        forks=2,
        soak="2h",
        hostvars={host: {"zone": "a"} for host in ("web1", "web2", "db1", "db2")},
    )
    # one host after the other: 2 x 30 min, 2 h of soak, 2 x 30 min
    text = "\n".join(seen.text({"db2": NOW + 3 * HOUR + HOUR // 2}))
    assert "misses a deadline of 2026-11-18 14:36 UTC by 30m, on 1 host (db2)" in text
    assert "twice the max_out of budget 'zone'" in text and "half the soak of every ring" in text
    assert "--forks" not in text and "batch: 100%" not in text
    assert "no single change meets them" in "\n".join(seen.text({"db2": NOW}))
    assert "deadline" not in "\n".join(seen.text({"db2": NOW + 9 * HOUR}))


def test_a_freeze_says_what_it_leaves_open(ledger: Ledger) -> None:
    seen = outlook(ledger, "freezes: [{for: db, from: 2026-01-01, reason: migration}]\n")
    assert seen.held(None) == [
        "held",
        "  freeze 'migration' holds until further notice: 2 hosts (db1, db2)",
        "      leaves open: vulnerabilities not assessed",
    ]
    assert seen.held({"db1": {"CVE-2026-1", "CVE-2026-2"}, "web1": {"CVE-2026-3"}})[-1].endswith(
        "2 vulnerabilities: CVE-2026-1, CVE-2026-2"
    )
    assert left_open(["x"], {}) == "no vulnerability that the plan closes"
    assert outlook(ledger).held(None) == []


def test_deadlines_and_vulnerabilities_are_those_that_the_plan_closes() -> None:
    def finding(vuln: str, due: int | None, closes: bool = True, exception: Any = None) -> dict[str, Any]:
        return {"vuln": vuln, "due_ms": due, "closes": closes, "exception": exception}

    data = {
        "steps": [
            {"upgrade": "openssl", "findings": [finding("A", 9), finding("B", 5), finding("C", 1, closes=False)]},
            {"upgrade": "bash", "findings": [finding("D", 2)]},
            {"upgrade": "openssl", "findings": [finding("E", 3, exception={"id": 1}), finding("F", None)]},
        ],
        "lots": [[0], [1], [2]],
        "hosts": [{"host": "a", "lots": [0, 1]}, {"host": "b", "lots": [2]}],
    }
    assert deadlines_of(data, body()) == ({"a": 5}, {"a": {"A", "B"}, "b": {"E", "F"}})
    assert deadlines_of(None, body()) == (None, None)
