# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the plays of one run tell each other.

One `ansible-playbook` process is one run. Its controller actions leave what later plays need (which hosts, which plan,
the closing line) in files inside Ansible's own temporary folder of this process, which the main process and its workers
share and which vanishes with it. Registered variables would be copied to every host and re-templated by every task.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
from dataclasses import asdict, dataclass, field
from typing import Any

ROLLOUTS = ("rollout", "test", "deploy", "emergency")
"""Stages that change hosts ring by ring."""


@dataclass
class Run:
    """The run that is going on. Times are UTC milliseconds."""

    token: int
    stage: str
    fleet: str
    ledger: str
    store: str
    report_dir: str
    started_ms: int
    check: bool = False
    limit: str | None = None
    policy: str | None = None
    policy_digest: str | None = None
    plan_id: str | None = None
    supersede: dict[str, Any] | None = None
    """`{plan_id, reason}` of the open plan that the new one replaces, once there is a new one."""
    emergency: dict[str, Any] | None = None
    """`{subject, reason}` of an emergency."""
    stopped: dict[str, Any] | None = None
    """`{why, next}` once something stopped this run; later plays then have no hosts."""
    gate: dict[str, Any] | None = None
    """`{decision, until_ms, why, next}` of the gate that ended the play, none while every batch may go."""
    closing: str | None = None
    gone: list[str] = field(default_factory=list)
    """Hosts that the plan still has to patch and that left the inventory."""
    notes: list[str] = field(default_factory=list)
    """What the closing summary has to say besides."""


def for_host(kind: str, host: str) -> str:
    """Name of a host's own document; host names are free text, file names are not."""
    return f"{kind}-{hashlib.sha256(host.encode('utf-8')).hexdigest()[:24]}"


class RunFiles:
    """The folder that holds the run: `run.json` and one small file for each list of hosts."""

    def __init__(self, folder: str) -> None:
        self.folder = os.path.join(folder, "lockstep")

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name + ".json")

    def write(self, name: str, value: Any) -> None:
        """Replace a document atomically, because a worker may read it at any moment."""
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        partial = f"{self._path(name)}.{os.getpid()}"
        with open(partial, "w", encoding="utf-8") as handle:
            json.dump(value, handle)
        os.replace(partial, self._path(name))

    def read(self, name: str) -> Any:
        """The document, or None where nobody wrote it."""
        try:
            with open(self._path(name), encoding="utf-8") as handle:
                return json.load(handle)
        except FileNotFoundError:
            return None

    def of_hosts(self, kind: str) -> set[str]:
        """Names of the documents of this kind that hosts have, as `for_host` gives them."""
        if not os.path.isdir(self.folder):
            return set()
        return {name[: -len(".json")] for name in os.listdir(self.folder) if name.startswith(kind + "-")}

    def save(self, run: Run) -> None:
        self.write("run", asdict(run))

    def load(self) -> Run | None:
        document = self.read("run")
        return None if document is None else Run(**document)

    def write_policy(self, policy: Any) -> None:
        """Keep the policy as the objects that it is: workers would otherwise read the file once a host and task."""
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        with open(os.path.join(self.folder, "policy"), "wb") as handle:
            pickle.dump(policy, handle)

    def read_policy(self) -> Any:
        """The policy that `write_policy` kept; the folder is this user's alone."""
        with open(os.path.join(self.folder, "policy"), "rb") as handle:
            return pickle.load(handle)

    def clear(self) -> None:
        """Forget an earlier run of the same process (a site playbook that imports two of ours)."""
        if os.path.isdir(self.folder):
            for name in os.listdir(self.folder):
                os.unlink(os.path.join(self.folder, name))
