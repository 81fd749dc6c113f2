# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How old a candidate is. Pure.

Age counts from when the fleet first saw the version, and a successor inherits the age of the oldest version that it
replaces and that was never installed; otherwise a package that is released every week would never be old enough. What
a platform's first look finds may be older than that look; then only the dates that the vendor gives (`age_ms`, and
that of the oldest advisory between the installed version and this one) say more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.patch_types import oldest_issue_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.versions import DEB, compare

FirstSeen = Mapping[tuple[str, str, str, str], tuple[int, str]]
"""`{(platform, package, arch, version): (ms, basis)}`: when the fleet first saw it. basis: `seen` (ms is then),
`dated` (ms is the version's own date) or `unknown` (a platform's first look found it and nothing dates it: it is at
least that old)."""


class Age(NamedTuple):
    """What is known of an age."""

    known_ms: int | None
    """The age, or None where nothing dates the version."""
    at_least_ms: int
    """It is at least this old."""


class Sightings:
    """First sightings, by package."""

    def __init__(self, first_seen: FirstSeen) -> None:
        self._of: dict[tuple[str, str, str], list[tuple[str, int, str]]] = {}
        for (platform, package, arch, version), (ms, basis) in first_seen.items():
            self._of.setdefault((platform, package, arch), []).append((version, ms, basis))

    def age(self, platform: str, candidate: Mapping[str, Any], seen_ms: int, now_ms: int, scheme: str = DEB) -> Age:
        """Age of a candidate that a look at `seen_ms` found; `scheme` is how its platform orders versions."""
        known: list[int] = []
        at_least = 0
        if isinstance(candidate.get("age_ms"), int):
            known.append(max(0, candidate["age_ms"] + now_ms - seen_ms))
        issued = oldest_issue_ms(candidate)
        if issued is not None:
            known.append(max(0, now_ms - issued))
        version, before = candidate.get("version"), candidate.get("installed")
        for seen, ms, basis in self._of.get((platform, candidate["name"], candidate["arch"]), []):
            if seen == version or (before and version and _between(before, seen, version, scheme)):
                at_least = max(at_least, now_ms - ms)
                if basis in ("seen", "dated"):
                    known.append(max(0, now_ms - ms))
        return Age(max(known) if known else None, max([at_least, *known]))


def _between(before: str, seen: str, version: str, scheme: str) -> bool:
    return compare(before, seen, scheme) < 0 and compare(seen, version, scheme) <= 0
