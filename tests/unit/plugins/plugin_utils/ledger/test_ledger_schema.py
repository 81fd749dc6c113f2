# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The migrations make the schema that the code expects, from an installed collection too."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from ledger_samples import NOW, begin, open_plan

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger, LedgerError, migrate, schema


def test_migrations_end_where_the_code_says():
    script = ScriptDirectory(os.path.join(os.path.dirname(migrate.__file__), "migrations"))
    assert script.get_current_head() == migrate.HEAD
    assert sorted(revision.revision for revision in script.walk_revisions()) == sorted(schema.REVISIONS)


def test_migrated_database_has_the_tables_of_the_code(ledger):
    with ledger.database.read() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": schema.VERSION_TABLE, "compare_type": True}
        )
        assert compare_metadata(context, schema.metadata) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE evidence SET body = '{}' WHERE seq = 1",
        "UPDATE evidence SET seq = 99 WHERE seq = 1",
        "DELETE FROM evidence",
        "DELETE FROM evidence WHERE seq = 2",
    ],
)
def test_evidence_cannot_be_changed(ledger, statement):
    open_plan(ledger, begin(ledger))
    before = ledger.evidence("default")
    with pytest.raises(LedgerError, match="append-only"), ledger.database.write() as connection:
        connection.exec_driver_sql(statement)
    assert ledger.evidence("default") == before
    assert len(before) == 2


def test_evidence_cannot_be_replaced_on_sqlite(tmp_path):
    with Ledger.open(f"sqlite:///{tmp_path}/l.db") as ledger:
        begin(ledger)
        columns = "seq, fleet, ms, actor, job, token, kind, subject, body, prev_hash, hash"
        statement = f"INSERT OR REPLACE INTO evidence ({columns}) SELECT {columns} FROM evidence WHERE seq = 1"
        with pytest.raises(LedgerError, match="append-only"), ledger.database.write() as connection:
            connection.exec_driver_sql(statement)


def test_evidence_cannot_be_truncated_on_postgresql(postgresql_url):
    with Ledger.open(postgresql_url) as ledger:
        begin(ledger)
        with pytest.raises(LedgerError, match="append-only"), ledger.database.write() as connection:
            connection.exec_driver_sql("TRUNCATE evidence")
        assert len(ledger.evidence("default")) == 1


def test_a_ledger_is_private_and_keeps_its_id(tmp_path):
    url = f"sqlite:///{tmp_path}/deep/er/ledger.db"
    with Ledger.open(url) as ledger:
        first = ledger.ledger_id
        begin(ledger)
        for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
            assert stat.S_IMODE(os.stat(tmp_path / "deep/er" / name).st_mode) == 0o600
    assert [stat.S_IMODE(os.stat(tmp_path / part).st_mode) for part in ("deep", "deep/er")] == [0o700, 0o700]
    with Ledger.open(url) as ledger:
        assert ledger.ledger_id == first
    with Ledger.open(f"sqlite:///{tmp_path}/other.db") as other:
        assert other.ledger_id != first


def test_what_protects_sqlite_from_a_crash_is_on(tmp_path):
    with Ledger.open(f"sqlite:///{tmp_path}/l.db") as ledger, ledger.database.read() as connection:
        found = {
            name: connection.exec_driver_sql("PRAGMA " + name).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_alembic_is_imported_only_to_migrate(tmp_path):
    url = f"sqlite:///{tmp_path}/l.db"
    program = (
        "import sys\n"
        "from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger\n"
        f"Ledger.open({url!r}).close()\n"
        "print('alembic' in sys.modules)\n"
    )
    said = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        for _time in range(2)
    ]
    assert said == ["True\n", "False\n"]


def test_without_sqlalchemy_the_package_is_imported_and_says_what_to_install(tmp_path):
    program = (
        "import sys\n"
        "sys.modules['sqlalchemy'] = None\n"
        "from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger, LedgerError\n"
        "try:\n"
        f"    Ledger.open('sqlite:///{tmp_path}/l.db')\n"
        "except LedgerError as error:\n"
        "    print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "pip install -r requirements.txt" in said
    assert list(tmp_path.iterdir()) == []


def test_a_migration_that_fails_leaves_nothing_half(tmp_path, monkeypatch):
    path = tmp_path / "l.db"
    monkeypatch.setattr(migrate, "_upgrade", _half_an_upgrade)
    with pytest.raises(LedgerError, match="no such table: nowhere"):
        Ledger.open(f"sqlite:///{path}")
    monkeypatch.undo()
    with Ledger.open(f"sqlite:///{path}") as ledger:
        assert begin(ledger, NOW) == 1


def _half_an_upgrade(connection: sa.Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE runs (token INTEGER)")
    connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")
