# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How far a run is, in numbers and in words."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.progress import Course, Left, Progress
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.progress_text import (
    clip,
    failure_text,
    foot,
    left_text,
    log_line,
)

MINUTE = 60_000
NOW = 1_795_000_000_000
RINGS = [
    ("test", "passed", {"t1": "verified"}),
    ("production", "open", dict.fromkeys([f"p{number}" for number in range(8)], "staged")),
    ("last", "waiting", {"z1": "pending", "z2": "retired"}),
]
BATCHES = [[f"p{number}" for number in range(4)], [f"p{number}" for number in range(4, 8)], ["z1"]]


def rollout(needs: dict[str, int] | None = None, forks: int = 2) -> Progress:
    progress = Progress("rollout", "5b402e292636ff", forks, NOW)
    progress.set_course(Course(RINGS, BATCHES, needs or {}))
    return progress


def in_first_batch(needs: dict[str, int] | None = None) -> Progress:
    progress = rollout(needs)
    progress.gated("p0", "go", "", NOW)
    progress.begin("install", 99, NOW)
    return progress


def test_hosts_are_counted_by_state_once_each() -> None:
    progress = in_first_batch()
    progress.answer("p0", "installed", None)
    progress.answer("p0", "installed", None)
    progress.answer("p1", "failed", "no space left")
    progress.answer("nobody knows it", "installed", None)
    assert progress.counts["production"] == {"staged": 6, "installed": 1, "failed": 1}
    progress.answer("p1", "verified", None)
    assert progress.counts["production"] == {"staged": 6, "installed": 1, "failed": 0, "verified": 1}
    assert (progress.done("production"), progress.done("last"), progress.total) == (1, 1, 4)


@pytest.mark.parametrize(
    ("needs", "left"),
    [
        ({}, None),
        ({"p0": MINUTE}, None),  # nothing is known of the batches after it
        (dict.fromkeys(["p0", "p4", "z1"], MINUTE), Left(int(4.5 * MINUTE), "measured in earlier plans")),
    ],
)
def test_time_left_before_a_batch_has_ended(needs: dict[str, int], left: Left | None) -> None:
    assert in_first_batch(needs).left(NOW + MINUTE // 2) == left


def test_time_left_goes_by_this_run_once_it_has_measured() -> None:
    progress = in_first_batch(dict.fromkeys(["p0", "p4", "z1"], MINUTE))
    progress.gated("p4", "go", "", NOW + 10 * MINUTE)  # two rounds in ten minutes
    assert progress.left(NOW + 12 * MINUTE) == Left(13 * MINUTE, "measured in this run")
    assert progress.left(NOW + 60 * MINUTE) == Left(5 * MINUTE, "measured in this run"), "a late batch is due, not less"


def test_time_left_of_a_task_outside_the_rings() -> None:
    progress = rollout(forks=5)
    progress.begin("look", 100, NOW)
    for number in range(4):
        progress.answer(f"h{number}", None, None)
        assert progress.left(NOW + MINUTE) is None, "the first round is not over"
    progress.answer("h5", None, None)
    assert progress.left(NOW + MINUTE) == Left(19 * MINUTE, "measured in this run")


def test_a_gate_that_does_not_go_says_why() -> None:
    progress = in_first_batch()
    progress.gated("p4", "wait", "production soaks", NOW)
    assert progress.batch is None
    assert "wait: production soaks" in foot(progress, 80, NOW)[4]
    assert log_line(progress, NOW) == "progress: rollout: wait: production soaks"


def test_a_failure_counts_once_though_later_tasks_repeat_it() -> None:
    progress = in_first_batch()
    for _task in range(3):
        progress.answer("p1", "failed", "no space left")
    assert (progress.failed, len(progress.failures)) == (1, 1)
    for number in range(9):
        progress.answer("p2", "failed", f"problem {number}")
    assert (progress.failed, [failure.text for failure in progress.failures]) == (
        10,
        ["problem 6", "problem 7", "problem 8"],
    )


def test_the_foot_at_80_columns() -> None:
    progress = in_first_batch(dict.fromkeys(["p0", "p4", "z1"], MINUTE))
    progress.answer("p0", "installed", None)
    progress.answer("p1", "failed", "p1: no space left on device")
    assert foot(progress, 80, NOW) == [
        "-- lockstep rollout · plan 5b402e292636 · 11:06 UTC ----------------------------",
        "  test       [##########] 1/1  passed",
        "> production [..........] 0/8  batch 1 of 2: install 2 of 4  1 failed, 1 instal…",
        "  last       [#####.....] 1/2",
        "  about 5m left, until 11:11 UTC (measured in earlier plans)",
        "  ! p1: no space left on device",
        "",
    ]


@pytest.mark.parametrize("width", [20, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    progress = in_first_batch()
    progress.answer("p0", "failed", "発" * 300)
    progress.answer("p1", "failed", "\033[31m{{ lookup('pipe', 'id') }}\r\n" + "x" * 300)
    lines = foot(progress, width, NOW)
    assert len(lines) == 7
    assert all(len(line) + line.count("発") <= width and line.isprintable() for line in lines)


def test_the_foot_keeps_its_height_and_shows_the_rings_around_the_current_one() -> None:
    hosts = [f"h{number}" for number in range(9)]
    rings = [(f"ring {number}", "waiting", {host: "pending"}) for number, host in enumerate(hosts)]
    progress = Progress("rollout", None, 5, NOW)
    progress.set_course(Course(rings, [[host] for host in hosts], {}))
    progress.gated("h6", "go", "", NOW)
    lines = foot(progress, 80, NOW)
    assert [line[2:8] for line in lines[1:6]] == [f"ring {number}" for number in range(4, 9)]
    assert lines[6] == "  … 4 more rings"
    progress.gated("h0", "go", "", NOW)
    assert len(foot(progress, 80, NOW)) == len(lines)


@pytest.mark.parametrize(
    ("text", "width", "clipped"),
    [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("発発", 4, "発発"), ("発発発", 4, "発…"), ("", 0, ""), ("abc", 0, "…")],
)
def test_text_is_clipped_by_columns(text: str, width: int, clipped: str) -> None:
    assert clip(text, width) == clipped


def test_left_text_has_the_date_where_it_is_another_day() -> None:
    progress = in_first_batch(dict.fromkeys(["p0", "p4", "z1"], 24 * 60 * MINUTE))
    assert left_text(progress, NOW) == "about 5d left, until 2026-11-23 11:06 UTC (measured in earlier plans)"


def test_a_failure_names_its_host_once() -> None:
    progress = in_first_batch()
    progress.answer("p1", "failed", "no space left")
    progress.answer("p2", "failed", "p2: no space left")
    assert [failure_text(failure) for failure in progress.failures] == ["p1: no space left", "p2: no space left"]
