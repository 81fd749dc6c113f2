# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Connections: one for each process, opened when it is first needed, and transactions on it.

A connection is never used in another process than the one that opened it: after a fork the child forgets the parent's
and opens its own. Writes are serialised on both databases (SQLite: BEGIN IMMEDIATE; PostgreSQL: an advisory lock), so
that tokens increase and the chain of evidence has one end.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import points
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.errors import LedgerError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.libs import sa
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.problems import explain
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.urls import Target

_LOCK_KEY = 5063672  # of PostgreSQL's advisory lock; any number that no other program uses in this database
_KEPT: list[Any] = []
"""Connections that belong to a parent process. Closing one here could end the parent's session, so they are kept and
never touched."""


def insert(connection: sa.Connection, statement: sa.Insert) -> int:
    """Insert one row and return the id that the database gave it."""
    key: Any = connection.execute(statement).inserted_primary_key
    return int(key[0])


class Database:
    """One database, and this process's connection to it. wait_s: how long a write waits for others, in seconds."""

    def __init__(self, target: Target, wait_s: float) -> None:
        self.target = target
        self.sqlite = bool(target.path)
        self._wait_s = wait_s
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._connection: Any = None
        try:
            self._engine = self._make_engine()
        except ImportError as error:
            raise LedgerError(
                f"the driver for PostgreSQL cannot be loaded ({error})",
                target.shown,
                "run: pip install 'psycopg[binary]>=3.1'",
            ) from None
        except (sa.exc.SQLAlchemyError, ValueError) as error:
            raise LedgerError(f"lockstep_ledger cannot be used: {error}", target.shown, "correct the URL") from None

    def _make_engine(self) -> sa.Engine:
        if not self.sqlite:
            arguments = {"connect_timeout": 10, "application_name": "lockstep"}
            url = sa.make_url(self.target.url)
            return sa.create_engine(
                url, poolclass=sa.pool.NullPool, connect_args={k: v for k, v in arguments.items() if k not in url.query}
            )
        return sa.create_engine("sqlite://", creator=self._open_file, poolclass=sa.pool.NullPool)

    def _open_file(self) -> sqlite3.Connection:
        # mode=rw: SQLite itself never creates the file, so that it is there with the right permissions first
        connection = sqlite3.connect(
            f"file:{quote(self.target.path)}?mode=rw",
            uri=True,
            timeout=self._wait_s,
            isolation_level=None,
            check_same_thread=False,
        )
        for pragma in ("foreign_keys = ON", "synchronous = FULL", "fullfsync = ON"):
            connection.execute("PRAGMA " + pragma)
        return connection

    def _mine(self) -> sa.Connection:
        if self._pid != os.getpid():
            _KEPT.append((self._connection, self._engine))
            self._pid, self._connection, self._lock = os.getpid(), None, threading.RLock()
            self._engine = self._make_engine()
        if self._connection is None:
            self._connection = self._engine.connect()
        connection: sa.Connection = self._connection
        return connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state of the database and writes nothing."""
        begin = "BEGIN" if self.sqlite else "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
        with self._transaction(begin) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that alone may write until it ends; when the block returns, everything in it is on disk, else
        nothing is."""
        if self.sqlite:
            begin = "BEGIN IMMEDIATE"
        else:
            begin = (
                f"SET LOCAL lock_timeout = {int(self._wait_s * 1000)}; "
                "SELECT set_config('synchronous_commit', 'on', true) "
                "WHERE current_setting('synchronous_commit') = 'off'; "
                f"SELECT pg_advisory_xact_lock({_LOCK_KEY})"
            )
        with self._transaction(begin) as connection:
            yield connection
        if points.WANTED:
            points.committed()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sa.Connection]:
        if self._pid != os.getpid():
            self._lock = threading.RLock()  # another thread of the parent may have held it at the fork
        with self._lock:
            try:
                connection = self._mine()
                with connection.begin():
                    connection.exec_driver_sql(begin)
                    yield connection
            except sa.exc.DBAPIError as error:
                self.close()
                raise explain(error, self.target, self._wait_s) from error
            except sqlite3.Error as error:
                self.close()
                raise explain(error, self.target, self._wait_s) from error

    def outside(self, statement: str) -> Any:
        """Run one SQLite statement that must not be in a transaction, on a connection of its own; return its first
        value."""
        try:
            connection = self._open_file()
            try:
                return connection.execute(statement).fetchone()[0]
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise explain(error, self.target, self._wait_s) from error

    def close(self) -> None:
        """End this process's connection; the next use opens another."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._pid != os.getpid():
            _KEPT.append(connection)
            return
        try:
            connection.close()
        except (
            sa.exc.DBAPIError,
            sqlite3.Error,
        ):  # a connection that is broken already; its error has been or will be reported
            connection.invalidate()
