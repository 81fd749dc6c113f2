# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What readers make of a feed: the same few shapes, whatever the publisher's format."""

from __future__ import annotations

import re
from typing import NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import Cvss, Kev, Ssvc

CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,19}\Z")


class Row(NamedTuple):
    """What an advisory says of one package: affected from `introduced` ("0": from the first) up to, not including,
    `fixed`, or up to and including `last`; both None: all. state: "" for that, or `not affected` or `unknown` whatever
    the version; note: words to it."""

    ecosystem: str
    package: str
    introduced: str
    fixed: str | None
    last: str | None
    state: str
    note: str


class Advisory(NamedTuple):
    """ids: the CVEs it names, or its own id where it names none. modules: `name:stream` of those that it is about."""

    id: str
    ids: tuple[str, ...]
    published_ms: int | None
    modified_ms: int | None
    severity: str
    summary: str
    references: tuple[str, ...]
    modules: tuple[str, ...]
    rows: tuple[Row, ...]


class Exploited(NamedTuple):
    cve: str
    kev: Kev


class Scored(NamedTuple):
    cve: str
    score: float
    percentile: float


class Described(NamedTuple):
    """A CVE record."""

    cve: str
    title: str
    published_ms: int | None
    cvss: tuple[Cvss, ...]
    ssvc: Ssvc | None
    references: tuple[str, ...]


class Rejected(NamedTuple):
    """A record that says nothing usable: where (member, record) and why. What it names is unknown, not fine."""

    record: str
    why: str


class About(NamedTuple):
    """The data's own date."""

    as_of_ms: int


Record = Advisory | Exploited | Scored | Described | Rejected | About
