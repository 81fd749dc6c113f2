# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names of hosts and groups: what Ansible can carry without reading anything into it."""

from __future__ import annotations

import re
import unicodedata

from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.ranges import number

_LONGEST_HOST, _LONGEST_GROUP = 253, 100
_PATTERN = re.compile(r"[,*?\[\]\s]|^[!&~@-]|:")
_GROUPS = re.compile(
    r"(all|ungrouped|unassigned|unmanaged|never_reached|not_in_cmdb)$"
    r"|(class|criticality|site|zone|exposure|service|ring|os|platform|state)_"
)
_UNSAFE = re.compile(r"[^A-Za-z0-9_]")


def bad_name(name: str) -> str | None:
    """Why a text cannot be the name of a host, or None.

    Whatever Ansible would read as a pattern would make a play that names this host address others, and a path with
    `..` would load another file as its variables.
    """
    if not name:
        return "it is empty"
    if len(name) > _LONGEST_HOST:
        return f"it has {len(name)} characters, and at most {_LONGEST_HOST} are possible"
    if not name.isprintable():
        return "it has control characters"
    if number(name) is None:
        found = _PATTERN.search(name)
        if found:
            return f"Ansible reads the {found.group()!r} in it as part of a pattern"
    if _GROUPS.match(name):
        return "a group of the inventory has such a name, and a play for this host would reach the whole group"
    if name.startswith("/") or ".." in name.split("/"):
        return "it is a path out of the folder of host variables"
    return None


class GroupNames:
    """Group names for values: `site` and `New York` give `site_New_York`."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}
        self._of: dict[str, str] = {}
        self.shared: dict[str, set[str]] = {}
        """Group names that stand for several values."""

    def of(self, kind: str, value: str) -> str:
        """The name of the group of one value."""
        try:
            return self._known[kind, value]
        except KeyError:
            pass
        plain = unicodedata.normalize("NFKD", value).encode("ascii", "ignore").decode() or "other"
        name = f"{kind}_{_UNSAFE.sub('_', plain)}"[:_LONGEST_GROUP]
        other = self._of.setdefault(name, value)
        if other != value:
            self.shared.setdefault(name, {other}).add(value)
        self._known[kind, value] = name
        return name
