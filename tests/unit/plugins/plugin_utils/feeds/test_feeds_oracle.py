# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whole package lists against the real data, compared with what the platforms' own tools say.

The oracle is written for this test only and shares no code with the collection: it reads the published files itself,
asks `dpkg --compare-versions` and rpm's own comparison for each pair, and knows nothing of tables or caches.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from feed_samples import NO_REAL, NOW, REAL

from ansible_collections.lockstep.patching.plugins.module_utils._parse.dpkg_status import parse_status
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.ecosystems import ecosystem_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.library import Feeds, open_feeds
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.matcher import Matcher
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.subjects import subjects_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import FIX, LEFT_OVER, UNKNOWN

pytestmark = pytest.mark.skipif(not (REAL / "osv").is_dir(), reason=NO_REAL)
DPKG_STATUS = Path("/var/lib/dpkg/status")


class Published(NamedTuple):
    """A line of a published advisory."""

    advisory: str
    cves: frozenset[str]
    package: str
    fixed: str
    streams: frozenset[str]


def published(name: str, ecosystem: str) -> Iterator[Published]:
    with zipfile.ZipFile(REAL / "osv" / name) as archive:
        for member in archive.namelist():
            document = json.loads(archive.read(member))
            own = [] if re.match("AL[BE]A-", document["id"]) else [document["id"]]  # no CVE: only a notice of security
            cves = frozenset(document.get("upstream") or document.get("related") or own)
            words = document.get("summary", "").replace("/", " ").replace(",", " ").split()
            streams = frozenset(word for word in words if ":" in word[1:-1] and not word.startswith("ALSA"))
            for entry in document["affected"]:
                if entry["package"]["ecosystem"] == ecosystem and cves:
                    (span,) = entry["ranges"]
                    fixed = span["events"][1]["fixed"]
                    yield Published(document["id"], cves, entry["package"]["name"], fixed, streams)


def older_says_dpkg(pairs: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of the pairs of which dpkg says that the first is older."""
    listed = sorted(set(pairs))
    lines = "".join(f"dpkg --compare-versions '{one}' lt '{two}' && echo {n}\n" for n, (one, two) in enumerate(listed))
    done = subprocess.run(["sh"], input=lines, capture_output=True, text=True, timeout=300, check=False)
    assert not done.stderr
    return {listed[int(line)] for line in done.stdout.split()}


def older_says_rpm(pairs: Iterable[tuple[str, str]], folder: Path) -> set[tuple[str, str]]:
    """Those of the pairs of which rpm says that the first is older; one process for all of them."""
    listed = sorted(set(pairs))
    (folder / "pairs").write_text("".join(f"{one} {two}\n" for one, two in listed))
    script = (
        f'%{{lua: for line in io.lines("{folder}/pairs") do local a, b = line:match("(%S+) (%S+)")'
        " if rpm.ver(a) < rpm.ver(b) then print(1) else print(0) end end}"
    )
    done = subprocess.run(["rpm", "--eval", script], capture_output=True, text=True, timeout=300, check=True)
    said = re.findall("[01]", done.stdout)
    assert len(said) == len(listed)
    return {pair for pair, one in zip(listed, said, strict=True) if one == "1"}


@pytest.fixture(scope="module")
def feeds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Feeds]:
    found = open_feeds(str(REAL), str(tmp_path_factory.mktemp("cache")), NOW)
    assert found.problems == []
    yield found
    found.close()


def ours(feeds: Feeds, system: dict[str, str], packages: list[dict[str, str]], *statuses: str) -> set:
    """(package, version, CVE) of what is affected, or whose status is one of those given."""
    ecosystem = ecosystem_of(system)
    assert ecosystem
    found = Matcher(feeds).open_answers(subjects_of(packages, ecosystem))
    return {
        (subject.package, subject.version, answer.id)
        for subject, answers in found.items()
        for answer in answers
        if answer.status in (statuses or (FIX,))
    }


def theirs(rows: list[Published], installed: Iterable[tuple[str, str]], older: set[tuple[str, str]]) -> set:
    """An advisory is open in a version that is older than its fix, with all that it names."""
    by_name: dict[str, list[Published]] = {}
    for row in rows:
        by_name.setdefault(row.package, []).append(row)
    return {
        (name, version, cve)
        for name, version in installed
        for row in by_name.get(name, ())
        if (version, row.fixed) in older
        for cve in row.cves
    }


@pytest.mark.skipif(not DPKG_STATUS.exists() or not shutil.which("dpkg-query"), reason="no Debian machine")
@pytest.mark.parametrize("release", ["11", "12", "13"])
def test_every_package_of_this_machine(feeds: Feeds, release: str) -> None:
    rows = list(published("Debian.zip", f"Debian:{release}"))
    query = ["dpkg-query", "-W", "-f", "${db:Status-Abbrev}\t${source:Package}\t${source:Version}\n"]
    said = [line.split("\t") for line in subprocess.check_output(query, text=True).splitlines()]
    installed = {(source, version) for status, source, version in said if status[1] not in "nc"}
    assert len(installed) > 50
    older = older_says_dpkg((v, row.fixed) for name, v in installed for row in rows if row.package == name)
    packages, _held = parse_status(DPKG_STATUS.read_text(encoding="utf-8", errors="replace"), set())
    system = {"id": "debian", "version": release}
    assert ours(feeds, system, [dict(row._asdict()) for row in packages]) == theirs(rows, installed, older)


@pytest.mark.skipif(not shutil.which("dpkg"), reason="no Debian machine")
@pytest.mark.parametrize("release", ["11", "12", "13"])
def test_a_host_with_every_package_that_debian_has_fixed(feeds: Feeds, release: str) -> None:
    """Each at the version of one of its own fixes, or a little beside it."""
    rows = list(published("Debian.zip", f"Debian:{release}"))
    chosen, some = {}, random.Random(int(release))
    for row in rows:
        if row.package not in chosen or some.random() < 0.4:
            chosen[row.package] = row.fixed + some.choice(["", "", "~rc1", ".1"])
    older = older_says_dpkg((chosen[row.package], row.fixed) for row in rows)
    packages = [  # binaries that were built again without a change of their source
        {"name": f"lib{name}", "arch": "amd64", "version": f"{v}+b1", "source": name, "source_version": v}
        for name, v in chosen.items()
    ]
    found = ours(feeds, {"id": "debian", "version": release}, packages)
    assert found == theirs(rows, chosen.items(), older)
    assert len(found) > 500


@pytest.mark.skipif(not shutil.which("rpm"), reason="rpm is not installed (Debian: apt-get install rpm)")
@pytest.mark.parametrize("release", ["8", "9", "10"])
def test_a_host_with_every_package_that_almalinux_has_fixed(feeds: Feeds, release: str, tmp_path: Path) -> None:
    rows = [row for name in ("8", "9", "10") for row in published(f"AlmaLinux-{name}.zip", f"AlmaLinux:{release}")]
    chosen: dict[str, Published] = {}
    some = random.Random(int(release))
    for row in rows:
        if (row.package not in chosen or some.random() < 0.3) and (row.streams or ".module" not in row.fixed):
            chosen[row.package] = row
    installed = [(name, row.fixed) for name, row in chosen.items()]
    # an advisory is about its own module stream only; of the rebuilds that it lists, the first has its fix
    rows = [row for row in rows if row.package in chosen]
    about = [row for row in rows if _same_stream(row, chosen[row.package])]
    older = older_says_rpm(((chosen[row.package].fixed, row.fixed) for row in about), tmp_path)
    has = {(row.advisory, row.package) for row in about if (chosen[row.package].fixed, row.fixed) not in older}
    lacking = [row for row in about if (row.advisory, row.package) not in has]
    packages = [
        {"name": name, "version": row.fixed, "module": min(row.streams) if ".module" in row.fixed else ""}
        for name, row in chosen.items()
    ]
    # a few advisories do not say which of several streams of a package they are about: that is no answer
    said: dict[str, set[str]] = {}
    for row in rows:
        if ".module" in row.fixed:
            said.setdefault(row.package, set()).update(row.streams)
    silent = {row for row in lacking if ".module" in row.fixed and not row.streams and len(said[row.package]) > 1}
    expected = theirs([row for row in lacking if row not in silent], installed, older)
    system = {"id": "almalinux", "version": f"{release}.4"}
    assert ours(feeds, system, packages) == expected
    assert ours(feeds, system, packages, UNKNOWN) == theirs(list(silent), installed, older) - expected
    assert len(expected) > 500


def _same_stream(row: Published, host: Published) -> bool:
    modular = (".module" in row.fixed, ".module" in host.fixed)
    return modular == (False, False) or (
        modular == (True, True) and (not row.streams or min(host.streams) in row.streams)
    )


def test_older_kernels_that_are_only_kept_open_nothing(feeds: Feeds) -> None:
    ecosystem = ecosystem_of({"id": "debian", "version": "12"})
    assert ecosystem
    kernels = [
        {"name": f"linux-image-{release}-amd64", "version": version, "source": "linux-signed-amd64"}
        for release, version in (("6.1.0-25", "6.1.106-3"), ("6.1.0-26", "6.1.112-1"), ("6.1.0-50", "6.1.192-1"))
    ]
    subjects = subjects_of(kernels, ecosystem, "6.1.0-26-amd64")
    assert [(subject.package, subject.version, subject.role) for subject in subjects] == [
        ("linux", "6.1.106-3", LEFT_OVER),
        ("linux", "6.1.112-1", "running kernel"),
        ("linux", "6.1.192-1", "newest kernel"),
    ]
