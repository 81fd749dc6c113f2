# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long a host will take, from what was measured. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

OWN = 5
"""How many of a host's last times count."""
SHARE = 95
"""Per cent of a platform's times that are not longer."""


class Pace(NamedTuple):
    """A time to patch and where it is from."""

    ms: int
    basis: str
    """`host`, `platform` or `policy`."""


def paces(
    measured: Iterable[tuple[str, str | None, int]],
    platforms: Mapping[str, str | None],
    default_ms: int,
) -> dict[str, Pace]:
    """For each host of `platforms`: the longest of its own last times; else what its platform's hosts rarely exceed;
    else the policy's default. `measured` is `(host, platform, ms)`, newest first."""
    own: dict[str, list[int]] = {}
    of_platform: dict[str, list[int]] = {}
    for host, platform, ms in measured:
        own.setdefault(host, []).append(ms)
        if platform:
            of_platform.setdefault(platform, []).append(ms)
    usual = {platform: _usual(times) for platform, times in of_platform.items()}
    found: dict[str, Pace] = {}
    for host, platform in platforms.items():
        if host in own:
            found[host] = Pace(max(own[host][:OWN]), "host")
        elif platform in usual:
            found[host] = Pace(usual[platform], "platform")
        else:
            found[host] = Pace(default_ms, "policy")
    return found


def _usual(times: Sequence[int]) -> int:
    ordered = sorted(times)
    return ordered[-(-len(ordered) * SHARE // 100) - 1]
