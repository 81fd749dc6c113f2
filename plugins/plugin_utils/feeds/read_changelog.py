# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Debian changelogs: which version names which CVEs. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.versions import DEB, valid

_ENTRY = re.compile(r"^([a-z0-9][a-z0-9+.-]*) \(([^()\s]{1,256})\)[^\n;]*;", re.MULTILINE)
_CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,19}(?![0-9])")
_SIGNED_VERSION = re.compile(r"\+([0-9][0-9a-z.~]*)\Z")


class Entry(NamedTuple):
    """cves: sorted."""

    version: str
    cves: tuple[str, ...]


def is_one(text: str) -> bool:
    """Whether it is a Debian changelog, and not upstream's."""
    return _ENTRY.match(text.lstrip("\ufeff\n")) is not None


def entries(text: str) -> Iterator[Entry]:
    """The entries that name CVEs, in the order of the text (the newest first). What is no entry is passed over."""
    heads = list(_ENTRY.finditer(text))
    for number, head in enumerate(heads, start=1):
        end = heads[number].start() if number < len(heads) else len(text)
        version = head.group(2)
        if head.group(1).startswith("linux-signed"):
            version = _SIGNED_VERSION.sub(r"-\1", version)  # a signed kernel writes the revision behind a plus
        cves = tuple(sorted(set(_CVE.findall(text, head.end(), end))))
        if cves and valid(version, DEB):
            yield Entry(version, cves)
