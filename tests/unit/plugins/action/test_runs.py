# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How runs begin, stop and say so: whole playbooks that never get as far as a host."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

CONTROLLER = "{{ query('lockstep.patching.controller') }}"
BROKEN_OFF = "stopped: the run ended before it could report"
POLICY = "rings:\n  - {name: test, hosts: ring_test}\n  - {name: production, hosts: ring_production}\n"


def closing_lines(result) -> list[str]:
    return [line for line in result.lines if line.startswith(("done: ", "waiting: ", "stopped: "))]


def test_the_closing_line_is_last_and_the_workers_do_not_print_it(play: Callable) -> None:
    site = [
        {"hosts": CONTROLLER, "gather_facts": False, "tasks": [{"ansible.builtin.debug": {"msg": "hello"}}]},
        {"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.command": "true"}]},
    ]
    result = play(site, "--forks", "3")
    assert result.status == 0, result.output
    assert result.lines[-1].startswith(BROKEN_OFF)
    assert len(closing_lines(result)) == 1
    assert result.output.index("PLAY RECAP") < result.output.index(BROKEN_OFF)


def test_the_closing_line_comes_also_after_a_failure(play: Callable) -> None:
    site = [{"hosts": CONTROLLER, "gather_facts": False, "tasks": [{"ansible.builtin.fail": {"msg": "no"}}]}]
    result = play(site)
    assert result.status != 0
    assert result.lines[-1].startswith(BROKEN_OFF)


@pytest.mark.parametrize("option", ["--list-hosts", "--list-tasks", "--list-tags", "--syntax-check"])
def test_listings_have_no_closing_line(play: Callable, option: str) -> None:
    result = play("rollout", option)
    assert result.status == 0, result.output
    assert closing_lines(result) == []


@pytest.mark.parametrize("stage", ["plan", "acquire", "test", "deploy", "verify", "rollout"])
def test_without_a_policy_no_host_is_touched(play: Callable, stage: str) -> None:
    result = play(stage)
    assert result.status != 0, result.output
    assert result.lines[-1].startswith(f"stopped: lockstep_policy: {stage} needs a policy; "), result.output
    assert len(closing_lines(result)) == 1
    assert "web1" not in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (POLICY.replace("ring_production", "ring_prodution"), "ring_prodution"),
        (POLICY.replace("ring_production", "empty"), "empty"),
        (POLICY + "freezs: []\n", "freezs"),
        ("", "policy.yml"),
    ],
    ids=["misspelt", "empty-group", "unknown-key", "empty-file"],
)
def test_a_policy_that_does_not_fit_stops_the_run(play: Callable, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "policy.yml").write_text(text)
    result = play("rollout", "-e", "lockstep_policy=policy.yml")
    assert result.status != 0, result.output
    assert result.lines[-1].startswith("stopped: "), result.output
    assert said in result.lines[-1]
    assert "Traceback" not in result.output


def test_a_limit_that_hides_hosts_of_the_rings_makes_no_plan(play: Callable, tmp_path: Path) -> None:
    (tmp_path / "policy.yml").write_text(POLICY)
    result = play("rollout", "-e", "lockstep_policy=policy.yml", "--limit", "ring_production")
    assert result.status != 0, result.output
    assert result.lines[-1].startswith("stopped: --limit ring_production: ")
    assert "web1" in result.lines[-1]


def test_stages_that_need_a_plan_say_how_to_get_one(play: Callable, tmp_path: Path) -> None:
    (tmp_path / "policy.yml").write_text(POLICY)
    result = play("deploy", "-e", "lockstep_policy=policy.yml")
    assert result.status != 0, result.output
    assert "there is no open plan" in result.lines[-1]
    assert "playbook plan" in result.lines[-1]


def test_init_writes_a_policy_that_is_accepted_and_never_overwrites(play: Callable, tmp_path: Path) -> None:
    first = play("init", "-e", "lockstep_policy=policy.yml")
    assert first.status == 0, first.output
    assert first.lines[-1].startswith("done: wrote ")
    written = (tmp_path / "policy.yml").read_text()
    assert "ring_test" in written

    again = play("init", "-e", "lockstep_policy=policy.yml")
    assert again.status != 0, again.output
    assert (tmp_path / "policy.yml").read_text() == written

    # it is read without an error: the run gets as far as asking for a plan
    assert "there is no open plan" in play("deploy", "-e", "lockstep_policy=policy.yml").lines[-1]


@pytest.mark.parametrize("role", ["gate", "plan"])
def test_roles_that_belong_to_a_run_fail_in_a_foreign_play(play: Callable, role: str) -> None:
    result = play([{"hosts": "all", "gather_facts": False, "roles": [f"lockstep.patching.{role}"]}])
    assert result.status != 0, result.output
    assert "no run is open" in result.output
    assert "Traceback" not in result.output


def test_maintain_says_how_old_the_data_are_and_fails_for_what_it_cannot_read(play: Callable, tmp_path: Path) -> None:
    feeds = tmp_path / "feeds"
    feeds.mkdir()
    entry = {"cveID": "CVE-2026-0001", "dateAdded": "2026-01-01"}
    catalogue = {"count": 1, "dateReleased": "2026-01-02T00:00:00Z", "vulnerabilities": [entry]}
    (feeds / "kev.json").write_text(json.dumps(catalogue))
    first = play("maintain", "-e", f"lockstep_feeds={feeds}")
    assert first.status == 0, first.output
    assert first.lines[-1].startswith("done: 1 feed in use")
    assert first.lines[-1].endswith("days old (kev.json)")
    assert (tmp_path / ".cache" / "lockstep" / "feeds" / "catalogue.json").exists()

    (feeds / "kev.json").write_text("<html>{{ lookup('pipe', 'touch owned') }}</html>")
    again = play("maintain", "-e", f"lockstep_feeds={feeds}")
    assert again.status != 0, again.output
    assert again.lines[-1] == "stopped: 1 feed in use; no new copy of kev.json; see above"
    assert "kev.json: it is a web page, not data" in again.output
    assert "OLD COPY" in again.output

    none = play("maintain")
    assert none.status != 0, none.output
    assert none.lines[-1].startswith("stopped: lockstep_feeds: no vulnerability data are named")


def test_a_windows_host_says_which_collection_it_needs(play: Callable, tmp_path: Path) -> None:
    (tmp_path / "host_vars").mkdir()
    (tmp_path / "host_vars" / "web2.yml").write_text("ansible_shell_type: powershell\n")
    result = play("detect", "--limit", "web2", "-e", "lockstep_become=false", "-e", "lockstep_ledger=l.db")
    assert "ansible-galaxy collection install ansible.windows" in " ".join(result.output.split()), result.output
