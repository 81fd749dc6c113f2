# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""libzypp's own files: locks, the list of automatically installed packages, the history. Text -> values."""

import base64
import binascii
import fnmatch
import re
from typing import Callable, Dict, List, NamedTuple, Optional, Set, Tuple

_DATED = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\|(install|remove ?)\|([^|]*)\|([^|]*)\|([^|]*)\|", re.MULTILINE)
_STAMP = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\|", re.MULTILINE)


class Lock(NamedTuple):
    """A lock on packages. where: file and line; version: what it is limited to, or empty."""

    pattern: str
    match_type: str
    case_sensitive: bool
    version: str
    repository: str
    comment: str
    where: str

    def holds(self, name: str) -> bool:
        """Does it lock packages of this name?"""
        pattern, text = (self.pattern, name) if self.case_sensitive else (self.pattern.lower(), name.lower())
        if self.match_type == "exact":
            return text == pattern
        if self.match_type == "substring":
            return pattern in text
        if self.match_type == "regex":
            try:
                return re.search(pattern, text) is not None
            except re.error:
                return False
        return fnmatch.fnmatchcase(text, pattern)

    @property
    def reason(self) -> str:
        """In words."""
        limits = [self.version and "version {0}".format(self.version)]
        limits.append(self.repository and "of repository {0}".format(self.repository))
        told = ", ".join(text for text in limits if text)
        return "locked (zypper addlock {0}{1}){2}".format(
            self.pattern, "; " + told if told else "", ": " + self.comment if self.comment else ""
        )


class Step(NamedTuple):
    """A line of the history. action: install or remove."""

    ms: int
    action: str
    name: str
    version: str
    arch: str


def parse_locks(text: str, path: str) -> List[Lock]:
    """Return the locks on packages; those on patches, patterns and products keep no package from its newest version."""
    found = []
    fields: Dict[str, str] = {}
    start = 0
    for number, line in enumerate(text.split("\n") + [""], 1):
        key, colon, value = line.partition(":")
        if colon and not line.startswith("#"):
            start = start if fields else number
            fields[key.strip()] = value.strip()
        elif fields and not line.strip():
            if fields.get("type", "package") == "package" and fields.get("solvable_name"):
                found.append(
                    Lock(
                        fields["solvable_name"],
                        fields.get("match_type", "glob"),
                        fields.get("case_sensitive", "on") == "on",
                        fields.get("version", ""),
                        fields.get("repo", ""),
                        fields.get("comment", ""),
                        "{0}:{1}".format(path, start),
                    )
                )
            fields = {}
    return found


def parse_auto(text: str) -> Set[str]:
    """Return the names of /var/lib/zypp/AutoInstalled."""
    return {line.strip() for line in text.split("\n") if line.strip() and not line.startswith("#") and ":" not in line}


def with_auto(text: str, add: Set[str], drop: Set[str]) -> str:
    """The same file with names added and taken out; what else stands in it stays."""
    kept = [line for line in text.rstrip("\n").split("\n") if line.strip() not in drop]
    return "\n".join(kept + sorted(add - parse_auto(text))) + "\n"


def parse_history(text: str, to_ms: Callable[[str], int]) -> List[Step]:
    """Return the package steps in the order of the log. to_ms turns its local time into UTC ms."""
    return [
        Step(to_ms(stamp), action.strip(), name, version, arch)
        for stamp, action, name, version, arch in _DATED.findall(text)
    ]


def span(text: str, to_ms: Callable[[str], int]) -> Tuple[Optional[int], Optional[int]]:
    """Return the times (ms) of the first and last dated line, or (None, None)."""
    stamps = _STAMP.findall(text)
    return (to_ms(stamps[0]), to_ms(stamps[-1])) if stamps else (None, None)


def signer_of(armored: str) -> Optional[str]:
    """The fingerprint (or else the id) of the key that an OpenPGP signature names, in capitals, or None.

    Only read where zypp itself has verified the signature: what it names is then what has signed.
    """
    body = "".join(
        line for line in armored.replace("\r", "").split("\n\n", 1)[-1].split("\n") if line and line[0] not in "=-"
    )
    try:
        packet = base64.b64decode(body)
        return _issuer(packet)
    except (binascii.Error, ValueError, IndexError):
        return None


def _issuer(packet):
    tag, at = packet[0], 1
    if not tag & 0x80:
        return None
    if tag & 0x40:
        at += 1 if packet[1] < 192 else 2 if packet[1] < 224 else 5
    else:
        at += (1, 2, 4, 0)[tag & 3]
    if packet[at] != 4:  # version of the signature
        return None
    at += 4
    key_id = None
    for _area in range(2):
        length = int.from_bytes(packet[at : at + 2], "big")
        at, end = at + 2, at + 2 + length
        while at < end:
            first = packet[at]
            if first < 192:
                size, at = first, at + 1
            elif first < 255:
                size, at = ((first - 192) << 8) + packet[at + 1] + 192, at + 2
            else:
                size, at = int.from_bytes(packet[at + 1 : at + 5], "big"), at + 5
            kind, data = packet[at] & 0x7F, packet[at + 1 : at + size]
            if kind == 33 and len(data) > 1:
                return data[1:].hex().upper()
            if kind == 16:
                key_id = data.hex().upper()
            at += size
        at = end
    return key_id
