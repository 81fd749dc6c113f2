# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Databases that cannot be used: one clear error, and nothing lost."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import textwrap

import pytest
from ledger_samples import NOW, begin

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger, LedgerError

HERE = os.path.dirname(os.path.abspath(__file__))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "not a database URL"),
        ("ledger.db", "not a database URL"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("sqlite://server/ledger.db", "takes a path"),
        ("sqlite:////tmp/l.db?mode=ro", "takes a path"),
        ("mysql://u:secret@server/db", "kind 'mysql'"),
        ("postgresql+asyncpg://u:secret@server/db", "kind 'postgresql.asyncpg'"),
        ("postgresql://u:secret@server:port/db", "not a database URL"),
    ],
)
def test_a_bad_url(url, says):
    with pytest.raises(LedgerError, match=says) as caught:
        Ledger.open(url)
    assert caught.value.next_step
    assert "secret" not in str(caught.value)


def test_no_ledger_is_made_where_one_is_expected(tmp_path):
    with pytest.raises(LedgerError, match="there is no ledger here"):
        Ledger.open(f"sqlite:///{tmp_path}/l.db", create=False)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_postgresql_database_is_no_ledger(postgresql_url):
    with pytest.raises(LedgerError, match="no ledger in this database yet"):
        Ledger.open(postgresql_url, create=False)


def test_a_file_that_is_no_database_is_left_alone(tmp_path):
    path = tmp_path / "l.db"
    path.write_bytes(b"these are my notes, keep them\n" * 200)
    before = hashlib.sha256(path.read_bytes()).digest()
    with pytest.raises(LedgerError, match="not an SQLite database") as caught:
        Ledger.open(f"sqlite:///{path}")
    assert caught.value.where == str(path)
    assert hashlib.sha256(path.read_bytes()).digest() == before


def test_another_programs_database_is_left_alone(tmp_path):
    path = tmp_path / "l.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    before = hashlib.sha256(path.read_bytes()).digest()
    with pytest.raises(LedgerError, match="another program's database.*recipes"):
        Ledger.open(f"sqlite:///{path}")
    assert hashlib.sha256(path.read_bytes()).digest() == before


def test_a_folder_in_place_of_the_file(tmp_path):
    with pytest.raises(LedgerError, match="not a file"):
        Ledger.open(f"sqlite:///{tmp_path}")


def test_a_newer_schema_is_refused_and_kept(url):
    with Ledger.open(url) as ledger:
        begin(ledger)
        with ledger.database.write() as connection:
            connection.exec_driver_sql("UPDATE lockstep_schema SET version_num = '9999'")
    with pytest.raises(LedgerError, match="newer version of the collection.*9999"):
        Ledger.open(url)


def test_a_locked_database(tmp_path):
    url = f"sqlite:///{tmp_path}/l.db"
    with Ledger.open(url) as ledger:
        begin(ledger)
    holder = sqlite3.connect(tmp_path / "l.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with Ledger.open(url, wait_s=0.2) as ledger:
        with pytest.raises(LedgerError, match=r"held the database for over 0\.2 s"):
            begin(ledger)
        holder.execute("ROLLBACK")
        assert begin(ledger) == 2
    holder.close()


def test_a_locked_database_on_postgresql(postgresql_url):
    with Ledger.open(postgresql_url) as holder, Ledger.open(postgresql_url, wait_s=0.2) as ledger:
        with holder.database.write(), pytest.raises(LedgerError, match=r"held the ledger for over 0\.2 s"):
            begin(ledger)
        assert begin(ledger) == 1


def test_no_postgresql_server(tmp_path):
    with pytest.raises(LedgerError, match="no connection to the database") as caught:
        Ledger.open(f"postgresql://u:secret@/db?host={tmp_path}")
    assert "secret" not in str(caught.value)


def test_a_postgresql_database_that_does_not_exist(postgresql):
    with pytest.raises(LedgerError, match="does not exist") as caught:
        Ledger.open(f"postgresql://lockstep@/nowhere?host={postgresql}")
    assert "createdb" in caught.value.next_step


def test_a_missing_postgresql_driver_is_named(monkeypatch):
    for name in [name for name in sys.modules if name == "psycopg" or name.startswith("psycopg.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(LedgerError, match="pip install 'psycopg"):
        Ledger.open("postgresql://u@server/db")


def test_a_connection_that_the_server_ends_is_opened_again(postgresql_url):
    with Ledger.open(postgresql_url) as ledger:
        assert begin(ledger) == 1
        with Ledger.open(postgresql_url) as other, other.database.read() as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'lockstep' AND pid <> pg_backend_pid()"
            )
        with pytest.raises(LedgerError, match="no connection to the database"):
            ledger.runs("default")
        assert begin(ledger) == 2


@pytest.fixture
def open_folder():
    """A folder that every user may enter; the one that pytest gives is private to its user."""
    folder = tempfile.mkdtemp(prefix="lsledger-", dir="/tmp")
    os.chmod(folder, 0o755)
    yield folder
    shutil.rmtree(folder)


def as_other_user(action) -> str:
    """Run action in a child that is not root, and return the error it met."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            action()
            os.write(write, b"no error")
        except LedgerError as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as said:
        return said.read()


def test_a_folder_that_cannot_be_written(open_folder):
    os.chmod(open_folder, 0o555)
    assert "cannot be created: Permission denied" in as_other_user(lambda: Ledger.open(f"sqlite:///{open_folder}/l.db"))
    assert os.listdir(open_folder) == []


def test_a_file_that_cannot_be_written(open_folder):
    url = f"sqlite:///{open_folder}/l.db"
    Ledger.open(url).close()
    os.chmod(f"{open_folder}/l.db", 0o444)
    os.chmod(open_folder, 0o755 if os.getuid() == 0 else 0o555)
    said = as_other_user(lambda: begin(Ledger.open(url)))
    assert f"{open_folder}/l.db: the database cannot be" in said
    assert "readable and writable for uid" in said or "writable for uid" in said


@pytest.mark.skipif(os.getuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_loses_nothing(tmp_path):
    program = textwrap.dedent("""
        import sys
        sys.path.insert(0, sys.argv[2])
        from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger, LedgerError
        from ledger_samples import begin
        ledger = Ledger.open("sqlite:///" + sys.argv[1] + "/l.db")
        last = 0
        try:
            while True:
                last = begin(ledger)
        except LedgerError as error:
            print(last, error)
        ledger.close()
        rest = Ledger.open("sqlite:///" + sys.argv[1] + "/l.db")
        print(len(rest.runs("default", 100000)), rest.verify_chain().ok)
    """)
    script = tmp_path / "fill.py"
    script.write_text(program)
    disk = tmp_path / "disk"
    disk.mkdir()
    steps = 'mount -t tmpfs -o size=1500k none "$1" && exec "$2" "$3" "$1" "$4"'
    command = ["unshare", "--mount", "sh", "-c", steps, "sh", str(disk), sys.executable, str(script), HERE]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    last, error = said[0].split(" ", 1)
    assert "the disk is full; nothing of this step was written" in error
    assert int(last) > 10
    assert said[1] == f"{last} True"


def test_a_database_cut_short_is_reported(tmp_path):
    path = tmp_path / "l.db"
    with Ledger.open(f"sqlite:///{path}") as ledger:
        begin(ledger, NOW)
    os.truncate(path, 20_000)
    with pytest.raises(LedgerError) as caught, Ledger.open(f"sqlite:///{path}") as ledger:
        ledger.verify_chain()
        begin(ledger)
        ledger.runs("default")
    assert "damaged" in str(caught.value) or "refused" in str(caught.value)
