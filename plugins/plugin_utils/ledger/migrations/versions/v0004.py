# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Leases: what a host takes of its budgets while it may be out."""

from __future__ import annotations

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    import sqlalchemy as sa
    from alembic import op

    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "leases",
        sa.Column("id", key, nullable=False),
        sa.Column("fleet", sa.Text(), nullable=False),
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("host_id", key, nullable=False),
        sa.Column("plan_id", sa.String(length=64), nullable=False),
        sa.Column("token", key, nullable=False),
        sa.Column("boot_id", sa.Text(), nullable=False),
        sa.Column("taken_ms", sa.BigInteger(), nullable=False),
        sa.Column("released_ms", sa.BigInteger()),
        sa.Column("released_token", key),
        sa.Column("released_why", sa.Text()),
        sa.ForeignKeyConstraint(["host_id"], ["hosts.id"]),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.plan_id"]),
        sa.ForeignKeyConstraint(["released_token"], ["runs.token"]),
        sa.ForeignKeyConstraint(["token"], ["runs.token"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "leases_one_open",
        "leases",
        ["fleet", "bucket", "host_id"],
        unique=True,
        sqlite_where=sa.text("released_ms IS NULL"),
        postgresql_where=sa.text("released_ms IS NULL"),
    )
