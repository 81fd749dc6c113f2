# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From feeds and package versions to answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from feed_samples import advisory, affects, answers, fixed, opened, osv_zip, state, tracker

from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.matcher import Matcher
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import (
    FIX,
    FIXED,
    NO_FIX,
    NOT_AFFECTED,
    UNKNOWN,
    Subject,
)

ONE = "CVE-2026-0001"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "feeds").mkdir()
    return tmp_path


def deb(version: str, package: str = "openssl") -> Subject:
    return Subject("Debian:12", package, version, "deb")


def rpm(version: str, package: str = "nodejs", module: str = "") -> Subject:
    return Subject("AlmaLinux:8", package, version, "rpm", "", module)


@pytest.mark.parametrize(
    ("events", "version", "status", "fix"),
    [
        ([{"introduced": "0"}, {"fixed": "3.0.11-1~deb12u2"}], "3.0.11-1~deb12u1", FIX, "3.0.11-1~deb12u2"),
        ([{"introduced": "0"}, {"fixed": "3.0.11-1~deb12u2"}], "3.0.11-1~deb12u2", FIXED, "3.0.11-1~deb12u2"),
        ([{"introduced": "0"}, {"fixed": "3.0.11-1~deb12u2"}], "3.0.11-1~deb12u10", FIXED, "3.0.11-1~deb12u2"),
        ([{"introduced": "0"}, {"fixed": "1:2.0-1"}], "9.0-1", FIX, "1:2.0-1"),
        ([{"introduced": "0"}], "3.0", NO_FIX, None),
        ([{"introduced": "2.0"}, {"fixed": "3.0"}], "1.9", NOT_AFFECTED, "3.0"),
        ([{"introduced": "2.0"}, {"fixed": "3.0"}], "2.0", FIX, "3.0"),
        ([{"introduced": "0"}, {"last_affected": "3.0"}], "3.0", NO_FIX, None),
        ([{"introduced": "0"}, {"last_affected": "3.0"}], "3.1", FIXED, None),
        ([{"introduced": "0"}, {"fixed": "1.5"}, {"introduced": "2.0"}, {"fixed": "2.5"}], "2.1", FIX, "2.5"),
    ],
)
def test_ranges(folder: Path, events: list[Any], version: str, status: str, fix: str | None) -> None:
    osv_zip(folder / "feeds" / "d.zip", advisory("DSA-1-1", affects("openssl", *events), cves=(ONE,)))
    answer = answers(opened(folder), deb(version))[ONE]
    assert (answer.status, answer.fixed) == (status, fix)


@pytest.mark.parametrize(
    ("release", "status", "why"),
    [
        (state(fixed_version="3.0.11-1"), FIX, ""),
        (state(fixed_version="3.0.1-1"), FIXED, ""),
        (state(fixed_version="0"), NOT_AFFECTED, "the tracker says so"),
        (state(status="open"), NO_FIX, ""),
        (state(status="open", nodsa="Minor issue", nodsa_reason=""), NO_FIX, "no advisory planned: Minor issue"),
        (state(status="open", nodsa="Minor", nodsa_reason="postponed"), NO_FIX, "postponed: Minor"),
        (
            state(status="open", nodsa="Too intrusive", nodsa_reason="ignored"),
            NO_FIX,
            "will not be fixed: Too intrusive",
        ),
        (state(status="open", urgency="unimportant"), NO_FIX, "unimportant: no security impact in Debian"),
        (state(status="open", urgency="end-of-life"), UNKNOWN, "end of life: this package has no security support"),
        (state(status="undetermined"), UNKNOWN, "the tracker has not determined whether it is affected"),
    ],
)
def test_states_of_the_debian_tracker(folder: Path, release: dict[str, Any], status: str, why: str) -> None:
    entry = {"description": "x", "releases": {"bookworm": release}}
    tracker(folder / "feeds" / "tracker.json", {"openssl": {ONE: entry, "TEMP-0-1": entry}})
    found = answers(opened(folder), deb("3.0.9-1"))
    assert (found[ONE].status, found[ONE].why) == (status, why)
    assert found["TEMP-0-1"].status == status


def test_sources_that_disagree_stand_side_by_side(folder: Path) -> None:
    osv_zip(folder / "feeds" / "dsa.zip", advisory("DSA-1-1", fixed("openssl", "3.0.11-1"), cves=(ONE,)))
    releases = {"bookworm": state(fixed_version="0")}
    tracker(folder / "feeds" / "tracker.json", {"openssl": {ONE: {"releases": releases}}})
    feeds = opened(folder)
    answer = answers(feeds, deb("3.0.9-1"))[ONE]
    assert (answer.status, answer.fixed, answer.disagree) == (FIX, "3.0.11-1", "status")
    assert [(claim.source, claim.advisory, claim.status) for claim in answer.claims] == [
        ("dsa.zip", "DSA-1-1", FIX),
        ("tracker.json", ONE, NOT_AFFECTED),
    ]
    assert Matcher(feeds).open_answers([deb("3.0.9-1")]) == {deb("3.0.9-1"): (answer,)}


def test_the_later_of_two_fixed_versions_closes_and_they_are_named(folder: Path) -> None:
    osv_zip(folder / "feeds" / "dsa.zip", advisory("DSA-1-1", fixed("openssl", "3.0.11-1"), cves=(ONE,)))
    releases = {"bookworm": state(fixed_version="3.0.12-1")}
    tracker(folder / "feeds" / "tracker.json", {"openssl": {ONE: {"releases": releases}}})
    answer = answers(opened(folder), deb("3.0.9-1"))[ONE]
    assert (answer.status, answer.fixed, answer.disagree) == (FIX, "3.0.12-1", "fixed version")


def test_of_two_advisories_of_one_feed_the_last_one_closes(folder: Path) -> None:
    osv_zip(
        folder / "feeds" / "dsa.zip",
        advisory("DSA-1-1", fixed("openssl", "3.0.11-1"), cves=(ONE,)),
        advisory("DSA-2-1", fixed("openssl", "3.0.12-1"), cves=(ONE,)),
    )
    feeds = opened(folder)
    assert answers(feeds, deb("3.0.11-1"))[ONE][1:3] == (FIX, "3.0.12-1")
    assert answers(feeds, deb("3.0.9-1"))[ONE][1:3] == (FIX, "3.0.12-1")
    assert answers(feeds, deb("3.0.9-1"))[ONE].disagree == ""
    assert answers(feeds, deb("3.0.12-1"))[ONE].status == FIXED


STREAMS = (
    ("ALSA-1", "Important: nodejs:14 security update", "1:14.21.1-2.module_el8.7.0+3370+d6ad5f4a"),
    ("ALSA-2", "Important: nodejs:16 security update", "1:16.19.1-1.module_el8.7.0+3496+a59a3324"),
)


@pytest.mark.parametrize(
    ("version", "module", "status"),
    [
        ("1:14.21.1-2.module_el8.7.0+3370+d6ad5f4a", "nodejs:14", {}),  # not of the other stream, though older
        ("1:14.0-1.module_el8.4.0+1+aaaaaaaa", "nodejs:14", {"ALSA-1": FIX}),
        ("1:14.0-1.module_el8.4.0+1+aaaaaaaa", "?", {"ALSA-1": FIX}),  # its own version says which stream
        ("1:16.19.1-1.module_el8.7.0+3370+d6ad5f4a", "?", {}),  # its build says 14, in which it is newer than the fix
        ("1:9.0-1.module_el8.4.0+1+aaaaaaaa", "?", {"ALSA-1": UNKNOWN, "ALSA-2": UNKNOWN}),
        ("1:10.0-1.el8", "", {}),  # no modular package
    ],
)
def test_module_streams(folder: Path, version: str, module: str, status: dict[str, str]) -> None:
    documents = [advisory(name, fixed("nodejs", fix, "AlmaLinux:8"), summary=text) for name, text, fix in STREAMS]
    osv_zip(folder / "feeds" / "alma.zip", *documents)
    found = Matcher(opened(folder)).open_answers([rpm(version, module=module)])
    assert {answer.id: answer.status for row in found.values() for answer in row} == status


def test_a_fix_that_is_listed_again_for_its_rebuilds_is_the_lowest_of_them(folder: Path) -> None:
    fixes = ("16.6-1.module_el9.5.0+127+50ff03a9", "16.6-1.module_el9.5.0+128+1095dce2")
    rows = [fixed("postgresql", fix, "AlmaLinux:8") for fix in reversed(fixes)]
    osv_zip(folder / "feeds" / "alma.zip", advisory("ALSA-3", *rows, cves=(ONE,), summary="Low: postgresql:16 update"))
    found = answers(opened(folder), rpm(fixes[0], "postgresql", "postgresql:16"))
    assert found[ONE].status == FIXED


def test_an_impossible_version_of_a_host_is_unknown(folder: Path) -> None:
    osv_zip(folder / "feeds" / "dsa.zip", advisory("DSA-1-1", fixed("openssl", "3.0.11-1"), cves=(ONE,)))
    found = Matcher(opened(folder)).open_answers([deb("-1")])[deb("-1")]
    assert [(answer.status, answer.why) for answer in found] == [
        (UNKNOWN, "the host gives an impossible version: '-1'")
    ]


@pytest.mark.parametrize(
    ("more", "ids"),
    [
        ({"upstream": [ONE], "related": ["CVE-2026-0002"]}, [ONE]),
        ({"upstream": [], "aliases": [ONE, "GHSA-xxxx"]}, [ONE]),
        ({"upstream": [], "related": [ONE]}, [ONE]),
        ({"upstream": []}, ["DSA-1-1"]),
        ({"upstream": [], "id": "ALBA-2022:8256"}, []),  # a bug fix that names no vulnerability
        ({"upstream": [], "id": "DEBIAN-CVE-2026-0001"}, [ONE]),
        ({"upstream": [ONE], "withdrawn": "2026-01-04T00:00:00Z"}, []),
    ],
)
def test_what_an_advisory_is_about(folder: Path, more: dict[str, Any], ids: list[str]) -> None:
    other = advisory("DSA-9-1", fixed("bash", "5.0"), cves=("CVE-2026-0009",))
    osv_zip(folder / "feeds" / "d.zip", other, {**advisory("DSA-1-1", fixed("openssl", "4.0")), **more})
    assert sorted(answers(opened(folder), deb("3.0"))) == ids
