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

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import locations


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


def now_ms() -> int:
    """The controller's clock in UTC milliseconds."""
    return time.time_ns() // 1_000_000


def _path(value: Any) -> str:
    return os.path.abspath(os.path.expanduser(str(value)))


def gather(get: Callable[[str], Any], env: Mapping[str, str]) -> Common:
    """Read the common variables; `get(name)` gives a templated variable or None.

    Raises LedgerError when a default place would vanish with the job's container.
    """
    ledger = get("lockstep_ledger")
    if ledger and "://" not in str(ledger):
        ledger = "sqlite:///" + _path(ledger)
    controller = socket.gethostname()
    user = get("awx_user_name") or get("tower_user_name")
    job = get("awx_job_id") or get("tower_job_id") or env.get("JOB_ID")
    home, mounts = os.path.realpath(os.path.expanduser("~")), locations.read_mountinfo()
    env = locations.environment(env)
    return Common(
        ledger=str(ledger or locations.default_url(env, home, mounts)),
        store=_path(get("lockstep_store") or locations.default_store(env, home, mounts)),
        report_dir=_path(get("lockstep_report_dir") or "lockstep-report"),
        policy=_path(get("lockstep_policy")) if get("lockstep_policy") else None,
        actor=str(user or f"{_login()}@{controller}"),
        job=str(job) if job else None,
        controller=controller,
    )


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user id without a passwd entry
        return f"uid{os.getuid()}"
