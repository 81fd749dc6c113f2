# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which package a file belongs to, by dpkg-query: it reads the lists in a fraction of Python's time."""

from typing import Any, Dict

from ansible_collections.lockstep.patching.plugins.module_utils._model.state import Unknown
from ansible_collections.lockstep.patching.plugins.module_utils._parse.dpkg_search import parse_search

BATCH = 1000
MERGED = ("/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/libx32/")
NOTHING_FOUND = 1
GLOB = frozenset("*?[\\")


def other_name(path):
    """Return the other name of a file on a system whose /bin, /sbin and /lib are links into /usr, or None."""
    if path.startswith("/usr") and path[4:].startswith(MERGED):
        return path[4:]
    return "/usr" + path if path.startswith(MERGED) else None


def owners(host, paths):
    """Return {path: package name}; raise Unknown when dpkg-query cannot tell."""
    names = {}
    for path in paths:
        if not GLOB & set(path):  # dpkg-query would take it for a pattern
            names[path] = path
            if other_name(path):
                names.setdefault(other_name(path), path)
    asked = sorted(names)
    found: Dict[str, Any] = {}
    for at in range(0, len(asked), BATCH):
        run = host.run(["dpkg-query", "-S", "--"] + asked[at : at + BATCH], timeout=30)
        if run.rc not in (0, NOTHING_FOUND):
            why = "dpkg-query -S failed: {0}".format(" ".join(run.err.split())[-200:])
            raise Unknown("use", why, "run dpkg-query -S /bin/sh on the host and repair what it says")
        for path, packages in parse_search(run.out).items():
            if path in names:
                found.setdefault(names[path], packages[0])
    return found
