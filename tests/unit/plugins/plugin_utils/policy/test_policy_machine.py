# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""States: the diagrams in the documentation are those of the code, and every state has a next step."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy import machine
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.summary import HOST, left_out_text, status_text

STATES = Path(__file__).resolve().parents[5] / "docs" / "states.md"


@pytest.mark.parametrize(
    ("title", "states"), [("Host", machine.HOST), ("Ring", machine.RING), ("Rollout", machine.ROLLOUT)]
)
def test_the_diagram_is_that_of_the_code(title: str, states: dict) -> None:
    part = re.split(r"^## ", STATES.read_text(encoding="utf-8"), flags=re.MULTILINE)
    diagram = next(text for text in part if text.startswith(title))
    drawn: dict[str, set[str]] = {
        name: set() for name in re.findall(r"^\s+(\w+)(?: -->|$)", diagram, flags=re.MULTILINE)
    }
    for before, after in re.findall(r"^\s+(\w+) --> (\w+)$", diagram, flags=re.MULTILINE):
        drawn.setdefault(before, set()).add(after)
        drawn.setdefault(after, set())
    assert drawn == {name: set(after) for name, after in states.items()}


@pytest.mark.parametrize("states", [machine.HOST, machine.RING, machine.ROLLOUT])
def test_every_transition_leads_to_a_state(states: dict) -> None:
    assert {after for follow in states.values() for after in follow} <= set(states)
    assert all(machine.legal(states, name, name) for name in states)
    assert not machine.legal(states, next(iter(states)), "nowhere") and not machine.legal(states, "nowhere", "nowhere")


@pytest.mark.parametrize(
    ("record", "step"),
    [
        (None, "stage"),
        ({"status": "pending"}, "stage"),
        ({"status": "staged"}, "transact"),
        ({"status": "installed", "reboot": "yes"}, "reboot"),
        ({"status": "installed", "reboot": "no"}, "verify"),
        ({"status": "installed", "reboot": "unknown"}, "verify"),
        ({"status": "active"}, "verify"),
        ({"status": "verified"}, "nothing"),
        ({"status": "regressed"}, "verify"),
        ({"status": "failed"}, "inspect"),
        ({"status": "unreachable", "phase": "absent"}, "stage"),
        ({"status": "unreachable", "phase": "lost"}, "inspect"),
        ({"status": "unreachable"}, "inspect"),
        ({"status": "skipped", "reason": "unsupported"}, "nothing"),
        ({"status": "skipped", "reason": "nothing_to_do"}, "nothing"),
        ({"status": "skipped", "reason": "held"}, "stage"),
        ({"status": "rolled_back"}, "person"),
        ({"status": "???"}, "person"),
    ],
)
def test_the_next_step(record: dict | None, step: str) -> None:
    assert machine.next_step(record).step == step


def test_every_host_state_has_words_and_what_is_finished_has_no_step() -> None:
    assert set(machine.HOST) <= set(HOST)
    for status in machine.HOST:
        record = {"status": status, "reason": "unsupported"}
        assert machine.finished(record) == (machine.next_step(record).step in ("nothing", "person"))


def test_texts_name_host_reason_and_next_step() -> None:
    assert (
        status_text("web1", "failed", "dpkg\x1b: error")
        == "web1: failed: dpkg?: error; read the reason and the host's log, repair it, then run rollout again"
    )
    assert status_text("web1", "verified") == "web1: is verified"
    entry = {"host": "web1", "package": "vim", "version": "2", "why": "held", "detail": "", "next": "release it"}
    assert left_out_text(entry) == "web1: vim 2: held: the package is on hold on this host; release it"
