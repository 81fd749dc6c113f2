# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Parsers of zypper, zypp and rpm on recorded output (tests/fixtures/zypper/README.md says where it is from)."""

from __future__ import annotations

import calendar
import time
from pathlib import Path

import pytest

from ansible_collections.lockstep.patching.plugins.module_utils._parse import (
    rpm_md,
    rpm_output,
    rpm_query,
    zypp_files,
    zypper_output,
)

FIXTURES = next(folder for folder in Path(__file__).resolve().parents if folder.name == "tests") / "fixtures" / "zypper"


def recorded(name: str) -> str:
    return (FIXTURES / name).read_text(encoding="utf-8")


def pieces(name: str, size: int) -> list[bytes]:
    """A file in pieces that cut through its elements."""
    data = (FIXTURES / name).read_bytes()
    return [data[at : at + size] for at in range(0, len(data), size)]


def to_ms(stamp: str) -> int:
    return calendar.timegm(time.strptime(stamp, "%Y-%m-%d %H:%M:%S")) * 1000


def test_repos() -> None:
    assert [(repo.alias, repo.priority, repo.checked) for repo in zypper_output.parse_repos(recorded("repos.xml"))] == [
        ("lab", 99, True)
    ]


def test_updates_and_what_zypper_takes_of_them() -> None:
    offered = {each.name: each for each in zypper_output.parse_updates(recorded("list-updates-all.xml"))}
    steps = {each.name: each for each in zypper_output.parse_summary(recorded("update-dry-run.xml"))}
    assert offered["lab-lib"] == ("lab-lib", "noarch", "2.0-1", "1.0-1", "lab")
    assert steps["lab-lib"] == ("upgrade", "lab-lib", "noarch", "2.0-1", "1.0-1")
    assert steps["lab-new"] == ("install", "lab-new", "noarch", "2.0-1", None)
    assert steps["lab-old"] == ("remove", "lab-old", "noarch", "1.0-1", "1.0-1")
    assert steps["kernel-default"] == ("install", "kernel-default", "noarch", "6.4.1-1", None), "beside the old one"
    assert set(offered) - set(steps) == {"lab-held", "lab-vend"}, "a lock, and another vendor"
    assert "lab-retr" not in offered, "zypper offers nothing that its vendor has retracted"


@pytest.mark.parametrize(
    ("name", "state", "words"),
    [
        ("html", "unsigned", "Signature verification failed"),
        ("html-unsigned", "unsigned", "Signature verification failed"),
        ("changed", "unsigned", "Signature verification failed for file 'repomd.xml'"),
        ("unsigned", "unsigned", "Signature verification failed"),
        ("other-key", "unsigned", "Signature verification failed"),
        ("damaged", "unreachable", "primary.xml.gz has wrong checksum"),
        ("missing", "unreachable", "Repository type can't be determined"),
        ("unreachable", "unreachable", "Could not connect to server"),
    ],
)
def test_refresh_faults(name: str, state: str, words: str) -> None:
    problems = zypper_output.parse_refresh(recorded(f"refresh-{name}.xml"))
    assert list(problems) == ["lab"]
    assert words in problems["lab"] and "\n" not in problems["lab"] and "Please check" not in problems["lab"]
    assert zypper_output.failure_state(problems["lab"]) == state


def test_a_good_refresh_has_no_problem() -> None:
    assert zypper_output.parse_refresh('<?xml version="1.0"?><stream><message type="info">ok</message></stream>') == {}


def test_secrets_stay_out() -> None:
    text = "<message type=\"error\">Repository 'x' is invalid.\n[x|http://u:p@h/r] no\n - at http://u:p@h/r</message>"
    assert zypper_output.parse_refresh(text) == {"x": "at http://h/r"}


def test_locks_with_their_reasons() -> None:
    (lock,) = zypp_files.parse_locks(recorded("locks.txt"), "/etc/zypp/locks")
    assert lock.reason == "locked (zypper addlock lab-held): held for the db team"
    assert lock.where == "/etc/zypp/locks:2" and lock.holds("lab-held") and not lock.holds("lab-held2")


@pytest.mark.parametrize(
    ("kind", "pattern", "holds", "holds_not"),
    [
        ("glob", "lab-*", "lab-a", "xlab-a"),
        ("exact", "lab-*", "lab-*", "lab-a"),
        ("substring", "ab", "lab", "lb"),
        ("regex", "^lab-[ab]$", "lab-a", "lab-c"),
        ("regex", "(", "none", "("),
    ],
)
def test_lock_patterns(kind: str, pattern: str, holds: str, holds_not: str) -> None:
    text = f"\ntype: package\nmatch_type: {kind}\ncase_sensitive: on\nsolvable_name: {pattern}\n\n"
    (lock,) = zypp_files.parse_locks(text, "/l")
    assert lock.holds(holds) is (pattern != "(") and not lock.holds(holds_not)


def test_locks_on_patches_hold_no_package() -> None:
    assert zypp_files.parse_locks("\ntype: patch\nmatch_type: glob\nsolvable_name: SUSE-1\n\n", "/l") == []


def test_marks_go_and_come_back() -> None:
    text = recorded("AutoInstalled.txt")
    assert zypp_files.parse_auto(text) == {"lab-new"}
    changed = zypp_files.with_auto(text, {"a", "lab-new"}, set())
    assert zypp_files.parse_auto(changed) == {"a", "lab-new"} and changed.startswith("# AutoInstalled")
    assert zypp_files.with_auto(changed, set(), {"a"}) == text


def test_history() -> None:
    steps = zypp_files.parse_history(recorded("history.txt"), to_ms)
    assert steps[0] == (to_ms("2026-11-21 03:46:19"), "install", "kernel-default", "6.4.0-1", "noarch")
    assert [step.version for step in steps if step.name == "lab-broken"] == ["1.0-1", "2.0-1"], "comments are no steps"
    assert zypp_files.span(recorded("history.txt"), to_ms)[0] == steps[0].ms


def test_rpm_query() -> None:
    rpms = {each.name: each for each in rpm_query.parse(recorded("rpm-qa.txt"))}
    assert rpm_query.KEYS not in rpms, "a key is no package"
    app = rpms["lab-app"]
    assert (app.arch, app.version, app.source, app.source_version) == ("noarch", "1.0-1", "lab-app", "1.0-1")
    assert app.needs == {"lab-lib"} and app.installed_ms > 0 and app.vendor == "Lab"


@pytest.mark.parametrize("text", ["a b c\n", "lab-app\t0\t1\n", "error: rpmdb: damaged header\n"])
def test_what_is_no_answer_of_rpm_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no package"):
        rpm_query.parse(text)


@pytest.mark.parametrize("size", [100, 4096, 10_000_000])
def test_records(size: int) -> None:
    found = {each.version: each for each in rpm_md.records(pieces("primary.xml", size), {"lab-lib"})}
    assert set(found) == {"1.0-1", "2.0-1"}
    record = found["2.0-1"]
    assert (record.source, record.source_version, record.vendor) == ("lab-lib", "2.0-1", "Lab")
    assert (
        record.href == "lab-lib-2.0-1.noarch.rpm" and len(record.sha256 or "") == 64 and record.size and record.built_ms
    )


@pytest.mark.parametrize("size", [100, 4096, 10_000_000])
def test_updates_of_advisories(size: int) -> None:
    found = list(rpm_md.updates(pieces("updateinfo.xml", size), {"lab-app", "lab-feat"}, {"lab-retr", "lab-boot"}))
    assert [(each.id, each.type, each.severity, each.retracted) for each in found] == [
        ("LAB-2026-1", "security", "critical", False),
        ("LAB-2026-4", "enhancement", "low", False),
        ("LAB-2026-6", "security", "important", True),
    ]
    assert found[0].cves == ["CVE-2026-1001", "CVE-2026-1002"] and found[0].packages == [("lab-app", "noarch", "2.0-1")]
    assert found[0].issued_ms == to_ms("2026-11-10 10:00:00")


def test_repomd_and_who_signed_it() -> None:
    repomd = rpm_md.parse_repomd(recorded("repomd.xml"))
    assert {"primary", "updateinfo"} <= set(repomd.files) and repomd.dated_ms == int(repomd.revision) * 1000
    assert zypp_files.signer_of(recorded("repomd.xml.asc.txt")) == "FA2D25322AEAE854BA729515AC9D24BAA4F0D487"


@pytest.mark.parametrize("text", ["", "no signature", "-----BEGIN PGP SIGNATURE-----\n\nAAAA\n=aaaa\n", "é" * 50])
def test_no_signature_names_nobody(text: str) -> None:
    assert zypp_files.signer_of(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "<html><body>Login</body></html>",
        "",
        '<!DOCTYPE x [<!ENTITY a "b">]><repomd xmlns="http://linux.duke.edu/metadata/repo"/>',
        "<repomd",
    ],
)
def test_what_is_no_metadata_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        rpm_md.parse_repomd(text)
    with pytest.raises(ValueError):
        zypper_output.parse_summary(text)


def test_damaged_packages_are_refused() -> None:
    with pytest.raises(ValueError, match="XML"):
        list(rpm_md.records([b"<package type='rpm'><name>x</name><a></package>"], {"x"}))
    with pytest.raises(ValueError, match="entities"):
        list(rpm_md.records([b"<package type='rpm'><!ENTITY a 'b'><name>x</name></package>"], {"x"}))


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1794304800", to_ms("2026-11-10 10:00:00")),
        ("2026-11-10 10:00:00", to_ms("2026-11-10 10:00:00")),
        ("2026-11-10 10:00:00 UTC", to_ms("2026-11-10 10:00:00")),
        ("2026-11-10", to_ms("2026-11-10 00:00:00")),
        ("soon", None),
        ("", None),
        ("99999999999999999999", None),
    ],
)
def test_dates(text: str, ms: int | None) -> None:
    assert rpm_md.date_ms(text) == ms


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("glibc-2.38-1.src.rpm", ("glibc", "2.38-1")),
        ("kernel-default-6.4.0-150600.23.7.3.nosrc.rpm", ("kernel-default", "6.4.0-150600.23.7.3")),
        ("(none)", ("own", "")),
        ("", ("own", "")),
    ],
)
def test_source_packages(file: str, source: tuple[str, str]) -> None:
    assert rpm_md.source_of(file, "own") == source


def test_scripts_that_failed() -> None:
    log = recorded("scriptlet.log")
    (failure,) = rpm_output.parse_scripts(log)
    assert (failure.package, failure.script, failure.status) == ("lab-broken-1.1-1.noarch", "%post", "1")
    assert any("fails on purpose" in line for line in failure.lines)


def test_a_package_whose_script_keeps_it_out_is_named_once() -> None:
    (failure,) = rpm_output.parse_scripts(recorded("prein.log"))
    assert (failure.package, failure.script, failure.status) == ("lab-plain-1.1-1.noarch", "%prein", "4")


def test_configuration_files_of_the_admin() -> None:
    log = recorded("scriptlet.log")
    assert rpm_output.parse_kept(log) == [
        {"path": "/etc/lab-conf.conf", "new": "/etc/lab-conf.conf.rpmnew", "by": "rpm"}
    ]
