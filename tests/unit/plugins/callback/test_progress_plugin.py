# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The progress display in real runs that reach no host, and lines at the foot of a terminal."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pyte
import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.foot import Foot

ENABLED = {"ANSIBLE_CALLBACKS_ENABLED": "lockstep.patching.progress"}
NOBODY = ("-e", "ansible_connection=ssh", "-e", "ansible_host=127.0.0.1", "-e", "ansible_port=1")


def test_a_log_has_lines_and_the_run_ends_as_it_does_without_them(play: Callable[..., Any]) -> None:
    shown = play("detect", *NOBODY, LOCKSTEP_PROGRESS_INTERVAL="0", **ENABLED)
    assert (shown.status, shown.lines[-1].partition(":")[0]) == (2, "stopped"), shown.output
    assert "progress: detect: look 0 of 3" in shown.lines
    assert "progress: detect: look 3 of 3, 3 problems" in shown.lines
    assert sum(1 for line in shown.lines if line.startswith("  ! web")) == 3


def test_jobs_of_awx_have_few_lines(play: Callable[..., Any]) -> None:
    shown = play("detect", *NOBODY, JOB_ID="7", TERM="xterm", **ENABLED)
    assert 1 <= sum(1 for line in shown.lines if line.startswith("progress: ")) <= 2, shown.output
    assert "\033" not in shown.output


def test_an_error_in_it_is_one_warning_and_the_run_goes_on(play: Callable[..., Any]) -> None:
    broken = play("detect", *NOBODY, LOCKSTEP_PROGRESS="foot", **ENABLED)  # its output is no terminal
    assert (broken.status, broken.lines[-1].partition(":")[0]) == (2, "stopped"), broken.output
    assert broken.output.count("the progress display has ended") == 1


def test_it_is_silent_in_plays_of_others(play: Callable[..., Any]) -> None:
    plays = [{"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.debug": {"msg": "hello"}}]}]
    done = play(plays, LOCKSTEP_PROGRESS_INTERVAL="0", **ENABLED)
    assert done.status == 0
    assert "progress" not in done.output


class Terminal(io.StringIO):
    """A stream whose text a terminal emulator shows."""

    encoding = "utf-8"

    def __init__(self, columns: int, rows: int) -> None:
        super().__init__()
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.Stream(self.screen)

    def write(self, text: str) -> int:
        self._stream.feed(text.replace("\n", "\r\n"))
        return len(text)

    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]


@pytest.fixture
def terminal() -> Terminal:
    return Terminal(40, 14)


def test_everything_scrolls_above_the_foot(terminal: Terminal) -> None:
    foot = Foot(terminal, lambda: (40, 14))
    for number in range(30):
        if number == 5:
            foot.draw(["one", "two"])
        terminal.write(f"line {number}\n")
        if number == 20:
            foot.draw(["three", "four"])
    assert terminal.lines() == [*[f"line {number}" for number in range(19, 30)], "", "three", "four"]
    foot.close()
    terminal.write("the recap\nthe closing line\n")
    assert terminal.lines() == [*[f"line {number}" for number in range(19, 30)], "the recap", "the closing line", ""]


def test_a_foot_that_grows_covers_nothing(terminal: Terminal) -> None:
    foot = Foot(terminal, lambda: (40, 14))
    for number in range(12):
        terminal.write(f"line {number}\n")
    foot.draw(["one"])
    foot.draw(["one", "two", "three"])
    assert terminal.lines() == [*[f"line {number}" for number in range(2, 12)], "", "one", "two", "three"]


def test_a_low_terminal_is_left_alone(terminal: Terminal) -> None:
    foot = Foot(terminal, lambda: (40, 11))
    foot.draw(["one"])
    assert terminal.lines() == [""] * 14


def test_a_terminal_without_unicode_gets_what_it_can_show(terminal: Terminal) -> None:
    terminal.encoding = "ascii"
    Foot(terminal, lambda: (40, 14)).draw(["a · b"])
    assert terminal.lines()[-1] == "a ? b"
