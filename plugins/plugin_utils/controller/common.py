# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The variables common to all playbooks and roles, with their defaults, and who is asking."""

from __future__ import annotations

import getpass
import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Common(NamedTuple):
    """Where this run keeps things and who started it."""

    ledger: str
    """Database URL, default `sqlite:///~/.local/share/lockstep/ledger.db`."""
    store: str
    """Folder of the content store, default `~/.local/share/lockstep/store`."""
    report_dir: str
    """Folder of the reports, default `lockstep-report` in the current folder."""
    policy: str | None
    """Path of the policy file."""
    actor: str
    """`user@controller`, or the AWX user who launched the job."""
    job: str | None
    """Id of the AWX or automation controller job."""
    controller: str
    """Host name of the controller."""
    chosen: frozenset[str]
    """Which of these the user has set; only a default may be refused for its place."""


def now_ms() -> int:
    """The controller's clock in UTC milliseconds."""
    return time.time_ns() // 1_000_000


def _path(value: Any) -> str:
    return os.path.abspath(os.path.expanduser(str(value)))


def data_home(env: Mapping[str, str]) -> str:
    """The user's data folder by the XDG base directory rules."""
    return os.path.join(env.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share"), "lockstep")


def gather(get: Callable[[str], Any], env: Mapping[str, str]) -> Common:
    """Read the common variables; `get(name)` gives a templated variable or None."""
    ledger = get("lockstep_ledger")
    if ledger and "://" not in str(ledger):
        ledger = "sqlite:///" + _path(ledger)
    controller = socket.gethostname()
    user = get("awx_user_name") or get("tower_user_name")
    job = get("awx_job_id") or get("tower_job_id") or env.get("JOB_ID")
    names = ("lockstep_ledger", "lockstep_store", "lockstep_report_dir", "lockstep_policy")
    return Common(
        ledger=str(ledger or f"sqlite:///{data_home(env)}/ledger.db"),
        store=_path(get("lockstep_store") or os.path.join(data_home(env), "store")),
        report_dir=_path(get("lockstep_report_dir") or "lockstep-report"),
        policy=_path(get("lockstep_policy")) if get("lockstep_policy") else None,
        actor=str(user or f"{_login()}@{controller}"),
        job=str(job) if job else None,
        controller=controller,
        chosen=frozenset(name for name in names if get(name)),
    )


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user id without a passwd entry
        return f"uid{os.getuid()}"
