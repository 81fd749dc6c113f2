# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Vulnerabilities of a real host with real pending updates, compared with what dpkg says of it."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fleet import Fleet, Lab

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.feeds import add_acquired
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.changelogs import NAME
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.fleet import SECTIONS, HostFacts, match_fleet
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.library import open_feeds
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.matcher import Matcher
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import FIX, FIXED

REAL = Path(os.environ.get("LOCKSTEP_TEST_FEEDS") or "/nonexistent")
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        not (REAL / "osv").is_dir(), reason="no real vulnerability data: LOCKSTEP_TEST_FEEDS names no folder of them"
    ),
]
POLICY = "rings: [{name: test, hosts: all, soak: 0h}]\n"
NOW = 1_795_000_000_000


class Seen(NamedTuple):
    """pending: (source, installed, candidate); dsa: (source, CVE) -> fixed version, of what dpkg says is older."""

    fleet: Fleet
    pending: set[tuple[str, str, str]]
    dsa: dict[tuple[str, str], str]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """A host of Debian 11 as it was released, with the security archive; its updates are in the store."""
    with Lab(f"fd-{os.getpid()}").up({"real1": "bullseye"}, mode="real") as lab:
        fleet = Fleet(tmp_path_factory.mktemp("fleet"), lab)
        fleet.policy.write_text(POLICY)
        for playbook in ("plan", "acquire"):
            done = fleet.play(playbook)
            assert done.status == 0, done.output
        host = lab.host("real1")
        said = host.run(["dpkg-query", "-W", "-f", "${Package}\t${source:Package}\t${source:Version}\n"]).stdout
        installed = {row[0]: (row[1], row[2]) for row in (line.split("\t") for line in said.splitlines())}
        pending = set()
        for line in host.run(["apt-get", "-s", "full-upgrade"]).stdout.splitlines():
            words = line.split()
            if words[:1] == ["Inst"] and words[1] in installed:
                pending.add((*installed[words[1]], words[3].strip("(")))
        yield Seen(fleet, pending, dsa_of(set(installed.values())))


def dsa_of(installed: set[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """What Debian's own advisories and dpkg's own comparison say of source packages."""
    found: dict[tuple[str, str], str] = {}
    versions = dict(installed)
    with zipfile.ZipFile(REAL / "osv" / "Debian.zip") as archive:
        for name in archive.namelist():
            document = json.loads(archive.read(name))
            for entry in document["affected"]:
                package = entry["package"]
                if package["ecosystem"] == "Debian:11" and package["name"] in versions:
                    fixed = entry["ranges"][0]["events"][1]["fixed"]
                    order = ["dpkg", "--compare-versions", versions[package["name"]], "lt", fixed]
                    if subprocess.run(order, check=False).returncode == 0:
                        ids = document["upstream"] or [document["id"]]
                        found.update({(package["name"], each): fixed for each in ids})
    return found


def answers(seen: Seen, folder: Path, feeds: Any, changelogs: bool) -> dict[tuple[str, str], Any]:
    """(source, vulnerability) -> answer, for the host."""
    cache = str(folder / "cache")
    opened = open_feeds(feeds, cache, NOW)
    with Ledger.open(f"sqlite:///{seen.fleet.ledger}", create=False) as ledger:
        if changelogs:
            add_acquired(opened, ledger, "default", str(seen.fleet.folder / "store"), cache, NOW)
        facts = [HostFacts(row.host, row.digests) for row in ledger.inventory("default", SECTIONS)]
        found = match_fleet(Matcher(opened), facts, ledger.contents_of, cache)
    assert opened.problems == []
    assert found.unknown == ({} if feeds else {"real1": "no feed has data of Debian:11"})
    numbers = found.of("real1")
    return {(found.subjects[n].package, answer.id): answer for n in numbers for answer in found.answers[n]}


def test_what_advisories_say_is_what_dpkg_says(seen: Seen, tmp_path: Path) -> None:
    found = answers(seen, tmp_path, str(REAL), changelogs=False)
    assert {key: answer.fixed for key, answer in found.items()} == seen.dsa
    assert {answer.status for answer in found.values()} <= {FIX}


def test_changelogs_of_pending_updates_alone_find_them_too_and_say_so(seen: Seen, tmp_path: Path) -> None:
    found = answers(seen, tmp_path, None, changelogs=True)
    sources = {source for source, _installed, _candidate in seen.pending}
    predicted = {key for key in seen.dsa if key[0] in sources}
    print(f"pending: {len(seen.pending)} packages of {len(sources)} sources; by advisories {len(predicted)},")
    print(f"by changelogs {len(found)}; not in a changelog: {sorted(predicted - found.keys())}")
    assert found
    assert all(answer.only_changelog and answer.status == FIX for answer in found.values())
    assert {source for source, _cve in found} <= sources
    assert len(predicted - found.keys()) <= len(predicted) // 10


def test_both_together_find_every_one_and_tell_which_only_a_changelog_names(seen: Seen, tmp_path: Path) -> None:
    found = answers(seen, tmp_path, str(REAL), changelogs=True)
    assert found.keys() >= seen.dsa.keys()
    alone = {key for key, answer in found.items() if answer.only_changelog}
    assert alone == {key for key, answer in found.items() if {claim.source for claim in answer.claims} == {NAME}}
    assert alone.isdisjoint(seen.dsa)
    # what an advisory says is fixed already and a later changelog names again is shown as what it is
    for key in found.keys() - alone - seen.dsa.keys():
        assert found[key].disagree == "status"
        assert {claim.status for claim in found[key].claims} == {FIX, FIXED}


def test_assess_without_any_feed_finds_what_changelogs_name(seen: Seen) -> None:
    found = answers(seen, seen.fleet.folder, None, changelogs=True)
    done = seen.fleet.play("assess")
    print(done.output[-4000:])
    assert done.status == 0, done.output
    assert f"{len({name for _source, name in found})} open on 1 host" in done.closing
