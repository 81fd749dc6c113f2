# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whose clock is wrong, and when nothing may go by it."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.clocks import disagreement, note, offset, span

MINUTE, DAY = 60_000, 86_400_000
ASKED, ANSWERED = 1_000 * DAY, 1_000 * DAY + 20 * MINUTE


@pytest.mark.parametrize(
    ("told", "off"),
    [
        (ASKED, 0),
        (ANSWERED, 0),  # the time that the module took is no difference
        (ASKED - 5 * MINUTE, 0),
        (ANSWERED + 5 * MINUTE, 0),
        (ASKED - 5 * MINUTE - 1, -5 * MINUTE - 1),
        (ANSWERED + 5 * MINUTE + 1, 5 * MINUTE + 1),
        (ASKED - 3 * DAY, -3 * DAY),
        (ANSWERED + 3 * DAY, 3 * DAY),
        (0, -ASKED),  # a host whose battery is empty
    ],
)
def test_offset(told: int, off: int) -> None:
    assert offset(told, ASKED, ANSWERED) == off


@pytest.mark.parametrize(
    ("off", "asked", "refused"),
    [
        ({}, 0, False),
        ({}, 10, False),
        ({"a": DAY}, 1, True),  # one against one: nobody knows who is right
        ({"a": DAY}, 2, True),
        ({"a": DAY}, 3, False),
        ({"a": DAY, "b": DAY}, 4, True),
        ({"a": DAY, "b": -DAY}, 5, False),
        ({"a": -DAY, "b": -DAY, "c": -DAY}, 3, True),
    ],
)
def test_half_of_the_hosts_are_believed_against_the_controller(off: dict, asked: int, refused: bool) -> None:
    why = disagreement(off, asked)
    assert bool(why) is refused
    assert all(host in why for host in off) or not refused


def test_the_texts_name_hosts_and_how_far_they_are() -> None:
    assert disagreement({"b": -2 * DAY, "a": 3 * DAY}, 3) == (
        "the clocks of 2 of 3 hosts and this controller's do not agree (a is 3 days ahead, b is 2 days behind)"
    )
    assert note({"a": 7 * MINUTE}) == "clocks differ from this controller's: a is 7 min ahead"
    assert note({}) == ""
    assert span(-119 * MINUTE) == "119 min behind"
    assert span(47 * 60 * MINUTE) == "47 h ahead"
    assert span(3 * DAY - 20 * MINUTE) == "3 days ahead"
