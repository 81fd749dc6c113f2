# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a change needs to know of dpkg's status file beyond the list of packages: text -> values."""

import re
from typing import Dict, List, NamedTuple, Set

from ansible_collections.lockstep.patching.plugins.module_utils._model.transaction import Installed, Key, Offered

FIELD = re.compile(
    r"^(Package|Status|Architecture|Version|Installed-Size|Depends|Pre-Depends|Breaks|Conflicts):[ \t]*(.*)$",
    re.MULTILINE,
)
RELATIONS = ("Depends", "Pre-Depends", "Breaks", "Conflicts")
NAME = re.compile(r"(?:^|[,|])\s*([a-z0-9][a-z0-9.+-]+)")


class Status(NamedTuple):
    """A package that dpkg has unpacked.

    want: install, hold, deinstall or purge; flag: ok or reinstreq; state: installed, or what is wrong; size: KiB;
    relations: names that it depends on or conflicts with.
    """

    version: str
    want: str
    flag: str
    state: str
    size: int
    relations: Set[str]


def parse_status(text: str) -> Dict[Key, Status]:
    """Return what is on the system (any state but not-installed and config-files), by (name, arch)."""
    found = {}
    for block in text.split("\n\n"):
        fields = dict(FIELD.findall(block))
        words = fields.get("Status", "").split()
        if len(words) != 3 or words[2] in ("not-installed", "config-files"):
            continue
        found[(fields["Package"], fields["Architecture"])] = Status(
            fields.get("Version", ""), words[0], words[1], words[2], _size(fields), _relations(fields)
        )
    return found


def parse_stanza(text: str) -> Offered:
    """Return the control stanza of a package file; raise ValueError when a field that it must have is missing."""
    fields = dict(FIELD.findall(text))
    try:
        return Offered(fields["Package"], fields["Architecture"], fields["Version"], _size(fields), _relations(fields))
    except KeyError as missing:
        raise ValueError("the control stanza has no field {0}".format(missing))


def native_name(installed: Dict[Key, Status]) -> str:
    """Return dpkg's own architecture, which is that of the package dpkg (empty when it is not there)."""
    return next((arch for name, arch in installed if name == "dpkg"), "")


def trouble(installed: Dict[Key, Status]) -> List[str]:
    """Return ``name:arch state`` of every package that an interrupted change has left, sorted."""
    return sorted(
        "{0}:{1} {2}".format(key[0], key[1], _state(each))
        for key, each in installed.items()
        if each.state != "installed" or each.flag != "ok"
    )


def plain(found: Dict[Key, Status]) -> Dict[Key, Installed]:
    """Return the same in the words of every package manager."""
    return {
        key: Installed(each.version, each.want == "hold", _state(each), each.size, each.relations)
        for key, each in found.items()
    }


def _state(each):
    return each.state if each.flag == "ok" else each.state + " " + each.flag


def _size(fields):
    text = fields.get("Installed-Size", "0").strip()
    return int(text) if text.isdigit() else 0


def _relations(fields):
    names = set()
    for relation in RELATIONS:
        names.update(NAME.findall(fields.get(relation, "")))
    return names
