# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Alembic's entry: run the migrations on the connection, and in the transaction, that the ledger hands over."""

from __future__ import annotations

try:
    from alembic import context
except ImportError:  # the collection without its requirements; nothing can be migrated then, and the ledger says so
    pass
else:
    context.configure(
        connection=context.config.attributes["connection"],
        version_table=context.config.attributes["version_table"],
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()
