# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Windows and freezes of a policy that cannot be meant: each is told with its line."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.load import load_policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import PolicyError

RINGS = "rings:\n  - {name: a, hosts: b}\n  - {name: c, hosts: d}\n"
NIGHT = "start: '02:00', duration: 3h"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (f"windows: [{{{NIGHT}}}]", ["windows[0]", "exactly one of rrule, ics and from; this has none"]),
        ("windows: [{rrule: FREQ=DAILY, ics: a.ics}]", ["this has rrule and ics"]),
        ("windows: [{ics: a.ics, duration: 3h}]", ["windows[0].duration", "'duration' belongs to 'rrule'"]),
        ("windows: [{rrule: FREQ=DAILY, duration: 3h}]", ["'start' is missing beside 'rrule'"]),
        ("windows: [{rrule: FREQ=DAILY, start: '02:00'}]", ["'duration' is missing"]),
        ("windows: [{rrule: FREQ=DAILY, start: '02:00', duration: 0s}]", ["a duration of 0 is never open"]),
        ("windows: [{rrule: FREQ=DAILY, start: 22:00, duration: 3h}]", ["windows[0].start", "in quotes", '"02:00"']),
        (f"windows: [{{rrule: FREQ=HOURLY, {NIGHT}}}]", ["DAILY, WEEKLY, MONTHLY, YEARLY"]),
        (f"windows: [{{rrule: 'FREQ=DAILY;BYHOUR=2', {NIGHT}}}]", ["BYHOUR", "'start'"]),
        (f"windows: [{{rrule: FREQ=WEEKLY, {NIGHT}}}]", ["without BYDAY does not say which day"]),
        (
            f"windows: [{{rrule: 'FREQ=WEEKLY;BYDAY=SU;INTERVAL=2', {NIGHT}}}]",
            ["INTERVAL counts from a first day", "since"],
        ),
        (f"windows: [{{rrule: 'FREQ=WEEKLY;BYDAY=XX', {NIGHT}}}]", ["cannot be read"]),
        (f"windows: [{{rrule: 'FREQ=WEEKLY;BYDAY=SU;BYDAY=MO', {NIGHT}}}]", ["no rule such as"]),
        (f"windows: [{{rrule: every Sunday, {NIGHT}}}]", ["is no rule such as FREQ=WEEKLY;BYDAY=SU"]),
        (f"windows: [{{rrule: 'FREQ=DAILY;UNTIL=20260101T000000Z', {NIGHT}}}]", ["UNTIL is a local day"]),
        (
            f"windows: [{{rrule: FREQ=DAILY, timezone: Europe/Berlyn, {NIGHT}}}]",
            ["no time zone", "did you mean 'Europe/Berlin'"],
        ),
        (f"windows: [{{rrule: FREQ=DAILY, rings: [c, e], {NIGHT}}}]", ["windows[0].rings", "there is no ring 'e'"]),
        ("windows: [{from: 2026-12-20}]", ["'to' is missing"]),
        ("windows: []", ["must not be empty"]),
        ("freezes: [{from: 2026-12-20, to: 2027-01-04}]", ["freezes[0]", "'reason' is missing"]),
        ("freezes: [{from: 2026-12-20, to: 2026-12-01, reason: x}]", ["ends (2026-12-01) before it begins"]),
        ("freezes: [{from: 2026-02-30, reason: x}]", ["'2026-02-30' is no day"]),
        ("freezes: [{from: soon, reason: x}]", ["freezes[0].from", "a day such as 2026-12-20"]),
        ("freezes: [{from: 2026-12-20, reason: x, until: 2027-01-01}]", ["unknown key 'until'"]),
        ("time_to_patch: long", ["time_to_patch", "a duration such as"]),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, parts: list[str]) -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy(RINGS + text + "\n", "policy.yml")
    assert "policy.yml:4: " in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


def test_windows_and_freezes_of_a_policy() -> None:
    policy = load_policy(
        RINGS + f"windows: [{{for: d, rrule: 'RRULE:FREQ=MONTHLY;BYDAY=2TU', plus: 1w, {NIGHT}}}]\n"
        "freezes: [{for: e, rings: [a], from: 2026-12-20, reason: year end}]\ntime_to_patch: 20m\n",
        "policy.yml",
    )
    window, freeze = policy.windows[0], policy.freezes[0]
    assert (window.pattern, window.timezone, window.plus_days, window.duration_ms) == ("d", "UTC", 7, 10_800_000)
    assert (freeze.pattern, freeze.rings, freeze.last, freeze.label) == ("e", ("a",), None, "freeze 'year end'")
    assert policy.patterns() == ("d", "e")
    assert policy.time_to_patch_ms == 1_200_000
