# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a database driver's errors mean to a user: what happened, where, what to do next."""

from __future__ import annotations

import os

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.errors import LedgerError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.urls import Target

_SQLITE = (
    (
        "not a database",
        "it is not an SQLite database, or it is damaged",
        "restore a backup, or name another file in lockstep_ledger",
    ),
    (
        "malformed",
        "the database is damaged",
        "keep a copy of it, and restore a backup or run `sqlite3 LEDGER .recover`",
    ),
    (
        "readonly",
        "the database cannot be written",
        "make the file and its folder writable for {user}, or run as their owner",
    ),
    ("disk is full", "the disk is full; nothing of this step was written", "free some space there and run again"),
    (
        "disk i/o error",
        "the disk did not take or give the data; nothing of this step was written",
        "check its space, quota and health, and run again",
    ),
    (
        "locked",
        "another process has held the database for over {wait:g} s; nothing of this step was written",
        "end what holds it (`fuser LEDGER` names it) and run again",
    ),
    (
        "unable to open",
        "the database cannot be opened",
        "make the folder readable and writable for {user} (SQLite keeps two more files beside the ledger)",
    ),
)
_POSTGRESQL = {
    "55P03": (
        "another process has held the ledger for over {wait:g} s; nothing of this step was written",
        "end it and run again",
    ),
    "53100": ("the server's disk is full; nothing of this step was written", "free some space there and run again"),
    "25006": ("the database is read-only", "name the primary server in lockstep_ledger, not a standby"),
    "42501": ("the database user lacks a right", "make this user the owner of the database"),
    "28P01": ("the password is wrong", "correct the user and password in lockstep_ledger"),
    "28000": ("the server refuses this user", "allow the user in pg_hba.conf, or correct lockstep_ledger"),
    "3D000": ("the database does not exist", "create it: createdb DATABASE"),
}


def explain(error: Exception, target: Target, wait_s: float) -> LedgerError:
    """The LedgerError that stands for a driver's error."""
    cause = getattr(error, "orig", None) or error
    text = " ".join(str(cause).split()) or type(cause).__name__
    user = f"uid {os.getuid()}"
    if target.path:
        for sign, what, step in _SQLITE:
            if sign in text.lower():
                return LedgerError(
                    f"{what.format(wait=wait_s)} ({text})",
                    target.path,
                    step.format(user=user).replace("LEDGER", target.path),
                )
        return LedgerError(f"the database refused a step; nothing of it was written ({text})", target.path, "run again")
    code = getattr(cause, "sqlstate", None) or _code_of_connect(text)
    if code in _POSTGRESQL:
        what, step = _POSTGRESQL[code]
        return LedgerError(f"{what.format(wait=wait_s)} ({text})", target.shown, step)
    if getattr(error, "connection_invalidated", False) or not code:
        return LedgerError(
            f"no connection to the database ({text})",
            target.shown,
            "check that the server runs and can be reached, and run again",
        )
    return LedgerError(f"the database refused a step; nothing of it was written ({text})", target.shown, "run again")


def _code_of_connect(text: str) -> str:
    """psycopg gives no code for what fails while connecting, only the server's words."""
    if "password authentication failed" in text:
        return "28P01"
    if "no pg_hba.conf entry" in text or "Peer authentication failed" in text:
        return "28000"
    if text.startswith("connection") and "database" in text and "does not exist" in text:
        return "3D000"
    return ""
