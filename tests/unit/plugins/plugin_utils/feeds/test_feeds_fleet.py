# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whole fleets: hosts share what they have, and only what has changed is read."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from feed_samples import advisory, fixed, opened, osv_zip

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import digest
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds import host_sets
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.carried import SOURCE
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.dates import milliseconds
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.fleet import FleetMatch, HostFacts, match_fleet
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.matcher import Matcher
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import FIX

DEBIAN = {"id": "debian", "version": "12", "codename": "bookworm", "name": "x"}
ALMA = {"id": "almalinux", "version": "9.4", "codename": ""}
Sections = dict[str, Any]


def package(name: str, version: str, source: str = "", arch: str = "amd64") -> dict[str, str]:
    return {"name": name, "arch": arch, "version": version, "source": source or name, "source_version": version}


class Hosts:
    """Sections by digest, as a ledger has them; `asked` says what was read."""

    def __init__(self, hosts: dict[str, Sections]) -> None:
        self.hosts = hosts
        self.contents = {digest(value): value for sections in hosts.values() for value in sections.values()}
        self.asked: list[str] = []

    def load(self, digests: Collection[str]) -> Iterator[tuple[str, Any]]:
        self.asked += sorted(digests)
        return ((each, self.contents[each]) for each in digests if each in self.contents)

    def match(self, folder: Path, **more: Any) -> FleetMatch:
        facts = [
            HostFacts(host, {section: digest(value) for section, value in sections.items()})
            for host, sections in self.hosts.items()
        ]
        return match_fleet(Matcher(opened(folder)), facts, self.load, str(folder / "cache"), **more)


def found(match: FleetMatch, host: str) -> set[tuple[str, str, str]]:
    """(package, version, vulnerability) of what is open on a host."""
    return {
        (match.subjects[number].package, match.subjects[number].version, answer.id)
        for number in match.of(host)
        for answer in match.answers.get(number, ())
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "feeds").mkdir()
    osv_zip(
        tmp_path / "feeds" / "a.zip",
        advisory("DSA-1-1", fixed("openssl", "3.1"), cves=("CVE-2026-0001",)),
        advisory("DSA-2-1", fixed("linux", "6.1.119-1"), cves=("CVE-2026-0002",)),
        advisory("ALSA-1", fixed("bash", "5.1.8-9.el9", "AlmaLinux:9"), cves=("CVE-2026-0003",)),
        advisory("ALSA-2", fixed("kernel-core", "5.14.0-427.el9", "AlmaLinux:9"), cves=("CVE-2026-0004",)),
    )
    return tmp_path


def debian(openssl: str, *more: dict[str, str], kernel: str = "") -> Sections:
    packages = [package("libssl3", openssl, "openssl"), package("openssl", openssl), package("zlib1g", "1.3"), *more]
    return {"os": DEBIAN, "boot": {"kernel_running": kernel, "boot_id": openssl}, "packages": packages}


def test_hosts_and_what_is_open_on_them(folder: Path) -> None:
    hosts = Hosts(
        {
            "old": debian("3.0"),
            "same": debian("3.0"),
            "new": debian("3.1"),
            "alma": {"os": ALMA, "packages": [package("bash", "5.1.8-6.el9")]},
            "plan9": {"os": {"id": "plan9", "version": "4"}, "packages": [package("bash", "1")]},
            "blind": {"os": DEBIAN, "packages": {"unknown": "no dpkg"}},
            "silent": {},
        }
    )
    match = hosts.match(folder)
    assert found(match, "old") == found(match, "same") == {("openssl", "3.0", "CVE-2026-0001")}
    assert found(match, "alma") == {("bash", "5.1.8-6.el9", "CVE-2026-0003")}
    assert match.of("new") == ()
    assert match.unknown == {
        "plan9": "no data are published for its operating system",
        "blind": "its packages are not known",
        "silent": "its packages are not known",
    }
    assert match.ecosystems["alma"] == "AlmaLinux:9"
    assert match.ecosystems["plan9"] == ""
    assert len(match.subjects) == 2


def test_a_platform_without_data_is_unknown_and_not_fine(folder: Path) -> None:
    match = Hosts({"h": {**debian("3.0"), "os": {**DEBIAN, "version": "13"}}, "old": debian("3.0")}).match(folder)
    assert match.unknown == {"h": "no feed has data of Debian:13"}
    assert match.of("h") == ()


DAY = 86_400_000


@pytest.mark.parametrize(
    ("ecosystem", "now", "age", "state", "why"),
    [
        ("Debian:12", "2026-01-10", 30, "ok", ""),
        ("Debian:12", "2026-03-10", None, "ok", ""),
        ("Debian:12", "2026-03-10", 30, "stale", "the data of Debian:12 are 66 days old"),
        ("Debian:12", "2028-07-01", 30, "end of life", "support of Debian:12 ended on 2028-06-30"),
        ("Debian:13", "2026-01-10", 30, "no data", "no feed has data of Debian:13"),
        ("", "2026-01-10", 30, "no data", "no data are published for this operating system"),
    ],
)
def test_coverage(folder: Path, ecosystem: str, now: str, age: int | None, state: str, why: str) -> None:
    found = opened(folder).coverage(ecosystem, milliseconds(now) or 0, age and age * DAY)
    assert (found.state, found.why) == (state, why)


def test_a_watched_package_is_there_without_an_answer(folder: Path) -> None:
    match = Hosts({"new": debian("3.1")}).match(folder, watch={("Debian:12", "openssl")})
    assert [match.subjects[number].version for number in match.of("new")] == ["3.1"]
    assert match.answers == {}


def test_only_what_has_changed_is_read(folder: Path) -> None:
    before = {f"h{number}": debian("3.0", package("bash", f"{number}")) for number in range(30)}
    first = Hosts(before)
    first.match(folder)
    assert len(first.asked) == len(set(first.asked)) == len(first.contents)
    again = Hosts(before)
    assert again.match(folder).listed.keys() == before.keys()
    assert again.asked == []
    changed = Hosts({**before, "h7": debian("3.1")})
    match = changed.match(folder)
    assert sorted(changed.asked) == sorted(digest(changed.hosts["h7"][section]) for section in ("boot", "packages"))
    assert found(match, "h7") == set()
    assert found(match, "h8") == {("openssl", "3.0", "CVE-2026-0001")}


def test_a_new_feed_changes_answers_without_reading_a_host(folder: Path) -> None:
    hosts = Hosts({"old": debian("3.0")})
    hosts.match(folder)
    osv_zip(folder / "feeds" / "b.zip", advisory("DSA-9-1", fixed("zlib", "1.4"), cves=("CVE-2026-0009",)))
    osv_zip(folder / "feeds" / "a.zip", advisory("DSA-1-2", fixed("openssl", "3.2"), cves=("CVE-2026-0007",)))
    hosts.asked.clear()
    assert found(hosts.match(folder), "old") == {("openssl", "3.0", "CVE-2026-0007")}
    assert hosts.asked == []


def image(release: str, version: str) -> dict[str, str]:
    return package(f"linux-image-{release}-amd64", version, "linux-signed-amd64")


@pytest.mark.parametrize(
    ("running", "kernels", "open_in"),
    [
        ("6.1.0-25-amd64", [("6.1.0-25", "6.1.106-3")], {"6.1.106-3"}),
        ("6.1.0-25-amd64", [("6.1.0-25", "6.1.106-3"), ("6.1.0-28", "6.1.119-1")], {"6.1.106-3"}),  # reboot is owed
        ("6.1.0-28-amd64", [("6.1.0-25", "6.1.106-3"), ("6.1.0-28", "6.1.119-1")], set()),
        ("6.1.0-28-amd64", [("6.1.0-26", "6.1.112-1"), ("6.1.0-28", "6.1.119-1")], set()),
        ("5.15.0-host", [("6.1.0-25", "6.1.106-3"), ("6.1.0-26", "6.1.112-1")], {"6.1.112-1"}),  # a container
        ("6.1.0-26-amd64", [("6.1.0-26", "6.1.112-1"), ("6.1.0-27", "6.1.115-1")], {"6.1.112-1", "6.1.115-1"}),
    ],
)
def test_kernels_that_run_and_the_newest_one(
    folder: Path, running: str, kernels: list[tuple[str, str]], open_in: set[str]
) -> None:
    hosts = Hosts({"h": debian("3.1", *(image(*kernel) for kernel in kernels), kernel=running)})
    assert {version for _package, version, _id in found(hosts.match(folder), "h")} == open_in


@pytest.mark.parametrize(
    ("running", "open_in"),
    [
        ("5.14.0-362.8.1.el9_3.x86_64", {"5.14.0-362.8.1.el9_3"}),
        ("5.14.0-427.el9.x86_64", set()),
    ],
)
def test_kernels_of_rpm_hosts(folder: Path, running: str, open_in: set[str]) -> None:
    packages = [package("kernel-core", v, arch="x86_64") for v in ("5.14.0-362.8.1.el9_3", "5.14.0-427.el9")]
    hosts = Hosts({"h": {"os": ALMA, "boot": {"kernel_running": running}, "packages": packages}})
    assert {version for _package, version, _id in found(hosts.match(folder), "h")} == open_in


def test_what_the_hosts_own_repositories_carry_stands_beside_the_feeds(folder: Path) -> None:
    advisories = [
        {"id": "ALSA-1", "type": "security", "severity": "low", "cves": ["CVE-2026-0003"], "issued_ms": 1},
        {"id": "ALSA-7", "type": "security", "severity": None, "cves": [], "issued_ms": None},
        {"id": "ALBA-8", "type": "bugfix", "severity": None, "cves": [], "issued_ms": None},
    ]
    candidate = {"name": "bash", "installed": "5.1.8-6.el9", "version": "5.1.8-10.el9", "advisories": advisories}
    silent = {**candidate, "name": "zlib", "advisories": None}
    packages = [package("bash", "5.1.8-6.el9"), package("zlib", "1")]
    hosts = Hosts(
        {
            "with": {"os": ALMA, "packages": packages, "candidates": [candidate, silent]},
            "without": {"os": ALMA, "packages": packages, "candidates": [silent]},
        }
    )
    match = hosts.match(folder)
    assert found(match, "without") == {("bash", "5.1.8-6.el9", "CVE-2026-0003")}
    answers = {answer.id: answer for number in match.of("with") for answer in match.answers[number]}
    assert set(answers) == {"CVE-2026-0003", "ALSA-7"}
    both = answers["CVE-2026-0003"]
    assert [(claim.source, claim.fixed) for claim in both.claims] == [
        ("a.zip", "5.1.8-9.el9"),
        (SOURCE, "5.1.8-10.el9"),
    ]
    assert (both.status, both.fixed, both.disagree) == (FIX, "5.1.8-10.el9", "fixed version")


def test_a_host_cannot_put_anything_else_in_than_text(folder: Path) -> None:
    odd = [
        package("{{ 7 * 7 }}", "1'; DROP TABLE host; --"),
        package("../../etc/passwd", "=cmd|' /C calc'!A0"),
        {"name": 7, "version": ["x"]},
        {"name": None},
    ]
    hosts = Hosts({"h": {"os": DEBIAN, "packages": [*odd, package("openssl", "\ud800")]}})
    match = hosts.match(folder)
    assert {(answer.id, answer.status) for row in match.answers.values() for answer in row} == {
        ("CVE-2026-0001", "unknown")
    }
    assert hosts.match(folder).listed == match.listed


def test_a_cache_of_another_format_is_made_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = Hosts({"old": debian("3.0")})
    hosts.match(folder)
    monkeypatch.setattr(host_sets, "_FORMAT", host_sets._FORMAT + 1)
    hosts.asked.clear()
    assert found(hosts.match(folder), "old") == {("openssl", "3.0", "CVE-2026-0001")}
    assert len(hosts.asked) == 3


def test_sets_that_nobody_has_any_more_are_forgotten(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_sets, "_OLD_ROWS", 5)
    for number in range(9):
        hosts = Hosts({"h": debian(f"3.0.{number}")})
        assert len(found(hosts.match(folder), "h")) == 1
    sets = host_sets.HostSets(str(folder / "cache" / "hosts.sqlite"))
    (count,) = sets.database.execute("SELECT count(*) FROM host").fetchone()
    sets.close()
    assert count <= 5
