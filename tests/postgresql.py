# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A PostgreSQL server of the tests' own, where one is installed: fixtures for all of them (tests/conftest.py)."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator

import pytest


def _program(name: str) -> str | None:
    return shutil.which(name) or next(iter(sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), reverse=True)), None)


def _account() -> str | None:
    """A user that is not root: PostgreSQL refuses to run as root. None for the user of the tests."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The folder of the socket of a server of our own; it listens on nothing else and is gone after the tests."""
    initdb, control = _program("initdb"), _program("pg_ctl")
    if not initdb or not control:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    account, folder = _account(), tempfile.mkdtemp(prefix="lspg-", dir="/tmp")
    data = os.path.join(folder, "data")
    try:
        if account:
            shutil.chown(folder, account)
        as_user = {"user": account} if account else {}
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "HOME": folder}
        quiet = {"cwd": folder, "env": environment, "stdout": subprocess.DEVNULL, **as_user}
        subprocess.run(
            [initdb, "-D", data, "-A", "trust", "-U", "lockstep", "-N", "--wal-segsize=1"], check=True, **quiet
        )
        options = f"-c listen_addresses= -c unix_socket_directories={folder} "
        options += "-c fsync=off -c max_connections=60 -c max_wal_size=32MB"
        subprocess.run(
            [control, "-D", data, "-w", "-l", os.path.join(folder, "log"), "-o", options, "start"], check=True, **quiet
        )
        try:
            yield folder
        finally:
            subprocess.run([control, "-D", data, "-w", "-m", "immediate", "stop"], check=True, **quiet)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgresql_url(postgresql: str) -> Iterator[str]:
    """A new, empty schema that is the only one on the search path; a database for each test would take 7 MB each."""
    import psycopg

    name = "t" + uuid.uuid4().hex
    with psycopg.connect(f"host={postgresql} user=lockstep dbname=postgres", autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
        yield f"postgresql://lockstep@/postgres?host={postgresql}&options=-csearch_path%3D{name}"
        connection.execute(f"SET client_min_messages = error; DROP SCHEMA {name} CASCADE")
