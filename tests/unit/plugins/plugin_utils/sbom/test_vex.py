# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Exceptions as VEX: nobody is told that a risk which was only accepted is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from jsonschema import Draft202012Validator

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.vex_files import NAMES, write_vex
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.exceptions import JUSTIFICATIONS
from ansible_collections.lockstep.patching.plugins.plugin_utils.sbom import vex

NOW = 1_795_000_000_000
UNTIL = 1_796_083_200_000
CASES = [
    ("accept", "", "affected", ("exploitable", None, ["will_not_fix"])),
    ("defer", "", "affected", ("exploitable", None, ["update"])),
    ("mitigated", "", "affected", ("exploitable", None, ["workaround_available"])),
    (
        "mitigated",
        "inline_mitigations_already_exist",
        "not_affected",
        ("not_affected", "protected_by_mitigating_control", None),
    ),
    ("false_positive", "", "not_affected", ("false_positive", None, None)),
    ("false_positive", "component_not_present", "not_affected", ("false_positive", "code_not_present", None)),
]

TEXT = {"type": "string", "minLength": 1}
STATEMENT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["vulnerability", "status", "products"],
    "properties": {
        **dict.fromkeys(("action_statement", "impact_statement", "status_notes"), TEXT),
        "vulnerability": {"type": "object", "required": ["name"], "properties": {"name": TEXT}},
        "status": {"enum": ["not_affected", "affected", "fixed", "under_investigation"]},
        "justification": {"enum": list(JUSTIFICATIONS)},
        "products": {"type": "array", "uniqueItems": True, "minItems": 1, "items": {"required": ["@id"]}},
    },
    "allOf": [
        {
            "if": {"properties": {"status": {"const": "not_affected"}}},
            "then": {"anyOf": [{"required": ["justification"]}, {"required": ["impact_statement"]}]},
        },
        {"if": {"properties": {"status": {"const": "affected"}}}, "then": {"required": ["action_statement"]}},
    ],
}
OPENVEX = Draft202012Validator(
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["@context", "@id", "author", "timestamp", "version", "statements"],
        "properties": {
            **dict.fromkeys(("@context", "@id", "author", "timestamp", "tooling"), TEXT),
            "version": {"type": "integer", "minimum": 1},
            "statements": {"type": "array", "minItems": 1, "uniqueItems": True, "items": STATEMENT},
        },
    }
)
"""The rules of the specification's version 0.2.0 for what we write."""


def row(kind: str = "accept", justification: str = "", **more: Any) -> dict[str, Any]:
    made = {"id": "x-1", "kind": kind, "owner": "Ada <b>", "reason": "why\u2026", "ticket": "SEC-1", "until_ms": UNTIL}
    return {**made, "justification": justification, "findings": 1, **more}


def step(*vulns: str, ecosystem: str = "Debian:12", version: str = "3.0.20-1~deb12u1", which: str | None = "x-1"):
    findings = [{"vuln": vuln, "exception": which} for vuln in vulns]
    return {"ecosystem": ecosystem, "source": "openssl", "version": version, "findings": findings}


@pytest.mark.parametrize(("kind", "justification", "status", "analysis"), CASES)
def test_what_each_kind_says(kind: str, justification: str, status: str, analysis: tuple[Any, ...]) -> None:
    items = vex.covered([row(kind, justification)], [step("CVE-2026-0001")])
    document = json.loads(vex.openvex("default", items, NOW))
    OPENVEX.validate(document)
    (said,) = document["statements"]
    assert said["status"] == status and said.get("justification", "") == justification
    assert ("action_statement" in said, "impact_statement" in said) == (status == "affected", status != "affected")
    assert said["status_notes"] == "exception x-1 of Ada <b>, until 2026-11-30; SEC-1"
    text = vex.cyclonedx("default", items, NOW)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    (found,) = json.loads(text)["vulnerabilities"]
    told = found["analysis"]
    assert (told["state"], told.get("justification"), told.get("response")) == analysis


def test_products_are_the_packages_that_hosts_have() -> None:
    steps = [
        step("CVE-2026-0001", "CVE-2026-0002"),
        step("CVE-2026-0001", version="3.0.19-1"),
        step("CVE-2026-0001", ecosystem="AlmaLinux:9", version="1:3.2-4.el9"),
        step("CVE-2026-0003", which=None),
    ]
    items = vex.covered([row()], steps)
    assert [(item.vuln, item.products) for item in items] == [
        (
            "CVE-2026-0001",
            (
                "pkg:deb/debian/openssl@3.0.19-1?arch=source&distro=debian-12",
                "pkg:deb/debian/openssl@3.0.20-1~deb12u1?arch=source&distro=debian-12",
                "pkg:rpm/almalinux/openssl@3.2-4.el9?distro=almalinux-9&epoch=1",
            ),
        ),
        ("CVE-2026-0002", ("pkg:deb/debian/openssl@3.0.20-1~deb12u1?arch=source&distro=debian-12",)),
    ]
    document = json.loads(vex.cyclonedx("default", items, NOW))
    refs = {component["bom-ref"] for component in document["components"]}
    assert {target["ref"] for each in document["vulnerabilities"] for target in each["affects"]} == refs
    one, two = (json.loads(vex.openvex("default", items, now)) for now in (NOW, NOW + 1000))
    assert one["@id"] == two["@id"] and one["timestamp"] != two["timestamp"]


def test_files_of_exceptions_that_ended_do_not_stay(tmp_path) -> None:
    data = {"fleet": "default", "now_ms": NOW, "exceptions": [row()], "steps": [step("CVE-2026-0001")]}
    assert [path.rpartition("/")[2] for path in write_vex(str(tmp_path), data)] == list(NAMES)
    assert write_vex(str(tmp_path), {**data, "exceptions": [row(findings=0)]}) == []
    assert list(tmp_path.iterdir()) == []
