# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Advisories that hosts' own repositories carry (updateinfo), as candidates name them. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import FIX, Claim

SOURCE = "repositories of the host"


def carried(candidates: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], tuple[str, str]]:
    """(package, installed version) -> (digest, body) of what the advisories of its candidate say; body is JSON for
    `claims`. Only what is about security; a candidate whose repositories have no advisory data says nothing."""
    found = {}
    for row in candidates:
        advisories, installed, version = row.get("advisories"), row.get("installed"), row.get("version")
        if not advisories or not installed or not version:
            continue
        said = sorted(
            [str(each["id"]), sorted(str(cve) for cve in each.get("cves") or [])]
            for each in advisories
            if each.get("cves") or each.get("type") == "security"
        )
        if said:
            body = json.dumps([str(version), said], separators=(",", ":"))
            found[(str(row["name"]), str(installed))] = (hashlib.sha256(body.encode()).hexdigest()[:16], body)
    return found


def claims(body: str) -> list[tuple[str, Claim]]:
    """(vulnerability, claim) of a body. The fix is in the candidate; the advisory may be of a version before it."""
    version, said = json.loads(body)
    found = []
    for advisory, cves in said:
        claim = Claim(SOURCE, advisory, FIX, version, "the host's repositories name it for the pending version")
        found += [(cve, claim) for cve in cves or [advisory]]
    return found
