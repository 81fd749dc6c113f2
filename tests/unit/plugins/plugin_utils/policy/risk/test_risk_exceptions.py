# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The exceptions file: what it may say, and how mistakes are told."""

from __future__ import annotations

import pytest
from risk_facts import DAY, match, unit

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import PolicyError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.exceptions import (
    excuse_of,
    for_host,
    read_exceptions,
    standing,
)

HEAD = "exceptions:\n"
WHO = "owner: Ada, reason: behind a proxy"
GOOD = (
    f"  - {{id: a, kind: accept, cves: [CVE-2026-1001], hosts: web, {WHO}, expires: 2026-12-31, since: 2026-12-01}}\n"
)
FIRST, LAST = 1_796_083_200_000, 1_798_761_600_000  # 2026-12-01, and the end of 2026-12-31


@pytest.mark.parametrize(
    ("text", "line", "parts"),
    [
        (HEAD + "  - {id: a, kind: accept, cves: [CVE-2026-1001]}\n", 2, ["'owner' is missing"]),
        (HEAD + f"  - {{id: a, kind: accept, cves: [CVE-2026-1001], {WHO}}}\n", 2, ["'expires' is missing"]),
        (
            HEAD + f"  - {{id: a, kind: ignore, cves: [CVE-2026-1001], {WHO}, expires: 2026-12-31}}\n",
            2,
            ["accept, defer"],
        ),
        (HEAD + f"  - {{id: a, kind: accept, cves: [openssl], {WHO}, expires: 2026-12-31}}\n", 2, ["CVE-2026-12345"]),
        (HEAD + f"  - {{id: a, kind: accept, cves: [CVE-2026-1001], {WHO}, expires: never}}\n", 2, ["2026-12-31"]),
        (
            HEAD + f"  - {{id: a, kind: accept, cves: [CVE-2026-1001], {WHO}, expires: 2026-02-30}}\n",
            2,
            ["the calendar"],
        ),
        (
            HEAD + f"  - {{id: a, kind: accept, {WHO}, expires: 2026-12-31}}\n",
            2,
            ["an exception for everything is none"],
        ),
        (HEAD + GOOD + GOOD, 3, ["'a' is also the id in line 2"]),
        (HEAD + GOOD.replace("since: 2026-12-01", "since: 2027-12-01"), 2, ["ends (2026-12-31) before it begins"]),
        (HEAD + GOOD.replace("2026-12-31", "9999-12-31"), 2, ["ten years"]),
        (HEAD + GOOD.replace("hosts:", "host:"), 2, ["unknown key 'host'", "did you mean 'hosts'?"]),
        (HEAD + GOOD.replace("hosts: web", "justification: component_not_present"), 2, ["only false_positive"]),
        ("exceptions: [\n", 2, ["not valid YAML"]),
        ("waivers: []\n", 1, ["unknown key 'waivers'"]),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, line: int, parts: list[str]) -> None:
    with pytest.raises(PolicyError) as caught:
        read_exceptions(text, "exceptions.yml")
    told = [str(problem) for problem in caught.value.problems]
    assert any(problem.startswith(f"exceptions.yml:{line}:") for problem in told), told
    assert all(any(part in problem for problem in told) for part in parts), told


def test_an_empty_file_has_none() -> None:
    assert read_exceptions("", "e.yml") == () and read_exceptions("exceptions: []\n", "e.yml") == ()


@pytest.mark.parametrize(
    ("now", "host", "covered", "stands"),
    [
        (FIRST - 1, "web1", False, "not_yet"),
        (FIRST, "web1", True, "holds"),
        (FIRST, "db1", False, "holds"),
        (LAST - 14 * DAY - 1, "web1", True, "holds"),
        (LAST - 14 * DAY, "web1", True, "ends_soon"),
        (LAST - 1, "web1", True, "ends_soon"),  # through its last day
        (LAST, "web1", False, "expired"),
    ],
)
def test_it_holds_for_its_hosts_and_its_time_and_its_end_is_announced(now, host, covered, stands) -> None:
    waivers = read_exceptions(HEAD + GOOD, "e.yml")
    mine = for_host(waivers, host, {"web": ["web1"]}, now)
    assert (excuse_of(mine, now)(unit("openssl", "1.0"), match("CVE-2026-1001")) == "a") is covered
    assert standing(waivers, now, 14 * DAY) == {"a": stands}


@pytest.mark.parametrize(
    ("scope", "package", "vuln", "covered"),
    [
        ("cves: [CVE-2026-1001]", "openssl", "CVE-2026-1001", True),
        ("cves: [CVE-2026-1001]", "openssl", "CVE-2026-1002", False),
        ("packages: [lib*]", "openssl", "CVE-2026-1002", True),  # by its binary package libssl3
        ("packages: [curl]", "openssl", "CVE-2026-1001", False),
        ("cves: [CVE-2026-1001], packages: [curl]", "openssl", "CVE-2026-1001", False),
        ("cves: [CVE-2026-1001], packages: [openssl]", "openssl", "CVE-2026-1001", True),
    ],
)
def test_its_scope_is_vulnerabilities_and_packages(scope: str, package: str, vuln: str, covered: bool) -> None:
    waivers = read_exceptions(f"{HEAD}  - {{id: a, kind: defer, {scope}, {WHO}, expires: 2026-12-31}}\n", "e.yml")
    of = unit(package, "1.0", packages=("libssl3", package))
    assert (excuse_of(waivers, FIRST)(of, match(vuln)) == "a") is covered


def test_of_several_the_one_that_ends_last_covers() -> None:
    text = HEAD + "".join(
        f"  - {{id: {name}, kind: accept, packages: [openssl], {WHO}, expires: {day}}}\n"
        for name, day in [("early", "2026-12-24"), ("late", "2026-12-31")]
    )
    assert excuse_of(read_exceptions(text, "e.yml"), FIRST)(unit("openssl", "1"), match("CVE-2026-1001")) == "late"
