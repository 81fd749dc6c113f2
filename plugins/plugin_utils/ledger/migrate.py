# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring a database to the newest schema. Alembic is imported only when there is something to do, because that takes 0.2
to 0.3 s."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import schema
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.connect import Database
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.errors import LedgerError, NoLedger
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.libs import sa
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.urls import Target

HEAD = schema.REVISIONS[-1]
_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "migrations")


def ready(database: Database, create: bool) -> str:
    """Create or upgrade what is not current; return the ledger's id."""
    target = database.target
    if database.sqlite:
        _file(target, create)
    with database.read() as connection:
        found = _revision(connection, target)
        wal = not database.sqlite or connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        if found == HEAD and wal:
            return _ledger_id(connection)
    if found is None and not create:
        raise NoLedger(
            "there is no ledger in this database yet", target.shown, "run detect first, or correct lockstep_ledger"
        )
    if not wal:
        database.close()
        with _folder_locked(target.path):
            _use_wal(database)
    with database.write() as connection:
        if _revision(connection, target) != HEAD:  # another process may have been quicker
            _upgrade(connection)
        return _ledger_id(connection)


def _file(target: Target, create: bool) -> None:
    folder = os.path.dirname(target.path)
    try:
        if os.path.exists(target.path):
            if not os.path.isfile(target.path):
                raise LedgerError("this is not a file", target.path, "name a file in lockstep_ledger")
            return
        if not create:
            raise NoLedger("there is no ledger here", target.path, "run detect first, or correct lockstep_ledger")
        _private_folders(folder)
        os.close(os.open(target.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise LedgerError(
            f"the ledger cannot be created: {error.strerror}",
            target.path,
            f"make {folder} writable for uid {os.getuid()}, or set lockstep_ledger",
        ) from error


def _private_folders(folder: str) -> None:
    if folder and not os.path.isdir(folder):
        _private_folders(os.path.dirname(folder))
        os.makedirs(folder, mode=0o700, exist_ok=True)


@contextmanager
def _folder_locked(path: str) -> Iterator[None]:
    """Only one process at a time may switch a database to WAL; SQLite's own waiting does not cover that."""
    try:
        folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise LedgerError(
            f"the folder cannot be read: {error.strerror}", path, f"make it readable for uid {os.getuid()}"
        ) from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _use_wal(database: Database) -> None:
    mode = database.outside("PRAGMA journal_mode = WAL")
    if mode != "wal":
        raise LedgerError(
            f"the file system cannot hold a write-ahead log (journal mode stays {mode})",
            database.target.path,
            "put the ledger on a local disk, or set lockstep_ledger=postgresql://USER@SERVER/DATABASE",
        )


def _revision(connection: sa.Connection, target: Target) -> str | None:
    """The revision of the schema; None for an empty database; LedgerError for one that is not ours or is newer than
    this version."""
    tables = sa.inspect(connection).get_table_names()
    if schema.VERSION_TABLE not in tables:
        if target.path and tables:
            raise LedgerError(
                f"this is another program's database (it has a table {tables[0]!r} and no ledger)",
                target.path,
                "name another file in lockstep_ledger",
            )
        return None
    revision = connection.execute(sa.text(f"SELECT version_num FROM {schema.VERSION_TABLE}")).scalar()
    if revision is not None and revision not in schema.REVISIONS:
        raise LedgerError(
            f"a newer version of the collection wrote this ledger (schema {revision}; this version knows up to {HEAD})",
            target.shown,
            "upgrade lockstep.patching on this controller",
        )
    return revision


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", _FOLDER.replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = schema.VERSION_TABLE
    command.upgrade(config, "head")
    if connection.execute(sa.select(schema.meta.c.value).where(schema.meta.c.name == "ledger_id")).scalar() is None:
        connection.execute(sa.insert(schema.meta).values(name="ledger_id", value=secrets.token_hex(16)))


def _ledger_id(connection: sa.Connection) -> str:
    return str(connection.execute(sa.select(schema.meta.c.value).where(schema.meta.c.name == "ledger_id")).scalar_one())
