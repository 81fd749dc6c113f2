# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a caller of up() asks for, brought into one form. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from . import bases, disks
from .errors import LabError
from .names import check_name

HostsWanted = Iterable[str] | Mapping[str, Any]
MODES = ("hermetic", "real")


class Wish(NamedTuple):
    """Hosts (name to release, disk, groups), groups (name to hosts), and how they are made."""

    hosts: dict[str, dict[str, Any]]
    groups: dict[str, list[str]]
    mode: str
    warm: bool | str
    repo: bool
    publish: tuple[str, ...]
    packages: tuple[str, ...]


def normalise_hosts(hosts: HostsWanted, release: str, disk: str) -> dict[str, dict[str, Any]]:
    """Name to {"release", "disk", "groups"} for any of the ways to ask for hosts; LabError on bad names or keys."""
    given = hosts if isinstance(hosts, Mapping) else {name: {} for name in hosts}
    found = {}
    for name, wish in given.items():
        wish = {"base": wish} if isinstance(wish, str) else dict(wish or {})
        unknown = set(wish) - {"base", "disk", "groups"}
        if unknown:
            raise LabError(f"host {name}: unknown setting {', '.join(sorted(unknown))}", "use base, disk, groups")
        size = wish.get("disk", disk)
        if size:
            disks.parse_size(size)
        found[check_name("host", name)] = {
            "release": bases.recipe_for(wish.get("base") or release).release,
            "disk": size,
            "groups": list(wish.get("groups", [])),
        }
    if not found:
        raise LabError(
            "a lab needs at least one host", "name some: --host test1@ring_test --host prod1@ring_production"
        )
    return found


def merge_groups(hosts: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Groups asked for by group and by host, together; LabError for a member that is no host."""
    merged = {group: list(members) for group, members in groups.items()}
    for name, entry in hosts.items():
        for group in entry["groups"]:
            merged.setdefault(group, []).append(name)
    for group, members in merged.items():
        strangers = [name for name in members if name not in hosts]
        if strangers:
            raise LabError(f"group {group} names hosts that the lab does not have: {', '.join(strangers)}")
    return {group: list(dict.fromkeys(members)) for group, members in merged.items()}
