# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""SBOMs out and in: what is written is read back, and what is none is one error that imports nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.software import Item, items_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.sbom.read import read
from ansible_collections.lockstep.patching.plugins.plugin_utils.sbom.write import sbom

NOW = 1_795_000_000_000


def item(kind: str, name: str, version: str, host: str = "a", **more: Any) -> Item:
    arch = "amd64" if kind in ("deb", "rpm") else ""
    release = more.pop("release", "debian 12")
    plain = Item(host, kind, name, version, arch, name, "", release, "unknown", "unknown", "", NOW, False)
    return plain._replace(**more)


ITEMS = [
    item("deb", "libssl3", "1:3.0.9~a+b-1", source="openssl", vendor="Debian <script>", in_use="yes"),
    item("deb", "libssl3", "1:3.0.9~a+b-1", host="b", source="openssl", vendor="Debian <script>", in_use="no"),
    item("pip", "flask", "2.0"),
    item("npm", "@a/b", "1.0.0"),
    item("gem", "rake", "13.0"),
    item("image", "quay.io/a/b", "1.2"),
    item("snap", "core", "16"),
    item("declared", "{{ 7*7 }}", "", vendor="=cmd|x"),
]


def test_a_fleets_sbom_counts_hosts_and_is_read_back() -> None:
    text = sbom("fleet x", ITEMS, NOW)
    data = json.loads(text)
    assert (data["bomFormat"], data["specVersion"], len(data["components"])) == ("CycloneDX", "1.6", 7)
    by_name = {row["name"]: row for row in data["components"]}
    said = [(row["name"], row["value"]) for row in by_name["libssl3"]["properties"]]
    assert ("lockstep:hosts", "2") in said and ("lockstep:in_use", "1") in said and ("lockstep:host", "b") in said
    assert by_name["{{ 7*7 }}"]["type"] == "application" and by_name["quay.io/a/b"]["type"] == "container"
    told = read(text, "x.json")
    assert (told.format, told.seen_ms, told.left_out) == ("CycloneDX", NOW, 3)
    (package,) = told.sections["packages"]
    assert (package["name"], package["version"], package["source"]) == ("libssl3", "1:3.0.9~a+b-1", "openssl")
    assert told.sections["os"]["id"] == "debian" and told.sections["os"]["version"] == "12"
    assert [(row["kind"], row["name"]) for row in told.sections["languages"]] == [
        ("gem", "rake"),
        ("npm", "@a/b"),
        ("pip", "flask"),
    ]
    assert told.sections["candidates"] == {"unknown": "the state was imported, so no package manager was asked"}


def test_an_rpm_keeps_its_epoch() -> None:
    told = read(sbom("a", [item("rpm", "bind", "32:9.16-1.el9", release="almalinux 9.4")], NOW), "x.json")
    assert [row["version"] for row in told.sections["packages"]] == ["32:9.16-1.el9"]
    assert told.sections["manager"]["name"] == "dnf" and told.sections["os"]["version"] == "9.4"


def test_an_sbom_of_nothing_is_valid_and_is_not_imported() -> None:
    with pytest.raises(LockstepError, match="no components"):
        read(sbom("a", [], NOW), "x.json")


@pytest.mark.parametrize(
    ("text", "system", "names"),
    [
        ("libc6:amd64\t2.36-9\nadduser\t3.134\n", "debian 12", ["adduser", "libc6"]),
        ("ii  libc6:amd64  2.36-9  amd64  GNU C Library\nrc  old  1-1  all  gone\n", "debian 12", ["libc6"]),
        ("bash-5.1.8-6.el9.x86_64\ngpg-pubkey-1-2\n", "rocky 9.3", ["bash"]),
    ],
)
def test_package_lists(text: str, system: str, names: list[str]) -> None:
    told = read(text, "list.txt", system, "amd64")
    assert [row["name"] for row in told.sections["packages"]] == names and told.seen_ms is None
    state = {"meta": {"look_ms": 1, "imported": {"file": "x"}}, "sections": told.sections}
    assert all(row.imported and row.in_use == "unknown" for row in items_of("a", state))


BOM = {"bomFormat": "CycloneDX", "specVersion": "1.5"}


def bom(*purls: str, **more: Any) -> str:
    return json.dumps({**BOM, "components": [{"type": "library", "name": "x", "purl": purl} for purl in purls], **more})


@pytest.mark.parametrize(
    ("text", "system", "part"),
    [
        ('{"bomFormat": "CycloneDX", ', "", "x:1:"),
        ('{"a": 1}', "", "no CycloneDX"),
        (json.dumps({**BOM, "components": []}), "", "no components"),
        (bom("nonsense"), "", "component 1"),
        (bom("pkg:pypi/flask@1"), "debian 12", "no package of an operating system"),
        (bom("pkg:deb/debian/a@1-1"), "", "do not name one OS"),
        (
            bom("pkg:deb/debian/a@1-1?distro=debian-12", "pkg:deb/debian/b@1-1?distro=debian-11"),
            "",
            "do not name one OS",
        ),
        (bom("pkg:deb/debian/a@..%2F..%2Fetc?distro=debian-12"), "", "no version of debian"),
        (bom("pkg:deb/debian/a@1-1", metadata={"timestamp": "yesterday"}), "debian 12", "timestamp"),
        ("libc6 2.36\n../../etc/passwd\n", "debian 12", "x:2:1"),
        ("libc6 2.36\n", "", "import_state_os"),
        ("libc6 2.36\n", "plan9 4", "no OS that is known"),
        ("", "debian 12", "no package of an operating system"),
    ],
)
def test_bad_input_is_one_error(text: str, system: str, part: str) -> None:
    with pytest.raises(LockstepError) as caught:
        read(text, "x", system)
    assert part in str(caught.value)
