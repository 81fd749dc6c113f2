# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which upgrades `select.closes` asks for, and what a plan says that it closes."""

from __future__ import annotations

from typing import Any

import pytest
from risk_facts import DAY, NOW

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.closes import closes_text, wanted_sources
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.model import Closes


def finding(**given: Any) -> dict[str, Any]:
    plain = {"kev": "no", "severity": "medium", "decision": "60 days", "due_ms": NOW + 60 * DAY}
    return {"vuln": "CVE-2026-1", "closes": True, "exception": None, **plain, **given}


@pytest.mark.parametrize(
    ("closes", "given", "wanted"),
    [
        (Closes(kev=True), {"kev": "yes"}, True),
        (Closes(kev=True), {"kev": "unknown"}, False),
        (Closes(kev=True), {"kev": "yes", "closes": False}, False),  # no upgrade on offer closes it
        (Closes(kev=True), {"kev": "yes", "exception": "a"}, False),
        (Closes(decisions=("60 days",)), {}, True),
        (Closes(decisions=("3 days",)), {}, False),
        (Closes(due_within_ms=60 * DAY), {}, True),
        (Closes(due_within_ms=59 * DAY), {}, False),
        (Closes(due_within_ms=59 * DAY), {"due_ms": NOW - DAY}, True),
        (Closes(due_within_ms=59 * DAY), {"due_ms": None}, False),
        (Closes(severity="high"), {"severity": "critical"}, True),
        (Closes(severity="high"), {}, False),
        (Closes(severity="high"), {"severity": "unknown"}, True),  # nobody knows: not less severe
        (Closes(kev=True, severity="low"), {}, True),  # one of the conditions is enough
    ],
)
def test_what_is_wanted(closes: Closes, given: dict[str, Any], wanted: bool) -> None:
    data = {
        "steps": [{"upgrade": "openssl", "findings": [finding(**given)]}],
        "lots": [[0]],
        "hosts": [{"host": "web1", "lots": [0]}, {"host": "web2", "lots": []}],
    }
    assert wanted_sources(data, closes, NOW) == {"web1": {"openssl"} if wanted else set(), "web2": set()}


def test_a_plan_says_what_its_lines_close() -> None:
    def job(source: str, to: str | None, **given: Any) -> dict[str, Any]:
        row = {"source": source, "to": to, "open": 2, "kev": [], "vulns": ["CVE-2026-1", "CVE-2026-2"]}
        return {**row, "first_due_ms": NOW, **given}

    data = {"work": [job("openssl", "3.0.22", kev=["CVE-2026-1"]), job("curl", "8.1"), job("vim", None)]}
    lines = [{"source": "openssl", "source_version": "3.0.22", "version": "3.0.22"}]
    assert closes_text(data, {"lines": lines}) == [
        "closes",
        "  openssl 3.0.22: 2 vulnerabilities, 1 in KEV (CVE-2026-1), first deadline 2026-11-18 11:06 UTC;"
        " CVE-2026-1, CVE-2026-2",
    ]
    assert closes_text(data, {"lines": []}) == []
