# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Exceptions as VEX, for other tools: OpenVEX and CycloneDX, of what they cover now. Pure.

Only what says that something is not there, or that a mitigation keeps it away, becomes *not affected*. What is accepted
or deferred stays *affected*, with what was decided as its action.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import digest
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.sbom import library, purls

CONTEXT = "https://openvex.dev/ns/v0.2.0"
_BY_SOURCE = ("deb", "apk")
_WORDS = {"accept": "accepted", "defer": "deferred", "mitigated": "mitigated"}
_STATES = {
    "accept": ("exploitable", "will_not_fix"),
    "defer": ("exploitable", "update"),
    "mitigated": ("exploitable", "workaround_available"),
}
_REASONS = {
    "component_not_present": "code_not_present",
    "vulnerable_code_not_present": "code_not_present",
    "vulnerable_code_not_in_execute_path": "code_not_reachable",
    "vulnerable_code_cannot_be_controlled_by_adversary": "requires_environment",
    "inline_mitigations_already_exist": "protected_by_mitigating_control",
}
"""OpenVEX' justification -> that of CycloneDX."""


class Covered(NamedTuple):
    """One vulnerability that an exception covers. exception: its row of the report; products: package URLs, sorted."""

    vuln: str
    exception: Mapping[str, Any]
    products: tuple[str, ...]

    @property
    def not_affected(self) -> bool:
        """A false positive, and a mitigation whose justification says so in VEX' words."""
        kind = self.exception["kind"]
        return kind == "false_positive" or (kind == "mitigated" and bool(self.exception["justification"]))

    def said(self) -> str:
        """Who decided what, until when."""
        row = self.exception
        ticket = f"; {row['ticket']}" if row["ticket"] else ""
        return f"exception {row['id']} of {row['owner']}, until {_day(row['until_ms'])}{ticket}"


def covered(exceptions: Iterable[Mapping[str, Any]], steps: Iterable[Mapping[str, Any]]) -> list[Covered]:
    """What the exceptions of an assessment cover in its steps, by vulnerability and exception."""
    rows = {row["id"]: row for row in exceptions}
    found: dict[tuple[str, str], set[str]] = {}
    for step in steps:
        for finding in step["findings"]:
            if finding["exception"] in rows:
                key = (finding["vuln"], finding["exception"])
                found.setdefault(key, set()).add(product(step["ecosystem"], step["source"], step["version"]))
    return [Covered(vuln, rows[which], tuple(sorted(urls))) for (vuln, which), urls in sorted(found.items())]


def product(ecosystem: str, package: str, version: str) -> str:
    """The package URL of a package as vulnerability data name it: a source package where they name sources."""
    library.need()
    name, _colon, release = ecosystem.lower().partition(":")
    system = name.replace(" ", "")
    kind = purls.FAMILIES.get(system, ("generic", ""))[0]
    arch = "source" if kind in _BY_SOURCE else ""
    return str(purls.make(kind, package, version, arch, f"{system} {release}".strip()))


def openvex(fleet: str, items: Iterable[Covered], now_ms: int) -> str:
    """The OpenVEX 0.2.0 document. Its id is made of what it says, so that the same says the same."""
    statements = [_statement(item) for item in items]
    document = {
        "@context": CONTEXT,
        "@id": f"urn:uuid:{uuid5(NAMESPACE_URL, digest([fleet, statements]))}",
        "author": f"Lockstep, fleet {fleet}",
        "timestamp": _time(now_ms).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "version": 1,
        "tooling": "lockstep.patching",
        "statements": statements,
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _statement(item: Covered) -> dict[str, Any]:
    row = item.exception
    made: dict[str, Any] = {
        "vulnerability": {"name": item.vuln},
        "products": [{"@id": url, "identifiers": {"purl": url}} for url in item.products],
        "status": "not_affected" if item.not_affected else "affected",
        "status_notes": item.said(),
    }
    if not item.not_affected:
        return {**made, "action_statement": f"{_WORDS[row['kind']]}: {row['reason']}"}
    if row["justification"]:
        made["justification"] = row["justification"]
    return {**made, "impact_statement": row["reason"]}


def cyclonedx(fleet: str, items: Iterable[Covered], now_ms: int) -> str:
    """The CycloneDX 1.6 document, checked against the standard's schema; LockstepError where it is not valid."""
    library.need()
    listed = list(items)
    bom = library.Bom(serial_number=uuid5(NAMESPACE_URL, digest([fleet, now_ms, len(listed)])))
    bom.metadata.timestamp = _time(now_ms)
    bom.metadata.component = library.Component(name=fleet, type=library.ComponentType.DEVICE, bom_ref=f"fleet:{fleet}")
    for url in sorted({url for item in listed for url in item.products}):
        found = library.PackageURL.from_string(url)
        library_type = library.ComponentType.LIBRARY
        bom.components.add(
            library.Component(type=library_type, name=found.name, version=found.version, purl=found, bom_ref=url)
        )
    for item in listed:
        bom.vulnerabilities.add(
            library.Vulnerability(
                bom_ref=f"{item.exception['id']}:{item.vuln}",
                id=item.vuln,
                analysis=_analysis(item),
                affects=[library.BomTarget(ref=url) for url in item.products],
            )
        )
    bom.register_dependency(bom.metadata.component, bom.components)
    text = str(library.JsonV1Dot6(bom).output_as_string(indent=1))
    wrong = library.JsonStrictValidator(library.SchemaVersion.V1_6).validate_str(text)
    if wrong is not None:
        raise LockstepError(f"the VEX is not valid CycloneDX: {str(wrong)[:300]}", fleet, "report it as a fault")
    return text + "\n"


def _analysis(item: Covered) -> Any:
    row = item.exception
    detail = f"{row['reason']} ({item.said()})"
    if item.not_affected:
        why = _REASONS.get(row["justification"])
        state = "false_positive" if row["kind"] == "false_positive" else "not_affected"
        return library.VulnerabilityAnalysis(
            state=library.ImpactAnalysisState(state),
            justification=library.ImpactAnalysisJustification(why) if why else None,
            detail=detail,
        )
    state, response = _STATES[row["kind"]]
    return library.VulnerabilityAnalysis(
        state=library.ImpactAnalysisState(state),
        responses=[library.ImpactAnalysisResponse(response)],
        detail=detail,
    )


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms // 1000, timezone.utc)


def _day(ms: int) -> str:
    return _time(ms - 1).strftime("%Y-%m-%d")
