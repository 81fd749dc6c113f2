# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From vulnerability data to patched hosts: decided, selected by what an update closes, closed when verified."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fleet import POLICY, Fleet

WAIVED = """\
exceptions:
  - {id: proxy, kind: mitigated, cves: [CVE-2026-9003], owner: Ada, reason: behind a proxy, expires: 2099-01-01}
"""


def advisory(name: str, package: str, fixed: str, *cves: str) -> dict[str, Any]:
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]
    return {
        "schema_version": "1.7.0",
        "id": name,
        "published": "2026-01-02T00:00:00Z",
        "modified": "2026-01-02T00:00:00Z",
        "summary": f"{package} - security update",
        "upstream": list(cves),
        "affected": [{"package": {"ecosystem": "Debian:12", "name": package}, "ranges": ranges}],
    }


def write_feeds(folder: Path) -> str:
    folder.mkdir()
    for item in [
        advisory("DSA-1-1", "lab-web", "1.1", "CVE-2026-9001", "CVE-2026-9002"),
        advisory("DSA-2-1", "lab-plain", "1.1", "CVE-2026-9003"),
        advisory("DSA-3-1", "lab-absent", "1.1", "CVE-2026-9004"),
    ]:
        (folder / f"{item['id']}.json").write_text(json.dumps(item))
    entry = {
        "cveID": "CVE-2026-9001",
        "vendorProject": "Lab",
        "product": "web",
        "vulnerabilityName": "Lab web hole",
        "dateAdded": "2026-01-03",
        "shortDescription": "text",
        "requiredAction": "update",
        "dueDate": "2026-01-24",
        "knownRansomwareCampaignUse": "Unknown",
        "notes": "",
        "cwes": [],
    }
    catalogue = {
        "title": "CISA Catalog of Known Exploited Vulnerabilities",
        "catalogVersion": "2026.01.03",
        "dateReleased": "2026-01-03T00:00:00.0000Z",
        "count": 1,
        "vulnerabilities": [entry],
    }
    (folder / "kev.json").write_text(json.dumps(catalogue))
    return str(folder)


def assessed(fleet: Fleet) -> dict[str, Any]:
    return json.loads((fleet.reports / "assess.json").read_text())


def test_what_is_exploited_is_planned_and_closes_when_a_look_shows_it(make_fleet: Callable[..., Fleet]) -> None:
    fleet = make_fleet(production=["prod1"])
    feeds = write_feeds(fleet.folder / "feeds")
    data = ["-e", f"lockstep_feeds={feeds}", "-e", f"lockstep_feeds_cache={fleet.folder}/cache"]
    fleet.policy.write_text(POLICY + "select: {closes: {kev: true}}\nexceptions: exceptions.yml\n")
    (fleet.folder / "exceptions.yml").write_text(WAIVED.replace("owner: Ada, ", ""))
    wrong = fleet.play("assess", *data)
    assert wrong.status != 0 and "exceptions.yml:2: exceptions[0]: 'owner' is missing" in wrong.output, wrong.output
    assert "TASK [lockstep.patching.detect" not in wrong.output, "before any host is touched"

    (fleet.folder / "exceptions.yml").write_text(WAIVED)
    first = fleet.play("assess", *data)
    assert first.status == 0, first.output
    assert first.closing.startswith("done: 2 hosts assessed: 2 open on 2 hosts, 1 in KEV, first deadline "), (
        first.output
    )
    view = assessed(fleet)
    jobs = {(row["source"], row["to"]): row for row in view["work"]}
    assert jobs["lab-web", "1.1"]["some"] == ["prod1", "test1"] and jobs["lab-web", "1.1"]["kev"] == ["CVE-2026-9001"]
    decisions = {row["vuln"]: (row["decision"], row["excepted"]) for row in view["vulnerabilities"]}
    assert decisions == {
        "CVE-2026-9001": ("3 days & forensic investigation", 0),
        "CVE-2026-9002": ("3 days", 0),
        "CVE-2026-9003": ("", 2),
    }

    done = fleet.play("rollout", *data)
    assert done.status == 0, done.output
    assert "2 of 2 hosts verified" in done.closing and "vulnerabilities: none open on 2 hosts" in done.closing
    for host in ("test1", "prod1"):
        assert fleet.versions(host, "lab-web") == "1.1"
        assert fleet.versions(host, "lab-plain") == "1.0", "it closes nothing that select.closes asks for"
    gone = {item["vuln"]: item["after"] for item in assessed(fleet)["news"]["items"] if item["kind"] == "gone"}
    assert gone == {"CVE-2026-9001": "fixed", "CVE-2026-9002": "fixed"}

    report = fleet.play("report")
    assert report.status == 0, report.output
    with open(fleet.reports / "assess-deadlines.csv", newline="") as handle:
        rows = {(row["host"], row["vulnerability"]): row for row in csv.DictReader(handle)}
    assert {key: row["outcome"] for key, row in rows.items()} == {
        (host, vuln): outcome
        for host in ("test1", "prod1")
        for vuln, outcome in [("CVE-2026-9001", "kept"), ("CVE-2026-9002", "kept"), ("CVE-2026-9003", "excepted")]
    }
    assert rows["test1", "CVE-2026-9001"]["why"] == "fixed"
