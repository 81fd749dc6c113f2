# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""apt's and dpkg's recorded output."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from ansible_collections.lockstep.patching.plugins.module_utils._model.deb_version import newer, version_key
from ansible_collections.lockstep.patching.plugins.module_utils._parse import (
    apt_output,
    apt_sources,
    dpkg_status,
    package_logs,
    release,
)

FIXTURES = next(folder for folder in Path(__file__).resolve().parents if folder.name == "tests") / "fixtures" / "apt"
RELEASES = ["bullseye", "bookworm", "trixie"]


def recorded(name: str) -> str:
    return (FIXTURES / name).read_text()


def local(stamp: str) -> int:
    """A clock for tests: seconds of the day only."""
    hours, minutes, seconds = stamp[11:].split(":")
    return (int(hours) * 3600 + int(minutes) * 60 + int(seconds)) * 1000


@pytest.mark.parametrize("suite", RELEASES)
def test_simulation_of_every_release(suite: str) -> None:
    found = apt_output.parse_simulation(recorded(f"simulate-{suite}.txt"))
    names = ["lab-app", "lab-boot", "lab-broken", "lab-conf", "lab-lib", "lab-plain", "lab-slow", "lab-web"]
    assert sorted(found.actions) == [apt_output.Action("upgrade", name, "all", "1.0", "1.1") for name in names]
    assert (found.kept, found.phased) == ([], [])


def test_simulation_with_real_packages() -> None:
    text = recorded("simulate-security.txt")
    found = apt_output.parse_simulation(text)
    assert len(found.actions) == text.count("\nInst ")
    assert apt_output.Action("upgrade", "tzdata", "all", "2026b-0+deb12u1", "2026f-0+deb12u1") in found.actions
    assert apt_output.Action("upgrade", "perl-base", "amd64", "5.36.0-7+deb12u3", "5.36.0-7+deb12u4") in found.actions


def test_held_package_is_kept_back() -> None:
    found = apt_output.parse_simulation(recorded("simulate-held.txt"))
    assert found.kept == ["lab-web"]
    assert "lab-web" not in {action.name for action in found.actions}


@pytest.mark.parametrize(
    ("line", "action"),
    [
        (
            "Inst linux-image-6.1.0-9 (6.1.27-1 Debian:12/stable [amd64])",
            ("install", "linux-image-6.1.0-9", "amd64", None, "6.1.27-1"),
        ),
        (
            "Inst libc6:i386 [2.36-1] (2.36-2 Debian:12/stable [i386]) []",
            ("upgrade", "libc6", "i386", "2.36-1", "2.36-2"),
        ),
        ("Inst local [1] (2 [all])", ("upgrade", "local", "all", "1", "2")),
        ("Remv old-lib:i386 [1.0]", ("remove", "old-lib", "i386", "1.0", None)),
        ("Remv old [1.0] [other ]", ("remove", "old", "", "1.0", None)),
    ],
)
def test_simulated_steps(line: str, action: tuple[str, str, str, str | None, str | None]) -> None:
    assert apt_output.parse_simulation(line).actions == [apt_output.Action(*action)]


def test_phased_updates_are_no_steps() -> None:
    text = "The following upgrades have been deferred due to phasing:\n  a b\n  c:i386\n0 upgraded\n"
    assert apt_output.parse_simulation(text).phased == ["a", "b", "c:i386"]


def test_a_step_that_is_not_understood_is_an_error() -> None:
    with pytest.raises(ValueError, match="not understood"):
        apt_output.parse_simulation("Inst something new")


@pytest.mark.parametrize("suite", RELEASES)
def test_policy_of_every_release(suite: str) -> None:
    found = apt_output.parse_policy(recorded(f"policy-{suite}.txt"))["lab-web"]
    assert (found.installed, found.candidate, found.phased) == ("1.0", "1.1", None)
    assert found.versions[0] == ("1.1", ["http://repo.example lab-security/main amd64 Packages"])
    assert found.versions[1][0] == "1.0"


def test_policy_of_a_phased_and_of_an_unknown_package() -> None:
    text = (
        "a:\n  Installed: 1\n  Candidate: 2\n  Version table:\n     2 500 (phased 30%)\n"
        "        500 http://x y/main amd64 Packages\n *** 1 100\n        100 /var/lib/dpkg/status\n"
        "b:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n"
    )
    found = apt_output.parse_policy(text)
    assert found["a"].phased == 30
    assert found["b"] == apt_output.Policy(None, None, [], None)


@pytest.mark.parametrize("suite", RELEASES)
@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("unreachable", "unreachable"),
        ("expired", "expired"),
        ("broken-signature", "unsigned"),
        ("unsigned", "unsigned"),
        ("other-key", "unsigned"),
    ],
)
def test_failed_updates_say_what_state_the_index_is_in(suite: str, name: str, state: str) -> None:
    problems = apt_output.parse_update(recorded(f"update-{name}-{suite}.txt"))
    assert {apt_output.failure_state(problem) for problem in problems if "lab-security" in problem} == {state}


def test_a_login_page_is_no_index() -> None:
    problem = "Failed to fetch http://x/InRelease  Clearsigned file isn't valid, got 'NOSPLIT' (does the network …)"
    assert apt_output.failure_state(problem) == "unreachable"


def test_harmless_warnings_are_no_failures() -> None:
    text = "W: http://x/InRelease: Key is stored in legacy trusted.gpg keyring\nHit:1 http://x y InRelease\n"
    assert apt_output.parse_update(text) == []


def test_credentials_are_left_out() -> None:
    assert apt_output.without_secrets("E https://user:secret@host/x y") == "E https://host/x y"


def test_status_file() -> None:
    auto = dpkg_status.parse_auto(recorded("extended_states.txt"))
    packages, held = dpkg_status.parse_status(recorded("status.txt"), auto, "amd64")
    by_name = {package.name: package for package in packages}
    assert sorted(by_name) == ["adduser", "bsdutils", "dpkg", "libssl3"] and held == []
    assert by_name["bsdutils"][3:5] == ("util-linux", "2.38.1-5+deb12u3")
    assert by_name["libssl3"][3:5] == ("openssl", "3.0.22-1~deb12u2")
    assert {name for name, package in by_name.items() if package.auto} == {"adduser", "libssl3"}


def test_status_of_held_removed_and_broken_packages() -> None:
    text = "\n\n".join(
        f"Package: {name}\nStatus: {status}\nArchitecture: all\nVersion: 1"
        for name, status in [
            ("a", "hold ok installed"), ("b", "deinstall ok config-files"), ("c", "install ok half-configured"),
            ("d", "install reinstreq half-installed"),
        ]
    )  # fmt: skip
    packages, held = dpkg_status.parse_status(text, set())
    assert [(package.name, package.status) for package in packages] == [
        ("a", "installed"),
        ("c", "half-configured"),
        ("d", "reinstreq"),
    ]
    assert held == [("a", "all")]


def test_sources_in_both_forms() -> None:
    lines = "# x\ndeb [arch=amd64 signed-by=/k.gpg] http://a b main # c\ndeb [trusted=yes] file:/r ./\n"
    assert apt_sources.parse_list(lines) == [
        apt_sources.Entry("http://a", "b", "/k.gpg", ""), apt_sources.Entry("file:/r", "./", "", "trusted"),
    ]  # fmt: skip
    stanzas = (
        "Types: deb\nURIs: http://a http://b\nSuites: x y\nSigned-By: /k\nAllow-Insecure: yes\n\n"
        "Enabled: no\nURIs: http://c\nSuites: x\n"
    )
    found = apt_sources.parse_sources(stanzas)
    assert [(entry.uri, entry.suite) for entry in found] == [
        ("http://a", "x"),
        ("http://a", "y"),
        ("http://b", "x"),
        ("http://b", "y"),
    ]
    assert {entry.insecure for entry in found} == {"allow-insecure"}


def test_preferences_know_their_line() -> None:
    text = (
        "Explanation: why\nPackage: nginx*\nPin: version 1.2*\nPin-Priority: 900\n\n# c\n"
        "Package: src:openssl /^lib.*ssl/\nPin: release a=x\n\n\nPackage: *\nPin: origin y\n"
    )
    pins = apt_sources.parse_preferences(text, "/p")
    assert [pin.where for pin in pins] == ["/p:2", "/p:7", "/p:11"]
    assert [pin.where for pin in apt_sources.matching_pin(pins, "nginx-common", "nginx")] == ["/p:2", "/p:11"]
    assert [pin.where for pin in apt_sources.matching_pin(pins, "libxssl", "other")] == ["/p:7", "/p:11"]
    assert [pin.where for pin in apt_sources.matching_pin(pins, "libcrypto", "openssl")] == ["/p:7", "/p:11"]
    assert [pin.where for pin in apt_sources.matching_pin(pins, "bash", "bash")] == ["/p:11"]


def test_release_file() -> None:
    text = recorded("InRelease-security.txt")
    fields = release.parse_release(text)
    assert (fields["Label"], fields["Codename"]) == ("Debian-Security", "bookworm-security")
    assert release.date_ms(fields["Date"]) == 1795040261000
    assert release.date_ms(fields["Valid-Until"]) == 1795645061000
    claimed = release.issuers(release.dearmor(text) or b"")
    assert len(claimed) == 2 and all(len(key) == 40 for key in claimed)


@pytest.mark.parametrize(
    "data", [b"", b"\xc2", b"\xc2\xff\xff\xff\xff\xff", b"\x88\x05\x04\x00", b"-----BEGIN", bytes(range(256)) * 4]
)
def test_broken_signatures_name_nobody(data: bytes) -> None:
    assert release.issuers(data) == []


@pytest.mark.parametrize("text", ["", "yesterday", "99"])
def test_no_date_is_no_date(text: str) -> None:
    assert release.date_ms(text) is None


def test_dpkg_log() -> None:
    pending: dict[str, tuple[str, str | None, str | None]] = {}
    entries = package_logs.parse_dpkg(recorded("dpkg.log"), local, pending)
    assert [(e.name, e.arch, e.action, e.old, e.new) for e in entries] == [
        ("perl-base", "amd64", "upgrade", "5.36.0-7+deb12u3", "5.36.0-7+deb12u4"),
        ("libssl3", "amd64", "upgrade", "3.0.20-1~deb12u2", "3.0.22-1~deb12u2"),
    ]
    assert pending == {}


def test_dpkg_log_counts_only_what_was_finished() -> None:
    day = "2026-11-01 10:00:0"
    first = (
        f"{day}1 upgrade a:amd64 1 2\n{day}2 status half-installed a:amd64 1\n"
        f"{day}3 upgrade b:all 3 2\n{day}4 status installed b:all 2\n"
    )
    second = (
        f"{day}5 status installed a:amd64 2\n{day}6 remove c:all 1 <none>\n"
        f"{day}7 status config-files c:all 1\n{day}8 install d:all <none> 1\n"
    )
    pending: dict[str, tuple[str, str | None, str | None]] = {}
    assert [entry[1:] for entry in package_logs.parse_dpkg(first, local, pending)] == [
        ("b", "all", "downgrade", "3", "2")
    ]
    assert [entry[1:] for entry in package_logs.parse_dpkg(second, local, pending)] == [
        ("a", "amd64", "upgrade", "1", "2"), ("c", "all", "remove", "1", None),
    ]  # fmt: skip
    assert list(pending) == ["d:all"]


def test_apt_history() -> None:
    entries = package_logs.parse_apt(recorded("history.log"), local)
    assert {entry.action for entry in entries} == {"upgrade"}
    assert ("libssl3", "amd64", "upgrade", "3.0.20-1~deb12u2", "3.0.22-1~deb12u2") in [entry[1:] for entry in entries]
    assert (
        package_logs.parse_apt(
            "Start-Date: 2026-11-01  10:00:00\nUpgrade: a:all (1, 2)\n"
            "Error: Sub-process failed\nEnd-Date: 2026-11-01  10:00:00",
            local,
        )
        == []
    )


def test_span() -> None:
    assert package_logs.span(recorded("dpkg.log"), local) == (
        local("2026-11-21 01:08:18"),
        local("2026-11-21 01:08:22"),
    )
    assert package_logs.span("nothing", local) == (None, None)


def test_versions_sort_as_dpkg_sorts_them() -> None:
    order = [
        "1.0~~",
        "1.0~rc1",
        "1.0",
        "1.0-1~bpo",
        "1.0-1",
        "1.0-1+deb12u9",
        "1.0-1+deb12u10",
        "1.0a",
        "1.0+b1",
        "1.0.1",
        "1:0.1",
    ]
    assert sorted(random.Random(7).sample(order, len(order)), key=version_key) == order
    assert version_key("1.") == version_key("1.0")
    assert newer("3.0.22-1~deb12u2", "3.0.20-1~deb12u2") and not newer("1", "1")
