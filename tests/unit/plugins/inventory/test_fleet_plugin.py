# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The inventory plugin as a user runs it: `ansible-inventory`, playbooks, caches, and files that are wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader

BIN = Path(sys.executable).parent
CHECKOUT = Path(__file__).resolve().parents[4]
SOURCE = """\
plugin: lockstep.patching.fleet
ledger: {ledger}
sources:
  - {{file: cmdb.csv, fields: {{name: name, address: ip, owner: owner, rack: rack}}}}
rules:
  ring: [{{when: "starts_with(name, 'web')", is: test}}]
"""
CSV = """\
name,ip,owner,rack
web1,10.0.0.1,the web team,R1
db1,10.0.0.2,"{{ lookup('pipe','touch ran') }}",=1+1
{{7+7}},,<b>bold</b>,../../etc/passwd
"""
HOSTS = """\
all:
  hosts:
    web1: {ansible_host: 192.0.2.1, app: "{{ 'x' }}"}
    extra:
  vars: {ansible_connection: local, ansible_python_interpreter: "{{ ansible_playbook_python }}"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hosts.yml").write_text(HOSTS)
    (tmp_path / "cmdb.csv").write_text(CSV)
    (tmp_path / "my.fleet.yml").write_text(SOURCE.format(ledger=tmp_path / "ledger.db"))
    return tmp_path


@pytest.fixture
def ansible(folder: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "LOCKSTEP_"))}
    plain = {"ANSIBLE_CONFIG": str(CHECKOUT / "tests" / "plain.cfg"), "ANSIBLE_NOCOLOR": "1", "HOME": str(folder)}

    def run(program: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(BIN / program), "-i", "hosts.yml", "-i", "my.fleet.yml", *arguments],
            cwd=folder,
            env={**kept, **plain, "COLUMNS": "400", **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


def unwrapped(text: str) -> str:
    """Without the line breaks that Ansible puts into warnings."""
    return "".join(text.split())


def parsed(folder: Path, *sources: str, cache: bool = True) -> InventoryManager:
    """The inventory in this process."""
    return InventoryManager(DataLoader(), [str(folder / source) for source in sources], cache=cache)


def groups(inventory: InventoryManager) -> dict[str, list[str]]:
    return {name: hosts for name, hosts in inventory.get_groups_dict().items() if hosts}


def test_hosts_groups_and_variables_beside_another_source(folder: Path) -> None:
    inventory = parsed(folder, "hosts.yml", "my.fleet.yml")
    everybody = ["web1", "extra", "db1", "{{7+7}}"]
    assert groups(inventory) == {
        "all": everybody,
        "state_unknown": ["web1", "db1", "{{7+7}}", "extra"],
        "never_reached": ["web1", "db1", "{{7+7}}", "extra"],
        "ring_test": ["web1"],
        "unassigned": ["db1", "{{7+7}}", "extra"],
        "not_in_cmdb": ["extra"],
    }
    variables = inventory.get_host("web1").vars
    assert variables["ansible_host"] == "192.0.2.1" and variables["lockstep_owner"] == "the web team"
    assert inventory.get_host("db1").vars["ansible_host"] == "10.0.0.2"
    assert inventory.get_host("db1").vars["lockstep_cmdb"] == {"rack": "=1+1"}


def test_hostile_text_reaches_a_play_as_it_is_and_nothing_runs(folder: Path, ansible: Callable) -> None:
    play = [
        {
            "hosts": ["db1", "unassigned", "not_in_cmdb"],
            "gather_facts": False,
            "connection": "local",
            "tasks": [
                {"ansible.builtin.debug": {"msg": "owner {{ lockstep_owner | default('none') }}"}},
                {"ansible.builtin.debug": {"msg": "name {{ inventory_hostname }} {{ inventory_hostname_short }}"}},
                {"ansible.builtin.debug": {"var": "lockstep_cmdb"}},
            ],
        }
    ]
    (folder / "play.yml").write_text(json.dumps(play))
    done = ansible("ansible-playbook", "play.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "owner {{ lookup('pipe','touch ran') }}" in done.stdout
    assert "owner <b>bold</b>" in done.stdout and "name {{7+7}} {{7+7}}" in done.stdout and "14" not in done.stdout
    assert not (folder / "ran").exists()


def test_what_ansible_inventory_prints_can_be_read_again(folder: Path, ansible: Callable) -> None:
    done = ansible("ansible-inventory", "--list")
    assert unwrapped("no ledger yet, so nothing is known of any host; run detect") in unwrapped(done.stderr)
    variables = json.loads(done.stdout)["_meta"]["hostvars"]
    assert variables["web1"]["lockstep_owner"] == "the web team"
    assert variables["db1"]["lockstep_owner"] == {"__ansible_unsafe": "{{ lookup('pipe','touch ran') }}"}


@pytest.mark.parametrize(
    ("file", "text", "where"),
    [
        ("cmdb.csv", CSV.replace(",", ";"), "cmdb.csv:1:1: "),
        ("cmdb.csv", CSV + "web1,,,\n", "cmdb.csv:5:1: the host web1 is listed twice, first in line 2"),
        ("cmdb.csv", CSV + "web2,10.0.0.300,,\n", "cmdb.csv:5:6: '10.0.0.300' of the host web2"),
        ("cmdb.csv", CSV + "web2,,," + "\x00" * 10 + "\n", "cmdb.csv:5:8: a NUL character"),
        ("cmdb.csv", CSV + "web2,,," + "A" * 10_000_000 + "\n", "cmdb.csv:5:1: "),
        (
            "my.fleet.yml",
            SOURCE.format(ledger="false").replace("starts_with", "ends"),
            "my.fleet.yml:6:18: there is no",
        ),
        ("my.fleet.yml", SOURCE.format(ledger="false").replace("cmdb.csv", "gone.csv"), "my.fleet.yml:4:12: "),
    ],
)
def test_a_mistake_is_one_error_and_adds_no_host(
    folder: Path, file: str, text: str, where: str, capsys: pytest.CaptureFixture
) -> None:
    (folder / file).write_text(text)
    inventory = parsed(folder, "hosts.yml", "my.fleet.yml")
    assert list(inventory.hosts) == ["web1", "extra"] and list(groups(inventory)) == ["all", "ungrouped"]
    said = "".join(capsys.readouterr())
    assert unwrapped(str(folder / where)) in unwrapped(said)
    assert len(said) < 5000


def test_a_run_stops_when_the_source_could_not_be_read(folder: Path, ansible: Callable) -> None:
    (folder / "cmdb.csv").write_text(CSV + "web1,,,\n")
    done = ansible("ansible-playbook", "lockstep.patching.detect", "-e", f"lockstep_ledger={folder}/ledger.db")
    last = done.stdout.strip().splitlines()[-1]
    assert done.returncode != 0
    assert last.startswith("stopped: ") and "cmdb.csv:5:1: an inventory source could not be read: the host web1" in last
    assert not (folder / "ledger.db").exists()


def test_a_host_with_the_name_of_a_group_is_refused(folder: Path, capsys: pytest.CaptureFixture) -> None:
    (folder / "hosts.yml").write_text("all: {children: {web: {hosts: {a: {}}}}}\n")
    (folder / "cmdb.csv").write_text("name,ip,owner,rack\nweb,,,\n")
    assert list(parsed(folder, "hosts.yml", "my.fleet.yml").hosts) == ["a"]
    assert unwrapped("the host web has the name of a group") in unwrapped("".join(capsys.readouterr()))


def test_the_cache_keeps_exports_until_the_source_changes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = SOURCE.format(ledger="false") + f"cache: true\ncache_plugin: jsonfile\ncache_connection: {folder}/cache\n"
    (folder / "my.fleet.yml").write_text(text)
    assert "db1" in parsed(folder, "my.fleet.yml").hosts
    (folder / "cmdb.csv").unlink()
    again = parsed(folder, "my.fleet.yml")
    assert list(again.hosts) == ["web1", "db1", "{{7+7}}"]
    assert again.get_host("db1").vars["lockstep_owner"] == "{{ lookup('pipe','touch ran') }}"
    assert not parsed(folder, "my.fleet.yml", cache=False).hosts
    (folder / "my.fleet.yml").write_text(text + "connect: false\n")
    assert not parsed(folder, "my.fleet.yml").hosts


def test_users_may_add_their_own_jinja(folder: Path) -> None:
    more = (
        "strict: true\ncompose: {short: lockstep_owner | length}\ngroups: {racked: lockstep_cmdb.rack == 'R1'}\n"
        "keyed_groups: [{key: lockstep_ring | default('none'), prefix: my}]\n"
    )
    (folder / "cmdb.csv").write_text("name,ip,owner,rack\nweb1,10.0.0.1,us,R1\ndb1,,them,R2\n")
    (folder / "my.fleet.yml").write_text(SOURCE.format(ledger="false") + more)
    inventory = parsed(folder, "my.fleet.yml")
    found = groups(inventory)
    assert (found["racked"], found["my_test"], found["my_none"]) == (["web1"], ["web1"], ["db1"])
    assert str(inventory.get_host("db1").vars["short"]) == "4"  # text until 2.18


def test_a_source_file_is_known_by_its_name(folder: Path) -> None:
    (folder / "my.fleet.yml").rename(folder / "my.yml")
    assert not parsed(folder, "my.yml").hosts
    (folder / "my.yml").rename(folder / "fleet.yaml")
    assert "db1" in parsed(folder, "fleet.yaml").hosts
