# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which package a file belongs to, asked of programs that print one name for each path, in the order of the paths."""

import os

BATCH = 500
RPM = ["rpm", "-qf", "--qf", "%{NAME}\\n"]
QUERIES = {"dnf": RPM, "dnf5": RPM, "yum": RPM, "zypper": RPM, "pacman": ["pacman", "-Qqo"]}  # by package manager
_NOBODYS = ("file {0} is not owned by any package", "error: No package owns {0}")


def owners(host, argv, paths):
    """Return {path: package name}. argv: one of QUERIES."""
    there = [path for path in paths if os.path.exists(host.path(path))]
    found = {}
    for at in range(0, len(there), BATCH):
        found.update(_ask(host, argv, there[at : at + BATCH]))
    return found


def _ask(host, argv, paths):
    run = host.run(argv + paths, timeout=30)
    said = set(run.out.split("\n")) | set(run.err.split("\n"))
    nobodys = {path for path in paths if any(form.format(path) in said for form in _NOBODYS)}
    names = [line for line in run.out.split("\n") if line and " " not in line]
    rest = [path for path in paths if path not in nobodys]
    if len(names) == len(rest):
        return {path: names[at] for at, path in enumerate(rest)}
    if len(rest) <= 1:
        return {path: names[0] for path in rest if names}
    # a path has several owners, or went away: which one shows when fewer are asked about
    half = len(rest) // 2
    found = _ask(host, argv, rest[:half])
    found.update(_ask(host, argv, rest[half:]))
    return found
