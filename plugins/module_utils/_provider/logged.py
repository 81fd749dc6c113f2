# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a package manager without anybody to answer it: no input, a bounded log, a limit in time."""

import fcntl
import glob
import os
import signal
import struct
import subprocess
import time
from typing import Any, Dict, List, Optional

from ansible_collections.lockstep.patching.plugins.module_utils._provider.contract import Ended
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host

LOG_LIMIT = 4 * 1024 * 1024  # bytes; what is over it goes, from the front
LOG_KEEP = 512 * 1024
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
FLOCK = "hhqqi"  # struct flock on 64-bit Linux


def run_logged(
    host: Host, command: List[str], environment: Dict[str, str], log_path: str, timeout: float, tick: Any = None
) -> Ended:
    """Run command with its output appended to log_path.

    The output goes to the file itself and not through a pipe: should this process die, the package manager goes on
    undisturbed.
    """
    env = {"PATH": PATH, "LC_ALL": "C.UTF-8", "LANGUAGE": "C", "HOME": "/root"}
    env.update(environment)
    prefix = [] if host.root == "/" else ["chroot", host.root]
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        process = subprocess.Popen(
            prefix + command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, cwd="/", start_new_session=True
        )
    finally:
        os.close(log)
    end = time.monotonic() + timeout
    while True:
        try:
            return Ended(process.wait(timeout=0.5), [])
        except subprocess.TimeoutExpired:
            bound(log_path)
            if tick:
                tick()
        if time.monotonic() >= end:
            hanging = innermost(process.pid)
            kill_group(process)
            return Ended(None, hanging)


def kill_group(process: Any, patience: float = 10.0) -> None:
    """SIGTERM to the process group, and SIGKILL to what is left of it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(timeout=patience)
        except (OSError, subprocess.TimeoutExpired):
            continue
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except OSError:
        pass


def bound(path: str, limit: int = LOG_LIMIT, keep: int = LOG_KEEP) -> None:
    """Shorten a log that is over the limit to its end; writers append, so they go on behind it."""
    if os.stat(path).st_size <= limit:
        return
    with open(path, "r+b") as handle:
        handle.seek(-keep, os.SEEK_END)
        tail = handle.read()
        handle.seek(0)
        handle.truncate()
        handle.write(b"[the beginning of this log was too long and is gone]\n" + tail)


def tail(path: str, limit: int = LOG_KEEP) -> str:
    """The last bytes of a log as text; empty when there is none."""
    try:
        with open(path, "rb") as handle:
            handle.seek(max(0, os.fstat(handle.fileno()).st_size - limit))
            return handle.read().decode("utf-8", "replace")
    except OSError:
        return ""


def lock_holder(path: str) -> Optional[int]:
    """Process id that holds a record lock (fcntl) on path (-1: in another container), or None."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    finally:
        os.close(descriptor)
    kind, _whence, _start, _length, pid = struct.unpack(FLOCK, answer)
    return None if kind == fcntl.F_UNLCK else (pid or -1)


def opener(path: str) -> Optional[int]:
    """Process id that has a file open (0: nobody has), or None when there is no such file."""
    if not os.path.exists(path):
        return None
    for link in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            if os.readlink(link) == path:
                return int(link.split("/")[2])
        except OSError:
            continue
    return 0


def innermost(pid: int) -> List[str]:
    """Command lines of the processes below pid that have no child: what a run hangs in. Shortened."""
    commands = {}
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/" + name + "/stat", "rb") as handle:
                    parents[int(name)] = int(handle.read().rpartition(b")")[2].split()[1])
                with open("/proc/" + name + "/cmdline", "rb") as handle:
                    commands[int(name)] = handle.read(400).replace(b"\0", b" ").decode("utf-8", "replace").strip()
            except (OSError, IndexError):
                continue
    below = [pid]
    for each in below:
        below.extend(child for child, parent in parents.items() if parent == each)
    busy = {parents[each] for each in below if each in parents}
    # the parents too: a script is named by its package, the command that it hangs in often is not
    return [
        commands[each]
        for each in below[1:]
        if commands.get(each) and (each not in busy or "/dpkg/info/" in commands[each])
    ]
