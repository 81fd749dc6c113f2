# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A whole assessment on a real ledger with small feeds: in the published form, and hosts share what is equal."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "feeds"))
from feed_samples import NOW, advisory, epss, fixed, kev, opened, osv_zip  # noqa: E402

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import digest
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.assess_data import assess_data
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.assessing import Fleet, assess
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.offers import Offers
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.past import past_lives
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.risk_files import (
    RiskFiles,
    read_policy_scheme,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.load import default_policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.exceptions import Waiver
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.assess import assess_view
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.write import write

DAY = 86_400_000
SCHEMA = json.loads((Path(__file__).resolve().parents[5] / "docs" / "assess.schema.json").read_text())
HOSTS = ["web1", "web2", "db1", "lost"]
NAMES = ("openssl", "curl", "bash", "nginx", "perl", "zlib")
WAIVER = Waiver("w", "accept", ("CVE-2026-0006",), (), None, "Ada", "r", "", "", 0, NOW + 30 * DAY, 1)


def package(name: str, version: str) -> dict[str, Any]:
    return {"name": name, "arch": "amd64", "version": version, "source": name, "source_version": version}


class World:
    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self.folder, self.ledger = folder, ledger
        self.token = ledger.begin_run("default", "assess", "test", None, "test", None, NOW)
        (folder / "feeds").mkdir()
        notices = [
            advisory(f"DSA-{at}-1", fixed(name, "2"), cves=(f"CVE-2026-000{at}",)) for at, name in enumerate(NAMES, 1)
        ]
        osv_zip(folder / "feeds" / "a.zip", *notices)
        epss(folder / "feeds" / "epss.csv.gz", "CVE-2026-0001,0.5,0.9")
        self.exploited()

    def exploited(self, *cves: str) -> None:
        entry = {"vulnerabilityName": "x", "dateAdded": "2026-02-03", "dueDate": "2026-02-24"}
        kev(self.folder / "feeds" / "kev.json", *({**entry, "cveID": cve} for cve in ("CVE-2020-1", *cves)))

    def look(self, host: str, now: int, **other: str) -> None:
        packages = [package(name, other.get(name, "1")) for name in NAMES if other.get(name) != ""]
        offered = [{**package(name, "2"), "action": "upgrade", "security": True} for name in ("openssl", "curl")]
        content = {
            "os": {"id": "debian", "version": "12", "codename": "bookworm"},
            "boot": {"boot_id": host, "kernel_running": "6.1"},
            "packages": packages,
            "candidates": offered,
        }
        digests = {section: digest(value) for section, value in content.items()}
        self.ledger.record_look(
            "default",
            host,
            self.token,
            now,
            digests=digests,
            sections=content,
            answer={},
            fingerprint={"machine_id": host},
            platform="debian-12",
        )

    def assess(self, now: int) -> dict[str, Any]:
        cache, policy = str(self.folder / "cache"), default_policy()
        feeds = opened(self.folder, now)
        offers = Offers(self.ledger, "default", HOSTS)
        words = {host: {"lockstep_exposure": "small" if host == "db1" else "open"} for host in HOSTS}
        fleet = Fleet("default", HOSTS, words, offers.in_use, offers.controls, ())
        files = RiskFiles(read_policy_scheme(policy, str(self.folder)), (WAIVER,), {})
        made = assess(self.ledger, fleet, self.token, policy, files, feeds, cache, now)
        data = assess_data("default", policy, None, files, feeds, made, offers, now)
        feeds.close()
        view = assess_view({**data, "closing": "done"})
        Draft202012Validator(SCHEMA).validate(json.loads(json.dumps(view)))
        return view


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Ledger.open(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        yield World(tmp_path, ledger)


def open_on(view: dict[str, Any], host: str) -> dict[str, str]:
    (row,) = [row for row in view["hosts"] if row["host"] == host]
    steps = [view["steps"][number] for lot in row["lots"] for number in view["lots"][lot]]
    return {finding["vuln"]: step["version"] for step in steps for finding in step["findings"]}


def test_hosts_are_assessed_by_what_is_distinct_and_told_in_the_published_form(world: World) -> None:
    for host in HOSTS[:3]:
        world.look(host, NOW)
    first = world.assess(NOW)
    all_of_them = {f"CVE-2026-000{at}": "1" for at in range(1, 7)}
    assert {host: open_on(first, host) for host in HOSTS[:3]} == dict.fromkeys(HOSTS[:3], all_of_them)
    assert open_on(first, "lost") == {}
    jobs = {(row["source"], row["to"]): (row["hosts"], row["some"]) for row in first["work"]}
    assert jobs["openssl", "2"] == (3, ["db1", "web1", "web2"]) and jobs["bash", None][0] == 3
    assert first["exceptions"][0]["hosts"] == first["exceptions"][0]["findings"] == 3
    shared = [set(row["lots"]) for row in first["hosts"] if row["host"].startswith("web")]
    assert shared[0] == shared[1], "equal hosts have equal lots"

    world.look("web2", NOW + DAY, openssl="2", perl="")
    world.look("db1", NOW + DAY)
    world.exploited("CVE-2026-0002")
    second = world.assess(NOW + DAY)
    assert open_on(second, "web1") == all_of_them
    assert open_on(second, "web2") == {
        name: "1" for name in all_of_them if name not in ("CVE-2026-0001", "CVE-2026-0005")
    }
    news = {
        (item["kind"], item["vuln"]): (item["hosts"], item["some"], item["after"]) for item in second["news"]["items"]
    }
    assert news["gone", "CVE-2026-0001"] == (1, ["web2"], "fixed")
    assert news["gone", "CVE-2026-0005"] == (1, ["web2"], "removed")
    entered = [item["some"] for item in second["news"]["items"] if item["kind"] == "entered_kev"]
    assert sorted(entered) == [["db1"], ["web1", "web2"]], "by deadline, which the exposure decides"
    third = world.assess(NOW + 2 * DAY)
    assert third["news"]["items"] == [] and open_on(third, "web2") == open_on(second, "web2")

    world.look("web2", NOW + 3 * DAY)
    fourth = world.assess(NOW + 3 * DAY)
    (step,) = [step for step in fourth["steps"] if step["source"] == "openssl" and step["findings"][0]["reopened"]]
    assert step["findings"][0]["opened_ms"] == NOW + 3 * DAY
    lives = list(past_lives(world.ledger, "default", NOW, NOW + 4 * DAY))
    told = [(life.opened_ms, life.closed_ms) for host, life in lives if (host, life.source) == ("web2", "openssl")]
    assert sorted(told) == [(NOW, NOW + DAY), (NOW + 3 * DAY, None)]
    assert len(lives) == 3 * 6 + 2


def test_files_say_where_each_finding_is(world: World, tmp_path: Path) -> None:
    for host in HOSTS[:3]:
        world.look(host, NOW, **({"curl": "2"} if host == "web1" else {}))
    paths = write(world.assess(NOW), str(tmp_path / "report"))
    with open(paths["findings_csv"], newline="") as handle:
        rows = {(row["vulnerability"], row["exposure"]): row for row in csv.DictReader(handle)}
    assert (rows["CVE-2026-0001", "open"]["hosts"], rows["CVE-2026-0001", "open"]["on"]) == ("2", "web1; web2")
    assert rows["CVE-2026-0002", "open"]["on"] == "web2" and rows["CVE-2026-0002", "small"]["on"] == "db1"
    page = Path(paths["html"]).read_text()
    assert page.count('<tr id="s') == len(json.loads(Path(paths["json"]).read_text())["steps"])
