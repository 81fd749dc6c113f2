# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""CVE records (JSON 5.x) with what CISA's vulnrichment adds to them: SSVC decision points and CVSS vectors.

Scores are computed from the vectors, never read: what a record gives as its score may be anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.dates import milliseconds
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.errors import FeedError
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.records import (
    CVE,
    About,
    Described,
    Record,
    Rejected,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import Cvss, Ssvc

try:
    import cvss
except ImportError:
    cvss = None

_VECTORS = ("cvssV4_0", "cvssV3_1", "cvssV3_0", "cvssV2_0")
_KINDS = {"4.0": "CVSS4", "3.1": "CVSS3", "3.0": "CVSS3", "2.0": "CVSS2"}
_POINTS = {
    "exploitation": ("none", "poc", "active"),
    "automatable": ("yes", "no"),
    "technical impact": ("partial", "total"),
}
_AT_MOST = 20  # containers, metrics or references of one record that are read


def looks_like(document: Any) -> bool:
    return isinstance(document, Mapping) and document.get("dataType") == "CVE_RECORD"


def read(document: Mapping[str, Any], where: str) -> Iterator[Record]:
    """The Described of one record. where: file and member."""
    about = _mapping(document.get("cveMetadata"))
    cve = about.get("cveId")
    if not isinstance(cve, str) or not CVE.match(cve):
        yield Rejected(where, "it has no cveId")
        return
    if about.get("state") == "REJECTED":
        return
    updated = milliseconds(about.get("dateUpdated"))
    if updated is not None:
        yield About(updated)
    containers = _mapping(document.get("containers"))
    authority = _mapping(containers.get("cna"))
    parts = [authority, *(_mapping(part) for part in _list(containers.get("adp")))]
    scores: dict[str, Cvss] = {}
    ssvc: Ssvc | None = None
    for part in parts:
        provider = _text(_mapping(part.get("providerMetadata")).get("shortName")) or "unnamed"
        for metric in _list(part.get("metrics")):
            for item in _scores(_mapping(metric), provider):
                if isinstance(item, Rejected):
                    yield Rejected(f"{where}: {cve}", item.why)
                else:
                    scores.setdefault(item.vector, item)
            ssvc = _ssvc(_mapping(metric)) or ssvc
    links = [_text(_mapping(link).get("url")) for link in _list(authority.get("references"))]
    yield Described(
        cve,
        _title(authority),
        milliseconds(about.get("datePublished")),
        tuple(sorted(scores.values(), key=lambda each: (each.version, each.score), reverse=True)),
        ssvc,
        tuple(link for link in links if link.startswith(("https://", "http://"))),
    )


def score_of(vector: str, source: str) -> Cvss | None:
    """The score of a CVSS 2, 3.x or 4 vector, or None for what is none."""
    version = vector[5:8] if vector.startswith("CVSS:") else "2.0"
    if cvss is None:
        raise FeedError("the Python library cvss is not installed", source, "install what requirements.txt lists")
    if version not in _KINDS or len(vector) > 300:
        return None
    try:
        score = Decimal(str(getattr(cvss, _KINDS[version])(vector).scores()[0]))
    except (cvss.exceptions.CVSSError, ValueError, KeyError, ArithmeticError):
        return None
    return Cvss(version, vector, float(score), _severity(score, version), source)


def _severity(score: Decimal, version: str) -> str:
    if version == "2.0":
        return "low" if score < 4 else "medium" if score < 7 else "high"
    if score == 0:
        return "none"
    return "low" if score < 4 else "medium" if score < 7 else "high" if score < 9 else "critical"


def _scores(metric: Mapping[str, Any], provider: str) -> Iterator[Cvss | Rejected]:
    for key in _VECTORS:
        vector = _text(_mapping(metric.get(key)).get("vectorString"))
        if key in metric:
            found = score_of(vector, provider)
            yield found if found else Rejected("", f"its {key} vector cannot be read: {vector[:80]!r}")


def _ssvc(metric: Mapping[str, Any]) -> Ssvc | None:
    other = _mapping(metric.get("other"))
    if other.get("type") != "ssvc":
        return None
    content = _mapping(other.get("content"))
    found: dict[str, str] = {}
    for option in _list(content.get("options")):
        for key, value in _mapping(option).items():
            point, word = _text(key).lower(), _text(value).lower()
            if word in _POINTS.get(point, ()):
                found[point] = word
    when = _text(content.get("timestamp"))[:10]
    return Ssvc(found.get("exploitation"), found.get("automatable"), found.get("technical impact"), when)


def _title(authority: Mapping[str, Any]) -> str:
    title = _text(authority.get("title"))
    for each in _list(authority.get("descriptions")):
        title = title or _text(_mapping(each).get("value"))
    return " ".join(title.split())[:300]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value[:_AT_MOST] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
