# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Durations, counts and versions."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import count, duration_ms, duration_text
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.versions import compare


@pytest.mark.parametrize(
    ("text", "ms"), [("0", 0), (0, 0), ("30s", 30_000), ("90m", 5_400_000), ("24h", 86_400_000), ("2w", 1_209_600_000)]
)
def test_durations(text: str, ms: int) -> None:
    assert duration_ms(text) == ms


@pytest.mark.parametrize("text", ["", "5", "-1h", "1.5h", "24 h", "24hours", "1h\n2h", 5])
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        duration_ms(text)


@pytest.mark.parametrize(("ms", "text"), [(0, "0"), (5_400_000, "1h 30m"), (86_400_000, "1d"), (90_061_000, "1d 1h")])
def test_duration_text(ms: int, text: str) -> None:
    assert duration_text(ms) == text


@pytest.mark.parametrize(
    ("value", "total", "allowed"),
    [(3, 10, 3), ("10%", 10, 1), ("1%", 4, 0), ("1%", 100, 1), ("100%", 7, 7), (0, 7, 0), ("5%", 19, 0)],
)
def test_counts_round_down(value: str, total: int, allowed: int) -> None:
    assert count(value).of(total) == allowed


@pytest.mark.parametrize("value", [-1, "10", "101%", "1.5%", True, None, "x"])
def test_no_counts(value: object) -> None:
    with pytest.raises(ValueError):
        count(value)


@pytest.mark.parametrize(
    ("left", "sign", "right"),
    [
        ("1.0-1", 0, "1.0-1"),
        ("1.0", 0, "1.0-0"),
        ("1.0-1", -1, "1.0-2"),
        ("1.9", -1, "1.10"),
        ("1:0.1", 1, "2.0"),
        ("0:1", 0, "1"),
        ("1.0~rc1", -1, "1.0"),
        ("1.0~~", -1, "1.0~"),
        ("1.0+b1", 1, "1.0"),
        ("1.0a", -1, "1.0+"),
        ("3.0.19-1~deb12u2", -1, "3.0.20-1~deb12u1"),
        ("1.0-1+deb12u1", 1, "1.0-1"),
        ("1.0-1~deb12u1", -1, "1.0-1"),
        ("6.1.164-1", 1, "6.1.99-1"),
        ("1.2-3-1", 1, "1.2-3"),
        ("007", 0, "7"),
        ("1.18.36~5.8.3", 1, "1.18.35"),
        ("2.0-1", -1, "2.0-1.1"),
        ("2.0-1", -1, "2.0-1+b1"),
    ],
)
def test_versions(left: str, sign: int, right: str) -> None:
    assert compare(left, right) == sign
    assert compare(right, left) == -sign
