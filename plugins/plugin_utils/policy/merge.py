# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the hosts of a platform take, made one: each package in one version. Pure.

Hosts of one platform can offer different versions of a package when their mirrors are not in step. The plan takes the
newest version of each source that somebody selected and is offered; a host that still offers an older one gets the
newest too (its file comes from the store), unless a pin keeps it back, or it needs a package of that source that
nobody offers in that version. A phased version is taken only by the hosts that are offered it; the others take the
newest version that is offered to all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.patch_types import joined
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.choose import Candidate, Left
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.versions import DEB, compare, order

Package = tuple[str, str]
"""Name and architecture."""


class Step(NamedTuple):
    """One change on one host, towards one version."""

    candidate: Candidate
    """What gives the line its version, checksum and origin; another host of the platform may have offered it."""
    installed: str | None

    @property
    def key(self) -> tuple[str, str, str, str | None]:
        """What a line of the plan is told apart by: package, architecture, action, version."""
        return (self.candidate["name"], self.candidate["arch"], self.candidate["action"], self.candidate["version"])


def conflicts(taken: Mapping[str, list[Candidate]]) -> dict[tuple[str, str, str], str]:
    """`{(package, arch, version): detail}` for versions that hosts report with different checksums: one of them is
    not what it says."""
    seen: dict[tuple[str, str, str], dict[str, str]] = {}
    for host in sorted(taken):
        for item in taken[host]:
            if item.get("sha256"):
                seen.setdefault((item["name"], item["arch"], str(item["version"])), {}).setdefault(item["sha256"], host)
    return {
        key: f"hosts of one platform report different checksums for this version: {', '.join(sorted(by.values()))}"
        for key, by in seen.items()
        if len(by) > 1
    }


def merge(
    taken: Mapping[str, list[Candidate]], pinned: Mapping[str, set[str]], scheme: str = DEB
) -> tuple[dict[str, list[Step]], dict[str, list[Left]]]:
    """Steps by host and what is left out by host, for the hosts of one platform. `pinned` has each host's pinned
    package names; `scheme` is how the platform orders versions."""
    bad = conflicts(taken)
    offers = _offers(taken, bad, scheme)
    steps: dict[str, list[Step]] = {}
    left: dict[str, list[Left]] = {}
    for host in sorted(taken):
        steps[host], left[host] = [], []
        sources: dict[str, list[Candidate]] = {}
        for item in taken[host]:
            sources.setdefault(item["source"], []).append(item)
        for group in sources.values():
            found, lost = _target(group, offers, bad, pinned.get(host, set()), scheme)
            steps[host] += found
            left[host] += lost
    return steps, left


def _offers(
    taken: Mapping[str, list[Candidate]], bad: Mapping[tuple[str, str, str], str], scheme: str
) -> dict[str, dict[str, dict[Package, Candidate]]]:
    """By source and source version: the best candidate of each package; phased ones and disputed ones are nobody
    else's offer."""
    offers: dict[str, dict[str, dict[Package, Candidate]]] = {}
    disputed = {
        (item["source"], item["source_version"]) for group in taken.values() for item in group if _key(item) in bad
    }
    for host in sorted(taken):
        phased = {(item["source"], item["source_version"]) for item in taken[host] if item.get("phased") is not None}
        for item in taken[host]:
            release = (item["source"], item["source_version"])
            if item["action"] == "remove" or release in disputed or release in phased:
                continue
            packages = offers.setdefault(item["source"], {}).setdefault(item["source_version"], {})
            known = packages.get((item["name"], item["arch"]))
            if known is None or _better(item, known, scheme):
                packages[item["name"], item["arch"]] = item
    return offers


def _key(item: Candidate) -> tuple[str, str, str]:
    return (item["name"], item["arch"], str(item["version"]))


def _better(item: Candidate, known: Candidate, scheme: str) -> bool:
    newer = compare(item["version"], known["version"], scheme)
    return newer > 0 or (newer == 0 and item.get("sha256") is not None and known.get("sha256") is None)


def _target(
    group: list[Candidate],
    offers: Mapping[str, Mapping[str, Mapping[Package, Candidate]]],
    bad: Mapping[tuple[str, str, str], str],
    pinned: set[str],
    scheme: str,
) -> tuple[list[Step], list[Left]]:
    """Towards which versions one source of one host goes."""
    disputed = next((bad[_key(item)] for item in group if _key(item) in bad), None)
    if disputed:
        return [], [Left(item, "unknown", disputed) for item in group]
    coming = [item for item in group if item["action"] != "remove"]
    own = max((item["source_version"] for item in coming), key=lambda text: order(text, scheme), default=None)
    releases = offers.get(group[0]["source"], {})
    newest = max(releases, key=lambda text: order(text, scheme), default=None)
    if own is None or newest is None or compare(newest, own, scheme) <= 0:
        return [_own_step(item, releases) for item in group], []
    if any(item["name"] in pinned for item in coming):
        return [], [Left(item, "pinned", f"a pin keeps the host from {newest}, which the plan takes") for item in group]
    if any(item.get("phased") is not None for item in coming):
        return [_own_step(item, releases) for item in group], []
    packages = releases[newest]
    missing = [item["name"] for item in coming if (item["name"], item["arch"]) not in packages]
    if missing:
        detail = (
            f"the host's mirror offers {own}, the plan takes {newest}, and no host offers {missing[0]} in that version"
        )
        return [], [Left(item, "kept_back", detail) for item in group]
    return [
        _step(packages[item["name"], item["arch"]], item) if item in coming else _own_step(item, releases)
        for item in group
    ], []


def _step(offered: Candidate, own: Candidate) -> Step:
    # the action is the host's own: what another host installs anew this one may upgrade. So are the advisories on its
    # way, which make it a security update or not
    said = [item["security"] for item in (offered, own) if item["security"] is not None]
    known = {"advisories": joined(offered, own), "security": any(said) if said else None}
    return Step({**offered, **known, "action": own["action"]}, own.get("installed"))


def _own_step(item: Candidate, releases: Mapping[str, Mapping[Package, Any]]) -> Step:
    best = releases.get(item.get("source_version") or "", {}).get((item["name"], item["arch"]))
    same = best is not None and item["action"] != "remove" and best["version"] == item["version"]
    return _step(best, item) if best is not None and same else Step(item, item.get("installed"))
