# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Finding and ending the processes of a lab, by control group and by the mark in their environment.

A process is never ended because of its name: it sits in the lab's control group, or it carries the lab's
state folder in its environment.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from .errors import LabError
from .names import MARK

CGROUP = Path("/sys/fs/cgroup")


def cgroup_roots(cgroup: Path = CGROUP) -> list[Path]:
    """Hierarchies that a host's processes are put into: the one of version 2, or systemd's own and it."""
    if (cgroup / "cgroup.procs").exists():
        return [cgroup]
    return [path for path in (cgroup / "systemd", cgroup / "unified") if path.is_dir()]


def cgroup_pids(group: str) -> list[int]:
    """Processes in a control group (relative name) and below it; zombies are not listed."""
    pids: set[int] = set()
    for root in cgroup_roots():
        for folder, _dirs, files in os.walk(root / group):
            if "cgroup.procs" in files:
                try:
                    pids.update(int(word) for word in Path(folder, "cgroup.procs").read_text().split())
                except OSError:
                    continue  # the group went away while it was being read
    return sorted(pid for pid in pids if pid > 0 and not is_gone(pid))


def remove_cgroup(group: str) -> None:
    """Delete an empty control group and those below it."""
    for root in cgroup_roots():
        for folder, _dirs, _files in os.walk(root / group, topdown=False):
            try:
                os.rmdir(folder)
            except OSError:
                continue


def is_gone(pid: int) -> bool:
    """Whether a process has ended (a zombie has)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return text.rpartition(")")[2].split()[0] in "ZX"


def environment(pid: int) -> dict[str, str]:
    """The environment that a process was started with; {} when it is gone or has none."""
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return {}
    pairs = (item.partition(b"=") for item in raw.split(b"\0") if b"=" in item)
    return {os.fsdecode(key): os.fsdecode(value) for key, _sep, value in pairs}


def marked_pids(state: Path) -> list[int]:
    """Processes that carry the mark of the lab with this state folder."""
    wanted = f"{MARK}={state}".encode()
    return [pid for pid in _all_pids() if wanted in _raw_environment(pid).split(b"\0")]


def marks() -> set[str]:
    """State folders of all labs that have a marked process."""
    return {env[MARK] for env in map(environment, _all_pids()) if MARK in env}


def _raw_environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def _all_pids() -> Iterable[int]:
    me = os.getpid()
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != me]


def pid_in_namespace(pid: int) -> int:
    """The number that a process has in its innermost PID namespace; 0 when it is gone."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                numbers = line.split()[1:]
                return int(numbers[-1]) if len(numbers) > 1 else 0
    except OSError:
        pass
    return 0


def end_all(find: Callable[[], list[int]], what: str, seconds: float = 10) -> None:
    """SIGKILL what `find` returns until it returns nothing; LabError after `seconds`."""
    deadline = time.monotonic() + seconds
    while pids := [pid for pid in find() if not is_gone(pid)]:
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if time.monotonic() > deadline:
            raise LabError(f"processes of {what} do not end: {', '.join(map(str, pids))}", "look at them with ps -f")
        time.sleep(0.01)
