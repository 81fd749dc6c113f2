# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lookups that give plays their hosts, as Ansible itself finds and calls them."""

from __future__ import annotations

import atexit
from pathlib import Path

import pytest
from ansible import constants, context
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import closing
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import Run, RunFiles

GROUPS = {"all": ["web1", "web2", "db1"], "ungrouped": [], "web": ["web1", "web2"], "db": ["db1"]}


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFiles:
    """A process of its own, as far as run files and the closing line go."""
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    monkeypatch.setattr(closing, "_armed_by", [])
    monkeypatch.setattr(atexit, "register", lambda function: function)
    return closing.run_files()


def query(name: str, *terms: str, **variables: object) -> list:
    return lookup_loader.get(f"lockstep.patching.{name}", loader=DataLoader()).run(list(terms), variables)


def begun(files: RunFiles, **given: object) -> None:
    files.save(Run(1, "rollout", "default", "", "", "", 0, **given))


@pytest.mark.parametrize("name", ["look", "elect", "stage", "rings", "verify"])
def test_without_a_decision_no_host_is_in_a_play(files: RunFiles, name: str) -> None:
    assert query("hosts", name) == ["all:!all"]
    begun(files)
    assert query("hosts", name) == ["all:!all"]
    files.write(f"hosts-{name}", [])
    assert query("hosts", name) == ["all:!all"]


def test_the_order_of_the_decision_is_kept(files: RunFiles) -> None:
    begun(files)
    files.write("hosts-rings", ["web2", "db1", "web1"])
    files.write("hosts-serial", [1, 2])
    assert query("hosts", "rings") == ["web2", "db1", "web1"]
    assert query("hosts", "serial") == [1, 2]


def test_a_stopped_run_touches_nobody(files: RunFiles) -> None:
    begun(files, stopped={"why": "a", "next": "b"})
    files.write("hosts-rings", ["web1"])
    files.write("hosts-serial", [1])
    assert query("hosts", "rings") == ["all:!all"]
    assert query("hosts", "serial") == [1]


def test_lists_of_no_run_are_not_believed(files: RunFiles) -> None:
    files.write("hosts-rings", ["web1"])
    assert query("hosts", "rings") == ["all:!all"]


@pytest.mark.parametrize(
    ("limit", "host"),
    [
        (None, "localhost"),
        ("", "localhost"),
        ("db", "db1"),
        ("web*", "web1"),
        ("all:!web1", "web2"),
        ("web:!all", "localhost"),
        ("nothing", "localhost"),
    ],
)
def test_controller_plays_borrow_a_host_of_the_limit(limit: str | None, host: str) -> None:
    variables = {} if limit is None else {"ansible_limit": limit}
    assert query("controller", groups=GROUPS, **variables) == [host]


def test_controller_plays_with_a_limit_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "hosts.retry").write_text("db1\n")
    assert query("controller", groups=GROUPS, ansible_limit=f"@{tmp_path}/hosts.retry") == ["db1"]


@pytest.mark.parametrize(
    ("option", "armed"), [("listhosts", 0), ("listtasks", 0), ("listtags", 0), ("syntax", 0), ("check", 1)]
)
def test_the_closing_line_is_arranged_once_and_not_for_listings(
    monkeypatch: pytest.MonkeyPatch, option: str, armed: int
) -> None:
    monkeypatch.setattr(context, "CLIARGS", {option: True})
    for _time in range(3):
        query("controller", groups=GROUPS)
    assert len(closing._armed_by) == armed
