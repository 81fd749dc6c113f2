# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Host facts beyond packages, questions to the ledger and imported states, on real hosts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fleet import Fleet, Lab

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger

RULESET = (
    "table inet t { chain in { type filter hook input priority 0; policy drop;"
    " tcp dport 22 accept; ct state established accept; }; }"
)
TOOL = "#!/bin/sh\necho tool version 4.2 {{ 7 * 7 }}\n"
POLICY = """
looks:
  parts: all
  software:
    - {name: "{{ 7 * 7 }}", vendor: "=Acme", path: /opt/acme/*/tool, command: ["{path}"], regex: 'version (\\S+)'}
    - {name: silent, path: /opt/acme/1/tool, command: [/bin/false]}
  agents: [{name: cron, kind: audit, unit: cron.service}]
"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """One host that has packages of its distribution to install, and one that nobody looks at as root."""
    with Lab(f"parts-{os.getpid()}") as lab:
        lab.up({"web1": {"groups": ["ring_test"]}, "db1": {"groups": ["ring_production"]}}, mode="real")
        host = lab.host("web1")
        host.run("apt-get install -y -qq --no-install-recommends nftables >/dev/null 2>&1", timeout=300)
        host.run(["nft", RULESET])
        host.run("mkdir -p /opt/acme/1 /usr/local/lib/python3.11/dist-packages/lab_tool-1.2.dist-info")
        host.write("/opt/acme/1/tool", TOOL)
        host.run("chmod 755 /opt/acme/1/tool")
        made = Fleet(tmp_path_factory.mktemp("parts"), lab)
        made.policy.write_text(made.policy.read_text() + POLICY)
        result = made.play("detect")
        assert result.status == 0, result.output
        yield made


def state(fleet: Fleet, host: str) -> dict[str, Any]:
    with Ledger.open(f"sqlite:///{fleet.ledger}", create=False) as ledger:
        found = ledger.state("default", host)
    assert found is not None
    return found


def test_every_part_is_in_the_ledger(fleet: Fleet) -> None:
    sections = state(fleet, "web1")["sections"]
    wanted = next(iter(sections["network"]["addresses"]))
    assert wanted in fleet.lab.host("web1").run(["hostname", "-I"]).stdout
    assert (sections["hardware"]["kind"], sections["hardware"]["serial"]) == ("container", None)
    assert "machine's" in sections["hardware"]["missing"]["serial"]
    assert (sections["snaps"], sections["flatpaks"], sections["containers"]) == ([], [], [])
    (language,) = sections["languages"]
    assert (language["kind"], language["name"], language["version"]) == ("pip", "lab-tool", "1.2")
    tool, silent = sorted(sections["declared"], key=lambda row: row["name"] == "silent")
    assert (tool["name"], tool["version"], tool["path"]) == ("{{ 7 * 7 }}", "4.2", "/opt/acme/1/tool")
    assert silent["version"] is None and "/bin/false failed" in silent["problem"]


def test_what_is_in_use_and_from_where_it_is_reached(fleet: Fleet) -> None:
    use = state(fleet, "web1")["sections"]["use"]
    assert use["complete"] and use["reason"] is None
    ssh = use["packages"]["openssh-server"]
    assert ssh["running"] and {"proto": "tcp", "address": "0.0.0.0", "port": 22} in ssh["listening"]
    assert use["packages"]["libc6"]["exposed"] == "network" and not use["packages"]["libc6"]["running"]
    assert "adduser" not in use["packages"]
    assert "python3.11-minimal" not in use["packages"], "the look itself is not in use"


def test_controls(fleet: Fleet) -> None:
    controls = state(fleet, "web1")["sections"]["controls"]
    assert controls["firewall"] == {"active": True, "tool": "nftables", "input": {"ip": "drop", "ip6": "drop"}}
    assert controls["sshd"]["port"] == "22" and "permitrootlogin" in controls["sshd"]
    assert controls["updates"]["installs"] is False
    assert [row["name"] for row in controls["agents"]] == ["cron"]
    assert "not_applicable" in controls["kernel"] and "not_applicable" in controls["encryption"]
    open_host = state(fleet, "db1")["sections"]["controls"]["firewall"]
    assert "neither nft nor iptables" in open_host["unknown"], "what nobody could read is not called open"


def test_parts_outlive_a_look_that_leaves_them_out(fleet: Fleet) -> None:
    before = state(fleet, "db1")
    assert fleet.play("detect", "-e", "lockstep_parts=none").status == 0
    after = state(fleet, "db1")
    assert after["sections"]["use"] == before["sections"]["use"]
    assert after["meta"]["parts_ms"]["use"] == before["meta"]["parts_ms"]["use"] < after["meta"]["look_ms"]
    wrong = fleet.play("detect", "-e", "lockstep_parts=ues")
    assert wrong.status != 0 and "there is no part 'ues'" in wrong.output


def test_software_of_the_fleet_and_of_a_machine_that_cannot_be_reached(fleet: Fleet) -> None:
    listed = fleet.folder / "list.txt"
    listed.write_text(fleet.lab.host("db1").run(["dpkg-query", "-W"]).stdout)
    given = (
        "-e",
        '{"host": "../../vault <b>"}',
        "-e",
        f"import_state_file={listed}",
        "-e",
        "import_state_os='debian 12'",
    )
    without = fleet.play("import_state", *given)
    assert without.status != 0 and without.closing.startswith("stopped: "), without.output
    result = fleet.play("import_state", *given, "-e", "import_state_seen=2026-01-01")
    assert result.status == 0 and "imported" in result.closing, result.output
    itself = fleet.play("import_state", "-e", "host=db1", *given[2:], "-e", "import_state_seen=2026-01-01")
    assert itself.status != 0 and "was looked at itself" in itself.closing, itself.output
    asked = fleet.play(
        "software", "-e", "package=openssl", "-e", '{"software_formats": ["table", "json", "csv", "cyclonedx"]}'
    )
    assert asked.status == 0 and asked.closing.startswith("done: "), asked.output
    told = json.loads((fleet.reports / "software.json").read_text())
    libssl = next(row for row in told["software"] if row["name"] == "libssl3")
    assert libssl["hosts"] >= 2 and libssl["newest"] and not libssl["versions"][0]["newest"], "an update is pending"
    assert told["imported"] == ["../../vault <b>"]
    assert json.loads((fleet.reports / "software.cdx.json").read_text())["bomFormat"] == "CycloneDX"
    each = fleet.play("software", "-e", '{"software_formats": ["cyclonedx"], "software_sbom": "host"}')
    assert each.status == 0, each.output
    files = sorted(path.name for path in (fleet.reports / "sbom").iterdir())
    assert len(files) == 3 and all(Path(name).name == name and not name.startswith(".") for name in files)
    declared = fleet.play("software", "-e", '{"software_kinds": ["declared"]}')
    assert "{{ 7 * 7 }}" in declared.output and "49" not in declared.output.partition("PLAY RECAP")[0]
    assert "'=Acme" in (fleet.reports / "software.csv").read_text()
