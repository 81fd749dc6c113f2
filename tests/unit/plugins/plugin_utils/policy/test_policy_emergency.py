# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is different in an emergency, and what is not."""

from __future__ import annotations

import pytest
from policy_facts import TWO_LINES

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.emergency import emergency_policy, subject_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.load import load_policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.closes import wanted_sources

MINUTE = 60_000
STRICT = """\
select: {security: false, delay: {other: 7d}, exclude: [postgresql-*]}
freezes: [{from: 2026-01-01, to: 2027-01-01, reason: all year}]
approvals: [{before: production, count: 2}]
"""


def test_it_takes_one_package_at_once_and_keeps_what_protects_hosts() -> None:
    usual = load_policy(TWO_LINES + STRICT, "policy.yml")
    found = emergency_policy(usual, "openssl", "", "")
    assert found.select.only == ("openssl",) and found.select.security and found.select.other
    assert (found.select.delay_other_ms, found.select.age_unknown) == (0, "allow")
    assert [ring.soak_ms for ring in found.rings] == [15 * MINUTE, 0]
    assert (found.freezes, found.ignore_windows, found.approvals) == ((), True, ())
    assert found.select.exclude == usual.select.exclude and found.select.untested == "withhold"
    assert [ring.gate for ring in found.rings] == [ring.gate for ring in usual.rings]


def test_the_policy_says_otherwise() -> None:
    text = "emergency: {soak: 1h, batch: 50%, windows: hold, untested: allow, approvals: [{before: test}]}\n"
    found = emergency_policy(load_policy(TWO_LINES + STRICT + text, "policy.yml"), "openssl", "", "")
    assert found.rings[0].soak_ms == 60 * MINUTE and {str(ring.batch[0]) for ring in found.rings} == {"50%"}
    assert len(found.freezes) == 1 and not found.ignore_windows
    assert found.select.untested == "allow" and [rule.before for rule in found.approvals] == ["test"]


@pytest.mark.parametrize(
    ("package", "cve", "advisory", "subject"),
    [("openssl", "", "", "package openssl"), ("", "cve-2026-1", "", "CVE-2026-1"), ("", "", "DSA-1", "advisory DSA-1")],
)
def test_what_it_is_about(package: str, cve: str, advisory: str, subject: str) -> None:
    assert subject_of(package, cve, advisory) == subject


@pytest.mark.parametrize(
    ("cve", "advisory", "hosts"), [("cve-2026-1", "", {"a"}), ("", "DSA-2", {"b"}), ("CVE-2026-9", "", set())]
)
def test_a_vulnerability_or_advisory_finds_its_packages_also_where_it_is_accepted(
    cve: str, advisory: str, hosts: set[str]
) -> None:
    def step(name: str, vuln: str) -> dict:
        finding = {
            "vuln": vuln,
            "closes": True,
            "exception": "accepted",
            "due_ms": None,
            "kev": "no",
            "decision": "later",
            "severity": "low",
        }
        return {"upgrade": name, "findings": [finding]}

    data = {
        "steps": [step("openssl", "CVE-2026-1"), step("vim", "CVE-2026-2")],
        "vulnerabilities": [
            {"vuln": "CVE-2026-1", "advisories": ["DSA-1"]},
            {"vuln": "CVE-2026-2", "advisories": ["DSA-2"]},
        ],
        "lots": [[0], [1]],
        "hosts": [{"host": "a", "lots": [0]}, {"host": "b", "lots": [1]}],
    }
    closes = emergency_policy(load_policy(TWO_LINES, "policy.yml"), "", cve, advisory).select.closes
    assert closes is not None
    found = wanted_sources(data, closes, 0)
    assert {host for host, packages in found.items() if packages} == hosts
