# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What /proc tells about boots and processes."""

import os
from typing import NamedTuple


class Process(NamedTuple):
    """One process, told apart from a later one with the same number: start is in clock ticks since boot."""

    pid: int
    start: int
    boot_id: str


def boot_id(proc="/proc"):
    with open(os.path.join(proc, "sys/kernel/random/boot_id")) as handle:
        return handle.read().strip()


def start_ticks(pid, proc="/proc"):
    """Start time of a process in clock ticks, or None when there is no such process or it is a zombie."""
    try:
        with open(os.path.join(proc, str(pid), "stat"), "rb") as handle:
            # the command may hold spaces and parentheses; the fields after its last ")" are numbers
            fields = handle.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def myself():
    return Process(os.getpid(), start_ticks(os.getpid()), boot_id())


def alive(process, proc="/proc"):
    """Does exactly this process still run?"""
    return process.boot_id == boot_id(proc) and start_ticks(process.pid, proc) == process.start


def command(pid, proc="/proc", limit=200):
    """Command line of a process for a message (shortened), or its name, or an empty text."""
    try:
        with open(os.path.join(proc, str(pid), "cmdline"), "rb") as handle:
            text = handle.read(4096).replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return ""
    return text[:limit]
