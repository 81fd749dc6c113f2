# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a change needs to know of dpkg's status file beyond the list of packages: text -> values."""

import re
from typing import Dict, List, NamedTuple, Optional, Set, Tuple

FIELD = re.compile(
    r"^(Package|Status|Architecture|Version|Installed-Size|Depends|Pre-Depends|Breaks|Conflicts):[ \t]*(.*)$",
    re.MULTILINE,
)
RELATIONS = ("Depends", "Pre-Depends", "Breaks", "Conflicts")
NAME = re.compile(r"(?:^|[,|])\s*([a-z0-9][a-z0-9.+-]+)")

Key = Tuple[str, str]


class Installed(NamedTuple):
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


class Stanza(NamedTuple):
    """A package file's own control stanza, as far as a change needs it. size: KiB when installed."""

    name: str
    arch: str
    version: str
    size: int
    relations: Set[str]


def parse_status(text: str) -> Dict[Key, Installed]:
    """Return what is on the system (any state but not-installed and config-files), by (name, arch)."""
    found = {}
    for block in text.split("\n\n"):
        fields = dict(FIELD.findall(block))
        words = fields.get("Status", "").split()
        if len(words) != 3 or words[2] in ("not-installed", "config-files"):
            continue
        found[(fields["Package"], fields["Architecture"])] = Installed(
            fields.get("Version", ""), words[0], words[1], words[2], _size(fields), _relations(fields)
        )
    return found


def parse_stanza(text: str) -> Stanza:
    """Return the control stanza of a package file; raise ValueError when a field that it must have is missing."""
    fields = dict(FIELD.findall(text))
    try:
        return Stanza(fields["Package"], fields["Architecture"], fields["Version"], _size(fields), _relations(fields))
    except KeyError as missing:
        raise ValueError("the control stanza has no field {0}".format(missing))


def native_name(installed: Dict[Key, Installed]) -> str:
    """Return dpkg's own architecture, which is that of the package dpkg (empty when it is not there)."""
    return next((arch for name, arch in installed if name == "dpkg"), "")


def find(installed: Dict[Key, Installed], name: str, arch: str, native: str) -> Optional[Key]:
    """Return the key under which a package is there; a package may go from ``all`` to the own architecture and back."""
    others = {"all": native, native: "all"}
    return next((key for key in ((name, arch), (name, others.get(arch, arch))) if key in installed), None)


def trouble(installed: Dict[Key, Installed]) -> List[str]:
    """Return ``name:arch state`` of every package that an interrupted change has left, sorted."""
    return sorted(
        "{0}:{1} {2}".format(key[0], key[1], each.state if each.flag == "ok" else each.state + " " + each.flag)
        for key, each in installed.items()
        if each.state != "installed" or each.flag != "ok"
    )


def _size(fields):
    text = fields.get("Installed-Size", "0").strip()
    return int(text) if text.isdigit() else 0


def _relations(fields):
    names = set()
    for relation in RELATIONS:
        names.update(NAME.findall(fields.get(relation, "")))
    return names
