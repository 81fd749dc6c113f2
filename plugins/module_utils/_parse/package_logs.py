# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What dpkg's and apt's logs tell about the past."""

import re
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.deb_version import newer

_DPKG = re.compile(
    r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:(install|upgrade|remove|purge) (\S+) (\S+) (\S+)"
    r"|status (installed|config-files|not-installed) (\S+) (\S+))$",
    re.MULTILINE,
)
_STAMP = re.compile(r"^(?:Start-Date: )?(\d{4}-\d\d-\d\d {1,2}\d\d:\d\d:\d\d)", re.MULTILINE)
_APT_ITEM = re.compile(r"([^\s,()]+):([a-z0-9-]+) \(([^()]*)\)")
_APT_KINDS = {
    "Install": "install",
    "Upgrade": "upgrade",
    "Downgrade": "downgrade",
    "Remove": "remove",
    "Purge": "purge",
}
_ENDS = {("remove", "config-files"), ("remove", "not-installed"), ("purge", "not-installed")}
_NONE = ("<none>", "")


class Entry(NamedTuple):
    """A package step that was finished. action: install, upgrade, downgrade, remove or purge."""

    ms: int
    name: str
    arch: str
    action: str
    old: Optional[str]
    new: Optional[str]


def span(text: str, to_ms: Callable[[str], int]) -> Tuple[Optional[int], Optional[int]]:
    """Return the times (ms) of the first and last dated line, or (None, None). to_ms turns local time into UTC ms."""
    first = _STAMP.search(text)
    if not first:
        return None, None
    stamps = _STAMP.findall(text, max(first.start(), len(text) - 65536)) or [first.group(1)]
    return to_ms(_plain(first.group(1))), to_ms(_plain(stamps[-1]))


def parse_dpkg(
    text: str, to_ms: Callable[[str], int], pending: Dict[str, Tuple[str, Optional[str], Optional[str]]]
) -> List[Entry]:
    """Return the finished steps of a dpkg.log, in order.

    pending: steps begun and not finished, carried from one log to the next; it is changed. What dpkg began and never
    finished is no step: only its ``status`` lines prove one.
    """
    entries = []
    for stamp, action, spoken, old, new, status, subject, version in _DPKG.findall(text):
        if action:
            pending[spoken] = (action, None if old in _NONE else old, None if new in _NONE else new)
            continue
        begun = pending.get(subject)
        if begun is None:
            continue
        kind, before, after = begun
        if status == "installed":
            if kind not in ("install", "upgrade") or version != after:
                continue
            if kind == "upgrade" and before == after:
                del pending[subject]
                continue
            if kind == "upgrade" and before and newer(before, after):
                kind = "downgrade"
        elif (kind, status) in _ENDS:
            after = None
        else:
            continue
        del pending[subject]
        name, _colon, arch = subject.partition(":")
        entries.append(Entry(to_ms(stamp), name, arch, kind, before, after))
    return entries


def parse_apt(text: str, to_ms: Callable[[str], int]) -> List[Entry]:
    """Return the steps of an apt history.log whose run ended without an error, in order."""
    entries = []
    for block in text.split("\n\n"):
        fields = dict(line.partition(": ")[::2] for line in block.strip().split("\n"))
        if "End-Date" not in fields or "Error" in fields:
            continue
        ms = to_ms(_plain(fields["End-Date"].strip()))
        for key, action in sorted(_APT_KINDS.items()):
            for name, arch, inside in _APT_ITEM.findall(fields.get(key, "")):
                versions = [part.strip() for part in inside.split(",") if part.strip() != "automatic"]
                old, new = None, versions[-1] if versions else None
                if action in ("upgrade", "downgrade"):
                    old = versions[0] if len(versions) == 2 else None
                elif action in ("remove", "purge"):
                    old, new = new, None
                entries.append(Entry(ms, name, arch, action, old, new))
    return entries


def _plain(stamp):
    return re.sub(" +", " ", stamp)
