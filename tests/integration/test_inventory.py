# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The inventory plugin in a rollout on real hosts: rings and reports from a CMDB export beside the lab's inventory."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from fleet import BIN, Fleet, Result

CSV = """\
name,owner,role,note
test1,us,vm,
prod1,us,vm,"{{ lookup('pipe', 'touch ran') }}"
sw1,net,switch,"=cmd()"
"""
SOURCE = """\
plugin: lockstep.patching.fleet
ledger: {folder}/ledger.db
sources: [{{file: cmdb.csv, fields: {{name: name, owner: owner, role: role, note: note}}}}]
rules:
  class: [{{when: "cmdb.role == 'switch'", is: network}}, {{is: server}}]
  ring:
    - {{when: "name == 'test1'", is: test}}
    - {{when: "in_cmdb", is: production}}
"""


class FromCmdb(Fleet):
    """A fleet whose rings are groups that the plugin makes."""

    def command(self, playbook: str, *arguments: str) -> list[str]:
        command = super().command(playbook, *arguments)
        at = command.index(self.inventory)
        return [*command[: at + 1], "-i", str(self.folder / "my.fleet.yml"), *command[at + 1 :]]

    def groups(self) -> dict[str, list[str]]:
        """What ansible-inventory shows now."""
        done = subprocess.run(
            [str(BIN / "ansible-inventory"), "-i", self.inventory, "-i", str(self.folder / "my.fleet.yml"), "--list"],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        return {name: group.get("hosts", []) for name, group in json.loads(done.stdout).items() if name != "_meta"}


def outside(report: Path) -> dict[str, list[str]]:
    return {row["what"]: row["hosts"] for row in json.loads(report.read_text())["outside"]}


def test_a_fleet_from_a_cmdb_is_patched_and_who_is_outside_is_named(make_fleet, tmp_path: Path) -> None:
    lab = make_fleet(test=["test1"], production=["prod1", "stray"]).lab
    fleet = FromCmdb(tmp_path / "cmdb", lab)
    text = (
        Path(fleet.inventory).read_text().replace("ring_test", "lab_test").replace("ring_production", "lab_production")
    )
    fleet.inventory = str(fleet.folder / "lab.yml")
    Path(fleet.inventory).write_text(text)
    (fleet.folder / "cmdb.csv").write_text(CSV)
    (fleet.folder / "my.fleet.yml").write_text(SOURCE.format(folder=fleet.folder))

    detect = fleet.play("detect")
    assert detect.closing.startswith("done: 3 hosts answered"), detect.output
    assert outside(fleet.reports / "detect.json") == {
        "unassigned": ["stray"],
        "not_in_cmdb": ["stray"],
        "unmanaged": ["sw1"],
    }
    assert sorted(fleet.groups()["state_security_pending"]) == ["prod1", "stray", "test1"]

    rollout = fleet.play("rollout")
    assert rollout.closing.endswith("2 of 2 hosts verified; 1 host of no ring (group unassigned): stray"), (
        rollout.output
    )
    assert outside(fleet.reports / "report.json")["unassigned"] == ["stray"]
    groups = fleet.groups()
    assert groups["state_security_pending"] == ["stray"] and "state_unknown" not in groups
    assert fleet.versions("stray", "lab-app") == "1.0" and fleet.versions("prod1", "lab-app") == "1.1"
    assert not list(fleet.folder.rglob("ran"))

    (fleet.folder / "cmdb.csv").write_text("name,owner,role,note\ntest1,us,vm,\n")
    lab.host("stray").kill()
    gone: Result = fleet.play("report")
    assert gone.status == 0, gone.output
    assert outside(fleet.reports / "detect.json")["not_in_cmdb"] == ["prod1", "stray"]

    (fleet.folder / "cmdb.csv").write_text("name;owner;role;note\ntest1;us;vm;\n")
    broken = fleet.play("rollout")
    assert broken.status != 0 and "cmdb.csv:1:1: an inventory source could not be read" in broken.closing
    assert "the delimiter looks like ';'" in broken.closing
