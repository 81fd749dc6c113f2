# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bad data: one clear error that names file and record, other feeds complete, the last good copy in use."""

from __future__ import annotations

import gzip
import json
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from feed_samples import NOW, advisory, affects, answers, cve_record, epss, fixed, kev, opened, osv_zip, state, tracker

from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.inputs import Limits
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.library import Feeds, open_feeds
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import (
    FIX,
    NO_FIX,
    UNKNOWN,
    Subject,
)

ONE = "CVE-2026-0001"
OPENSSL = Subject("Debian:12", "openssl", "3.0", "deb")
HOUR = 3_600_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "feeds").mkdir()
    return tmp_path


def good(folder: Path) -> Path:
    return osv_zip(folder / "feeds" / "a.zip", advisory("DSA-1-1", fixed("openssl", "3.1"), cves=(ONE,)))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def page(path: Path) -> None:
    path.write_text("<!DOCTYPE html><html><body>502 Bad Gateway</body></html>", encoding="utf-8")


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.json", "[" + " " * 3_000_000 + "]")


def lying_bomb(path: Path) -> None:
    """A zip that states a small size for a big member."""
    bomb(path)
    data = path.read_bytes()
    real, small = (3_000_002).to_bytes(4, "little"), (20).to_bytes(4, "little")
    assert real in data
    path.write_bytes(data.replace(real, small))


def many_small(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(60):
            archive.writestr(f"{number}.json", json.dumps({"id": "x", "affected": [], "pad": " " * 100_000}))


def half_json(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ok.json", json.dumps(advisory("DSA-1-1", fixed("openssl", "3.1"), cves=(ONE,))))
        archive.writestr("broken.json", '{"id": "DSA-2-1", "affected": [')


def empty(path: Path) -> None:
    path.write_bytes(b"")


def wrong_records(path: Path) -> None:
    osv_zip(path, *({"id": number, "affected": []} for number in range(5)))


SMALL = Limits(file=10_000_000, total=5_000_000, record=1_000_000, members=100)


@pytest.mark.parametrize(
    ("damage", "message", "where"),
    [
        (cut, "damaged or cut off", "a.zip"),
        (page, "it is a web page, not data", "a.zip"),
        (bomb, "it unpacks to more than 1000000 bytes", "a.zip: x.json"),
        (lying_bomb, "", "a.zip"),
        (many_small, "it unpacks to more than 5000000 bytes", "a.zip"),
        (half_json, "it is no JSON", "a.zip: broken.json"),
        (empty, "it is empty", "a.zip"),
        (wrong_records, "records are unusable", "a.zip"),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_a_bad_file_is_one_error_and_the_last_good_copy_stays(
    folder: Path, damage: Callable[[Path], None], message: str, where: str
) -> None:
    path = good(folder)
    kev(folder / "feeds" / "kev.json", {"cveID": ONE, "dateAdded": "2026-01-01"})
    assert opened(folder).problems == []
    damage(path)
    later = opened(folder, NOW + 5 * HOUR, limits=SMALL)
    (problem,) = later.problems
    assert problem.feed == "a.zip"
    assert message in problem.what
    assert where in problem.where
    assert problem.next
    assert problem.used == "the last good copy, taken 5 hours ago"
    assert answers(later, OPENSSL)[ONE].status == FIX
    assert {status.name: bool(status.problem) for status in later.statuses} == {"a.zip": True, "kev.json": False}
    good(folder)
    assert opened(folder, NOW + 6 * HOUR).problems == []


def test_a_bad_file_from_the_start_leaves_the_others(folder: Path) -> None:
    good(folder)
    page(folder / "feeds" / "kev.json")
    feeds = opened(folder)
    assert [(problem.feed, problem.used) for problem in feeds.problems] == [("kev.json", "nothing")]
    assert [status.name for status in feeds.statuses] == ["a.zip"]


def test_nothing_there(folder: Path) -> None:
    feeds = open_feeds([str(folder / "nowhere"), str(folder / "feeds")], str(folder / "cache"), NOW)
    assert [problem.what for problem in feeds.problems] == ["it is not there", "it has no vulnerability data"]
    assert feeds.coverage("Debian:12", NOW).state == "no data"


def test_what_a_bad_version_is_about_is_unknown_and_the_rest_is_read(folder: Path) -> None:
    others = [
        advisory(f"DSA-{number}-1", fixed("bash", "5"), cves=(f"CVE-2026-{number:04}",)) for number in range(30, 60)
    ]
    osv_zip(
        folder / "feeds" / "a.zip",
        *others,
        advisory("DSA-1-1", fixed("openssl", "-1"), cves=(ONE,)),
        advisory("DSA-2-1", affects("openssl", {"introduced": "0"}), cves=("CVE-2026-0002",)),
    )
    feeds = opened(folder)
    (problem,) = feeds.problems
    assert "the fixed version of openssl in Debian:12 is impossible: '-1'" in problem.what
    assert problem.where.endswith("a.zip: DSA-1-1.json: DSA-1-1")
    found = answers(feeds, OPENSSL)
    assert (found[ONE].status, found[ONE].why) == (UNKNOWN, "the feed gives an impossible fixed version: '-1'")
    assert found["CVE-2026-0002"].status == NO_FIX
    assert feeds.statuses[0].rejected == 1


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_tracker_that_is_cut_off_names_the_entry(folder: Path, ending: str) -> None:
    packages = {f"p{number}": {ONE: {"releases": {"bookworm": state(status="open")}}} for number in range(50)}
    plain = json.dumps(packages).encode()[:-700]
    path = folder / "feeds" / f"tracker.json{ending}"
    path.write_bytes(gzip.compress(plain) if ending else plain)
    (problem,) = opened(folder).problems
    assert "cut off or no JSON at or after the entry 'p4" in problem.what


def test_a_line_of_100_mb(folder: Path) -> None:
    path = epss(folder / "feeds" / "epss.csv.gz", f"{ONE},0.5,0.9")
    assert opened(folder).problems == []
    path.write_bytes(
        gzip.compress(b"#score_date:2026-08-17\ncve,epss,percentile\nCVE-2026-0002," + b"9" * 100_000_000, 1)
    )
    (problem,) = opened(folder, NOW + HOUR).problems
    assert problem.what == "line 3 is longer than 4096 bytes"
    assert problem.used == "the last good copy, taken 1 hours ago"


def test_a_json_entry_of_100_mb(folder: Path) -> None:
    path = folder / "feeds" / "tracker.json"
    path.write_text('{"a": {"CVE-2026-0001": {"releases": {}}}, "b": "' + "x" * 100_000_000 + '"}')
    (problem,) = opened(folder).problems
    assert problem.what.startswith("the entry 'b' is longer than")
    os.truncate(path, 0)


@pytest.mark.parametrize(
    "row",
    ["CVE-2026-0002,-0.5,0.1", "CVE-2026-0002,1.5,0.1", "CVE-2026-0002,nan,0.1", "rm -rf /,0.1,0.1", "CVE-2026-0002"],
)
def test_epss_rows_that_cannot_be(folder: Path, row: str) -> None:
    rows = [f"CVE-2025-{number:04},0.5,0.9" for number in range(20)]
    epss(folder / "feeds" / "epss.csv.gz", *rows, row)
    (problem,) = opened(folder).problems
    assert problem.where.endswith("epss.csv.gz: line 23")
    assert "it is no CVE with two numbers from 0 to 1" in problem.what


def test_a_tracker_version_that_cannot_be(folder: Path) -> None:
    rest = {f"p{number}": {ONE: {"releases": {"bookworm": state(status="open")}}} for number in range(20)}
    bad = {ONE: {"releases": {"bookworm": state(fixed_version="3.1 or later")}}}
    tracker(folder / "feeds" / "tracker.json", {**rest, "openssl": bad})
    feeds = opened(folder)
    (problem,) = feeds.problems
    assert problem.where.endswith("tracker.json: openssl: CVE-2026-0001: bookworm")
    assert answers(feeds, OPENSSL)[ONE].status == UNKNOWN


def test_an_archive_of_cve_records_with_a_vector_that_cannot_be(folder: Path) -> None:
    path = folder / "feeds" / "cve.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for number in range(20):
            metric = {
                "cvssV3_1": {
                    "vectorString": "CVSS:3.1/AV:X" if number == 7 else "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
                }
            }
            member = folder / f"CVE-2026-{number:04}.json"
            member.write_text(json.dumps(cve_record(f"CVE-2026-{number:04}", metric)))
            archive.add(member, member.name)
    (problem,) = opened(folder).problems
    assert problem.where.endswith("CVE-2026-0007.json: CVE-2026-0007")
    assert "its cvssV3_1 vector cannot be read: 'CVSS:3.1/AV:X'" in problem.what


def names(feeds: Feeds) -> list[str]:
    return [status.name for status in feeds.statuses]


def test_text_that_is_not_unicode(folder: Path) -> None:
    """JSON can write half a surrogate pair."""
    osv_zip(folder / "feeds" / "a.zip", advisory("DSA-\ud800", fixed("openssl", "3.1"), summary="\udfff"))
    entry = {"description": "\ud800", "releases": {"bookworm": state(status="open")}}
    tracker(folder / "feeds" / "tracker.json", {"openssl": {ONE: entry}, "bash\ud800": {ONE: entry}})
    feeds = opened(folder)
    assert feeds.problems == []
    assert set(answers(feeds, OPENSSL)) == {"DSA-?", ONE}


def test_other_files_are_left_alone(folder: Path) -> None:
    good(folder)
    for name in ("README.md", "notes.txt", "decisions.csv", ".hidden.json"):
        (folder / "feeds" / name).write_text("<html>")
    feeds = opened(folder)
    assert (names(feeds), feeds.problems) == (["a.zip"], [])


def test_a_part_that_is_gone_is_made_again_and_an_old_one_is_removed(folder: Path) -> None:
    good(folder)
    opened(folder)
    parts = folder / "cache" / "parts"
    (first,) = parts.iterdir()
    first.unlink()
    assert answers(opened(folder), OPENSSL)[ONE].status == FIX
    osv_zip(folder / "feeds" / "a.zip", advisory("DSA-1-1", fixed("openssl", "2.9"), cves=(ONE,)))
    opened(folder)
    (second,) = parts.iterdir()
    assert second != first
    (folder / "cache" / "catalogue.json").write_text("{broken")
    assert opened(folder).problems == []
