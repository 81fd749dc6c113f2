# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Small feeds in their publishers' formats, written by the tests themselves."""

from __future__ import annotations

import gzip
import json
import os
import zipfile
from pathlib import Path
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.library import Feeds, open_feeds
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.matcher import Matcher
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import Answer, Subject

NOW = 1_795_000_000_000
REAL = Path(os.environ.get("LOCKSTEP_TEST_FEEDS") or "/nonexistent")
NO_REAL = "no real vulnerability data: LOCKSTEP_TEST_FEEDS names no folder of them"


def advisory(name: str, *affected: dict[str, Any], cves: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    document = {"id": name, "published": "2026-01-02T00:00:00Z", "modified": "2026-01-03T00:00:00Z", "upstream": cves}
    return {**document, "affected": list(affected), **more}


def affects(package: str, *events: dict[str, Any], ecosystem: str = "Debian:12") -> dict[str, Any]:
    return {
        "package": {"ecosystem": ecosystem, "name": package},
        "ranges": [{"type": "ECOSYSTEM", "events": list(events)}],
    }


def fixed(package: str, version: str, ecosystem: str = "Debian:12") -> dict[str, Any]:
    return affects(package, {"introduced": "0"}, {"fixed": version}, ecosystem=ecosystem)


def osv_zip(path: Path, *documents: dict[str, Any]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, document in enumerate(documents):
            name = str(document.get("id", number)).encode("ascii", "replace").decode()
            archive.writestr(f"{name}.json", json.dumps(document))
    return path


def tracker(path: Path, packages: dict[str, Any]) -> Path:
    path.write_text(json.dumps(packages), encoding="utf-8")
    return path


def state(**about: Any) -> dict[str, Any]:
    return {"status": "resolved", "urgency": "not yet assigned", **about}


def kev(path: Path, *entries: dict[str, Any]) -> Path:
    document = {"dateReleased": "2026-07-23T16:21:10.8082Z", "count": len(entries), "vulnerabilities": list(entries)}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def epss(path: Path, *rows: str) -> Path:
    head = ["#model_version:v2025,score_date:2026-08-16T00:00:00+0000", "cve,epss,percentile"]
    path.write_bytes(gzip.compress("\n".join([*head, *rows, ""]).encode()))
    return path


def cve_record(name: str, *metrics: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "dataType": "CVE_RECORD",
        "cveMetadata": {"cveId": name, "state": "PUBLISHED", "datePublished": "2025-12-31T10:00:00.123Z", **more},
        "containers": {
            "cna": {"title": "A title", "references": [{"url": "https://example.org/a"}]},
            "adp": [{"providerMetadata": {"shortName": "CISA-ADP"}, "metrics": list(metrics)}],
        },
    }


def opened(folder: Path, now_ms: int = NOW, **more: Any) -> Feeds:
    return open_feeds(str(folder / "feeds"), str(folder / "cache"), now_ms, **more)


def answers(feeds: Feeds, subject: Subject) -> dict[str, Answer]:
    return {answer.id: answer for answer in Matcher(feeds).all_answers(subject)}
