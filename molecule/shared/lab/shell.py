# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Running commands, locks and small file helpers."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from .errors import LabError


def run(
    argv: Sequence[str],
    *,
    check: bool = True,
    stdin: str | None = None,
    timeout: float | None = 600,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run argv and return it with its output as text.

    Raises LabError with the end of its output when it is missing, too slow, or (with check) fails.
    """
    try:
        done = subprocess.run(
            list(argv),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env=None if env is None else dict(env),
            cwd=cwd,
            check=False,
        )
    except FileNotFoundError as exc:
        raise LabError(f"command not found: {exc.filename}", "run 'lab.py check': it names the package") from exc
    except subprocess.TimeoutExpired as exc:
        raise LabError(f"no end after {timeout:g} s: {' '.join(argv)}") from exc
    if check and done.returncode:
        raise LabError(f"exit status {done.returncode} of: {' '.join(argv)}\n{tail(done.stdout + done.stderr)}")
    return done


def tail(text: str, lines: int = 15) -> str:
    """Last lines of text, indented."""
    return "\n".join("  | " + line for line in text.strip().splitlines()[-lines:])


CONTAINED = (
    # its own mounts and process numbers; all of it ends when the caller does, even by SIGKILL
    "setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private",
    "--pid", "--fork", "--kill-child", "--mount-proc", "--",
)  # fmt: skip


def remove_tree(path: Path) -> None:
    """Delete a folder with all that is in it; LabError when something is mounted there (it would be emptied too)."""
    if path.exists():
        points = mounts_below(path)
        if points:
            raise LabError(f"{path} is not removed: mounted there: {', '.join(points)}", f"umount {points[0]}")
        shutil.rmtree(path)


def mounts_below(path: Path) -> list[str]:
    """Mount points at or below path, deepest (latest) first."""
    prefix = str(path).rstrip("/")
    found = []
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        point = line.split()[4].encode().decode("unicode_escape")
        if point == prefix or point.startswith(prefix + "/"):
            found.append(point)
    return found[::-1]


def write_atomic(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace path by text so that a crash leaves the old or the new content, on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tmp = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(tmp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(tmp, path)


@contextlib.contextmanager
def locked(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[IO[str]]:
    """Hold an exclusive lock on path; it ends with the process, so a crash leaves none.

    waiting is called once when somebody else has it. Who holds the lock may delete the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with open(path, "a", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(file, fcntl.LOCK_EX)
            try:
                current = os.path.samestat(os.fstat(file.fileno()), os.stat(path))
            except FileNotFoundError:
                current = False
            if current:  # else the holder before deleted it, and somebody may hold its successor
                yield file
                return
