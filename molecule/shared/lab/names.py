# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a lab keeps its things and how it calls them.

Every name that the kernel sees is computed from the lab's state folder, so that a lab can be taken down
even when nothing but its name is known any more.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import NamedTuple

from .errors import LabError

PREFIX = "lslab-"
VETH_PREFIX = "lsv"
MARK = "LOCKSTEP_LAB_STATE"
"""Environment variable that every process of a lab carries; its value is the lab's state folder."""

_NAME = re.compile(r"[a-z0-9]([a-z0-9_.-]*[a-z0-9])?")


def state_dir() -> Path:
    """Folder that holds one folder per lab."""
    return Path(os.environ.get("LOCKSTEP_LAB_DIR") or "/var/lib/lockstep-lab").resolve()


def cache_dir() -> Path:
    """Folder of bases, layers and package files, shared by all labs."""
    return Path(os.environ.get("LOCKSTEP_LAB_CACHE") or "/var/cache/lockstep-lab").resolve()


def run_dir() -> Path:
    """Folder for locks and sockets; short, because socket paths are limited to about 100 bytes."""
    return Path("/run/lockstep-lab")


def check_name(kind: str, name: str, longest: int = 40) -> str:
    """Return name when it can be a host or lab name, else raise LabError."""
    if len(name) > longest or not _NAME.fullmatch(name) or "/" in name:
        raise LabError(
            f"{kind} name {name!r} cannot be used",
            f"use 1 to {longest} of a-z, 0-9, '-', '_' and '.', beginning and ending with a letter or digit",
        )
    return name


class LabNames(NamedTuple):
    """All names of one lab."""

    lab: str
    state: Path
    ident: str
    bridge: str
    table: str
    cgroup: str
    run: Path

    def host_dir(self, host: str) -> Path:
        """Folder of one host: upper, work, root, netns and log."""
        return self.state / "hosts" / host

    def veth(self, index: int) -> str:
        """Name (at most 15 characters) of the machine's end of a host's cable."""
        return f"{VETH_PREFIX}{self.ident}{index:x}"

    def machine(self, host: str) -> str:
        """Name that systemd-nspawn uses for the container (at most 64 characters)."""
        return f"{PREFIX}{self.ident}-{host}".replace("_", "-")[:64]


def lab_names(lab: str) -> LabNames:
    """Names of the lab called `lab`; pure but for the environment that tells the folder."""
    check_name("lab", lab)
    state = state_dir() / lab
    ident = hashlib.sha256(str(state).encode()).hexdigest()[:8]
    return LabNames(
        lab=lab,
        state=state,
        ident=ident,
        bridge=f"{PREFIX}{ident}",
        table=f"lslab_{ident}",
        cgroup=f"{PREFIX}{ident}",
        run=run_dir() / ident,
    )
