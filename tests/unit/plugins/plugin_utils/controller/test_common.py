# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The variables common to everything, and their defaults."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import Common, gather
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.errors import LedgerError


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def common(env: dict[str, str] | None = None, **given: object) -> Common:
    return gather(given.get, env or {})


def test_nothing_is_given(tmp_path: Path) -> None:
    found = common()
    assert found.ledger == f"sqlite:///{tmp_path}/.local/share/lockstep/ledger.db"
    assert found.store == f"{tmp_path}/.local/share/lockstep/store"
    assert found.report_dir == f"{tmp_path}/lockstep-report"
    assert found.policy is None
    assert found.job is None
    assert found.actor.endswith("@" + found.controller)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("postgresql://lockstep@db/lockstep", "postgresql://lockstep@db/lockstep"),
        ("sqlite:////srv/l.db", "sqlite:////srv/l.db"),
        ("/srv/l.db", "sqlite:////srv/l.db"),
        ("l.db", "sqlite:///{home}/l.db"),
        ("~/l.db", "sqlite:///{home}/l.db"),
        ("../l.db", "sqlite:///{up}/l.db"),
    ],
)
def test_a_ledger_is_a_url_or_a_path(given: str, url: str, tmp_path: Path) -> None:
    assert common(lockstep_ledger=given).ledger == url.format(home=tmp_path, up=tmp_path.parent)


def test_paths_are_made_absolute(tmp_path: Path) -> None:
    found = common(lockstep_policy="policy.yml", lockstep_store="~/store", lockstep_report_dir="out")
    assert (found.policy, found.store, found.report_dir) == tuple(
        str(tmp_path / name) for name in ("policy.yml", "store", "out")
    )


@pytest.mark.parametrize(
    ("variables", "env", "actor", "job"),
    [
        ({"awx_user_name": "ann", "awx_job_id": 12}, {}, "ann", "12"),
        ({"tower_user_name": "ben", "tower_job_id": 13}, {}, "ben", "13"),
        ({}, {"JOB_ID": "14"}, None, "14"),
    ],
)
def test_who_asks_in_a_job(variables: dict, env: dict, actor: str | None, job: str) -> None:
    found = common(env, **variables)
    assert found.job == job
    assert actor is None or found.actor == actor


def test_a_user_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 123456)  # as in a container that maps no name to it
    assert common().actor.startswith("uid123456@")


def test_a_default_that_would_vanish_is_refused_and_a_given_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = "30 1 0:30 / / rw - overlay overlay rw\n"
    name = "ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.locations.read_mountinfo"
    monkeypatch.setattr(name, lambda: mounts)
    with pytest.raises(LedgerError, match="lockstep_ledger="):
        common({"AWX_PRIVATE_DATA_DIR": "/runner"})
    with pytest.raises(LedgerError, match="lockstep_store="):
        common({"AWX_PRIVATE_DATA_DIR": "/runner"}, lockstep_ledger="postgresql://db/l")
    given = common({"AWX_PRIVATE_DATA_DIR": "/runner"}, lockstep_ledger="postgresql://db/l", lockstep_store="/srv/s")
    assert given.ledger == "postgresql://db/l"
