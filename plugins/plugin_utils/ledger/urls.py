# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a ledger URL means."""

from __future__ import annotations

import os
from typing import NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.errors import LedgerError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.libs import MISSING, sa

_FORMS = "write sqlite:////absolute/path/ledger.db or postgresql://USER:PASSWORD@SERVER/DATABASE"


class Target(NamedTuple):
    """A database. path is the absolute file of SQLite and empty for PostgreSQL; shown has no password."""

    url: str
    path: str
    shown: str


def parse(url: str) -> Target:
    """Read a ledger URL; LedgerError says what is wrong with it, and never shows its password."""
    if MISSING:
        raise LedgerError(
            f"a Python library is missing ({MISSING})",
            "ledger",
            "run: pip install -r requirements.txt of this collection",
        )
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise LedgerError("lockstep_ledger is not a database URL", "lockstep_ledger", _FORMS) from None
    shown = parsed.render_as_string(hide_password=True)
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        if parsed.host or parsed.query:
            raise LedgerError("the URL of an SQLite ledger takes a path and nothing else", shown, _FORMS)
        if parsed.database in (None, "", ":memory:"):
            raise LedgerError("a ledger in memory would be lost with this process", shown, _FORMS)
        path = os.path.abspath(os.path.expanduser(str(parsed.database)))
        return Target("sqlite:///" + path, path, "sqlite:///" + path)
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return Target(parsed.set(drivername="postgresql+psycopg").render_as_string(hide_password=False), "", shown)
    raise LedgerError(f"no ledger is kept in a database of kind {parsed.drivername!r}", shown, _FORMS)
