# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hooks that are still to be taken back."""

from __future__ import annotations

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    # imported here, so that the file can be read where the collection's requirements are not installed
    import sqlalchemy as sa
    from alembic import op

    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # only INTEGER is an alias of SQLite's row id
    texts = ("fleet", "scope", "subject", "hook", "state", "steps")
    op.create_table(
        "open_hooks",
        sa.Column("id", key, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in texts),
        sa.Column("plan_id", sa.String(length=64), nullable=False),
        sa.Column("token", key, nullable=False),
        sa.Column("ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.plan_id"]),
        sa.ForeignKeyConstraint(["token"], ["runs.token"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("open_hooks_one", "open_hooks", ["fleet", "scope", "subject", "hook"], unique=True)
