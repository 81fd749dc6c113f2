# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Changelogs of package files: what they name is found without any other data."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

import pytest
from feed_samples import NOW, advisory, fixed, opened, osv_zip

from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.changelogs import (
    NAME,
    PackageFile,
    add_changelogs,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.library import Feeds, open_feeds
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.matcher import Matcher
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.read_changelog import Entry, entries
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import FIX, Subject

TEXT = """\
openssl (3.0.14-1~deb12u2) bookworm-security; urgency=medium

  * Import upstream fixes for CVE-2024-6119 and CVE-2024-6120,
    also known as CVE-2024-6119.

 -- A Maintainer <a@example.org>  Tue, 03 Sep 2024 20:00:00 +0200

openssl (3.0.14-1~deb12u1) bookworm; urgency=medium

  * New upstream version.

 -- A Maintainer <a@example.org>  Sun, 04 Aug 2024 20:00:00 +0200

openssl (3.0.13-1~deb12u1) bookworm; urgency=medium

  * CVE-2024-0727; {{ lookup('pipe', 'true') }} CVE-2024-07

 -- A Maintainer <a@example.org>  Sun, 04 Feb 2024 20:00:00 +0200
"""
DOC = "./usr/share/doc/openssl"


def deb(path: Path, files: dict[str, bytes], links: dict[str, str] | None = None, form: str = "xz") -> Path:
    """A package file with these files and links in it."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=f"w:{form}") as archive:
        for name, content in files.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
        for name, target in (links or {}).items():
            about = tarfile.TarInfo(name)
            about.type, about.linkname = tarfile.SYMTYPE, target
            archive.addfile(about)
    members = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", f"data.tar.{form}": data.getvalue()}
    with path.open("wb") as out:
        out.write(b"!<arch>\n")
        for name, content in members.items():
            out.write(f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content)
            out.write(b"\n" * (len(content) % 2))
    return path


def wanted(path: Path, source: str = "openssl", version: str = "3.0.14-1~deb12u2") -> PackageFile:
    content = path.read_bytes()
    return PackageFile("Debian:12", source, version, hashlib.sha256(content).hexdigest(), str(path), len(content))


def named(feeds: Feeds, version: str, source: str = "openssl") -> dict[str, tuple[str, str | None, bool]]:
    found = Matcher(feeds).open_answers([Subject("Debian:12", source, version, "deb")])
    return {each.id: (each.status, each.fixed, each.only_changelog) for row in found.values() for each in row}


def nothing(tmp_path: Path) -> Feeds:
    return open_feeds(None, str(tmp_path / "cache"), NOW)


def test_entries() -> None:
    assert list(entries(TEXT)) == [
        Entry("3.0.14-1~deb12u2", ("CVE-2024-6119", "CVE-2024-6120")),
        Entry("3.0.13-1~deb12u1", ("CVE-2024-0727",)),
    ]
    signed = "linux-signed-amd64 (6.1.106+3) bookworm; urgency=medium\n\n  * Sign kernel; CVE-2024-1000\n"
    assert list(entries(signed)) == [Entry("6.1.106-3", ("CVE-2024-1000",))]
    assert list(entries("no changelog; CVE-2024-1000")) == []


@pytest.mark.parametrize("form", ["xz", "gz"])
def test_what_the_changelog_between_installed_and_candidate_names(tmp_path: Path, form: str) -> None:
    files = {
        f"{DOC}/changelog.gz": gzip.compress(b"upstream says CVE-2000-0001"),
        f"{DOC}/changelog.Debian.gz": gzip.compress(TEXT.encode()),
    }
    feeds = nothing(tmp_path)
    silent = add_changelogs(feeds, [wanted(deb(tmp_path / "a.deb", files, form=form))], str(tmp_path / "cache"), NOW)
    assert silent == []
    new = dict.fromkeys(("CVE-2024-6119", "CVE-2024-6120"), (FIX, "3.0.14-1~deb12u2", True))
    assert named(feeds, "3.0.13-1~deb12u1") == new
    assert named(feeds, "3.0.11-1") == {**new, "CVE-2024-0727": (FIX, "3.0.13-1~deb12u1", True)}
    assert named(feeds, "3.0.14-1~deb12u2") == {}
    assert feeds.coverage("Debian:12", NOW).state == "no data"  # changelogs are no list of what there is


def test_a_sibling_speaks_for_a_package_that_only_links_to_it(tmp_path: Path) -> None:
    link = deb(tmp_path / "a.deb", {}, {"./usr/share/doc/libssl3": "openssl"})
    has = deb(tmp_path / "b.deb", {f"{DOC}/changelog.Debian": TEXT.encode() + b" " * 4000})
    other = deb(tmp_path / "c.deb", {"./usr/share/doc/x/changelog.gz": gzip.compress(b"Version 2: all new")})
    feeds = nothing(tmp_path)
    silent = add_changelogs(
        feeds, [wanted(link), wanted(has), wanted(other, "other", "2.0-1")], str(tmp_path / "cache"), NOW
    )
    assert silent == [("Debian:12", "other", "2.0-1")]
    assert set(named(feeds, "3.0.14-1~deb12u1")) == {"CVE-2024-6119", "CVE-2024-6120"}


def test_a_file_is_read_once(tmp_path: Path) -> None:
    path = deb(tmp_path / "a.deb", {f"{DOC}/changelog.Debian.gz": gzip.compress(TEXT.encode())})
    file = wanted(path)
    add_changelogs(nothing(tmp_path), [file], str(tmp_path / "cache"), NOW)
    path.unlink()
    feeds = nothing(tmp_path)
    add_changelogs(feeds, [file], str(tmp_path / "cache"), NOW)
    assert "CVE-2024-6119" in named(feeds, "3.0.13-1")


def test_a_damaged_package_is_one_error_and_the_others_are_read(tmp_path: Path) -> None:
    good = deb(tmp_path / "a.deb", {f"{DOC}/changelog.Debian.gz": gzip.compress(TEXT.encode())})
    bad = tmp_path / "b.deb"
    bad.write_bytes(good.read_bytes()[:200])
    feeds = nothing(tmp_path)
    add_changelogs(feeds, [wanted(bad, "bash"), wanted(good)], str(tmp_path / "cache"), NOW)
    (problem,) = feeds.problems
    assert (problem.feed, problem.where) == (NAME, str(bad))
    assert "CVE-2024-6119" in named(feeds, "3.0.13-1")


def test_what_an_advisory_names_too_is_no_finding_of_the_changelog_only(tmp_path: Path) -> None:
    (tmp_path / "feeds").mkdir()
    document = advisory("DSA-1-1", fixed("openssl", "3.0.14-1~deb12u2"), cves=("CVE-2024-6119",))
    osv_zip(tmp_path / "feeds" / "a.zip", document)
    feeds = opened(tmp_path)
    path = deb(tmp_path / "a.deb", {f"{DOC}/changelog.Debian.gz": gzip.compress(TEXT.encode())})
    add_changelogs(feeds, [wanted(path)], str(tmp_path / "cache"), NOW)
    found = named(feeds, "3.0.13-1~deb12u1")
    assert {name: only for name, (_status, _fixed, only) in found.items()} == {
        "CVE-2024-6119": False,
        "CVE-2024-6120": True,
    }
