# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the history databases of dnf 4 and dnf 5 tell."""

import os
import shutil
import tempfile
from typing import Any, List, Optional, Tuple

from ansible_collections.lockstep.patching.plugins.module_utils._parse import dnf_history
from ansible_collections.lockstep.patching.plugins.module_utils._provider.contract import Event, History, Source
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host

PATH = "/var/lib/dnf/history.sqlite"
PATH5 = "/usr/lib/sysimage/libdnf5/transaction_history.sqlite"
MISSING = "{0}, so nothing tells what dnf did{1}"


def dnf4(host: Host, since_ms: int, now_ms: int) -> History:
    """The events since then."""
    return _history(host, PATH, dnf_history.QUERY, since_ms, now_ms)


def dnf5(host: Host, since_ms: int, now_ms: int) -> History:
    """The events since then."""
    return _history(host, PATH5, dnf_history.QUERY5, since_ms, now_ms)


def _history(host, path, query, since_ms, now_ms):
    if not os.path.exists(host.path(path)):
        return History([Source(path, None, None, False)], None, None, [], MISSING.format(path + " is not there", ""))
    try:
        rows, first = _read(host.path(path), query)
    except Exception as error:  # sqlite3 is optional in Python, and its errors are its own
        why = "{0} cannot be read ({1})".format(path, error)
        return History([Source(path, None, None, False)], None, None, [], MISSING.format(why, ""))
    events = [Event(**each) for each in dnf_history.events(rows)]
    patched = [each.ms for each in events if each.action == "upgrade"]
    first_ms = None if first is None else int(first) * 1000
    source = Source(path, first_ms, events[-1].ms if events else first_ms, True)
    missing = None
    if first_ms is None or first_ms > since_ms:
        missing = "dnf's history begins " + ("nowhere" if first_ms is None else "later than asked for")
    recent = [each for each in events if since_ms <= each.ms <= now_ms]
    return History([source], first_ms, patched[-1] if patched else None, recent, missing)


def _read(path: str, query: str) -> Tuple[List[Any], Optional[int]]:
    """Rows and the first date, from a copy: reading a database in use may write beside it."""
    import sqlite3

    folder = tempfile.mkdtemp(prefix="lockstep-history-")
    try:
        for end in ("", "-wal"):
            if os.path.exists(path + end):
                shutil.copyfile(path + end, os.path.join(folder, "history.sqlite" + end))
        connection = sqlite3.connect(os.path.join(folder, "history.sqlite"))
        try:
            return connection.execute(query).fetchall(), connection.execute(dnf_history.FIRST).fetchone()[0]
        finally:
            connection.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
