# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which events a run's end is, and what is said of them."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.notify import (
    Notify,
    critical,
    critical_text,
    events_of,
    message,
)


@pytest.mark.parametrize(
    ("closing", "approval", "completed", "events"),
    [
        ("stopped: plan x: ring 'test'", False, False, ["stopped"]),
        ("waiting: plan x: soaks until", False, False, ["waiting"]),
        ("waiting: plan x: needs", True, False, ["waiting", "waiting_for_approval"]),
        ("done: plan x: 3 of 3", False, True, ["completed"]),
        ("done: plan x is open", False, False, []),
    ],
)
def test_what_a_run_end_is(closing: str, approval: bool, completed: bool, events: list[str]) -> None:
    assert events_of(closing, approval, completed) == events


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.example.org/services/T0/secret?key=x", "https://hooks.example.org"),
        ("http://user:secret@127.0.0.1:8080/x", "http://127.0.0.1:8080"),
    ],
)
def test_a_receiver_is_named_without_what_may_be_secret(url: str, shown: str) -> None:
    assert Notify(url).shown == shown


def test_a_message_counts_hosts_by_status() -> None:
    run = {"token": 7, "fleet": "north", "stage": "rollout", "plan_id": "ab", "actor": "ann", "controller": "c"}
    body = message("stopped", run, "stopped: x", {"a": {"status": "failed"}, "b": {"status": "verified"}}, 5)
    assert body["hosts"] == {"failed": 1, "verified": 1} and body["text"] == "Lockstep north: stopped: x"
    assert (body["run"], body["plan"], body["time_ms"], body["event"]) == (7, "ab", 5, "stopped")


DAY = 86_400_000


@pytest.mark.parametrize(
    ("kind", "kev", "due_ms", "told"),
    [
        ("appeared", True, None, True),
        ("entered_kev", True, 400 * DAY, True),
        ("appeared", False, 103 * DAY, True),
        ("decision", False, 90 * DAY, True),
        ("appeared", False, 104 * DAY, False),
        ("appeared", False, None, False),
        ("gone", True, 101 * DAY, False),
    ],
)
def test_what_is_new_and_critical(kind: str, kev: bool, due_ms: int | None, told: bool) -> None:
    item = {"kind": kind, "vuln": "CVE-2026-1", "source": "openssl", "before": "", "after": "act", "hosts": 3}
    found = critical([{**item, "kev": kev, "due_ms": due_ms, "some": ["a"]}], 100 * DAY)
    assert bool(found) is told
    if told:
        assert found[0]["package"] == "openssl" and found[0]["hosts"] == 3
        assert critical_text(found) == f"new and critical: 1 vulnerability id, {int(kev)} known exploited: CVE-2026-1"
