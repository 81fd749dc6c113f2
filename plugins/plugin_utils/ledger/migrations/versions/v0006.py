# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Assessments and what was open on each host after them."""

from __future__ import annotations

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    # imported here, so that the file can be read where the collection's requirements are not installed
    import sqlalchemy as sa
    from alembic import op

    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # only INTEGER is an alias of SQLite's row id
    contents = ("scheme", "feeds", "facts", "waivers", "news", "summary")
    op.create_table(
        "assessments",
        sa.Column("id", key, nullable=False),
        sa.Column("fleet", sa.Text(), nullable=False),
        sa.Column("token", key, nullable=False),
        sa.Column("ms", sa.BigInteger(), nullable=False),
        sa.Column("scheme_key", sa.String(length=64), nullable=False),
        *(sa.Column(name, sa.String(length=64), nullable=False) for name in contents),
        *(sa.ForeignKeyConstraint([name], ["content.digest"]) for name in contents),
        sa.ForeignKeyConstraint(["token"], ["runs.token"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("assessments_by_fleet", "assessments", ["fleet", "id"], unique=False)
    op.create_table(
        "books",
        sa.Column("host_id", key, nullable=False),
        sa.Column("assessment_id", key, nullable=False),
        sa.Column("book", sa.String(length=64), nullable=False),
        sa.Column("closed", sa.String(length=64)),
        sa.ForeignKeyConstraint(["host_id"], ["hosts.id"]),
        sa.ForeignKeyConstraint(["assessment_id"], ["assessments.id"]),
        sa.ForeignKeyConstraint(["book"], ["content.digest"]),
        sa.ForeignKeyConstraint(["closed"], ["content.digest"]),
        sa.PrimaryKeyConstraint("host_id", "assessment_id"),
    )
    op.create_table(
        "open_books",
        sa.Column("host_id", key, nullable=False),
        sa.Column("assessment_id", key, nullable=False),
        sa.Column("incarnation", sa.Integer(), nullable=False),
        sa.Column("look_ms", sa.BigInteger()),
        sa.Column("book", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["host_id"], ["hosts.id"]),
        sa.ForeignKeyConstraint(["assessment_id"], ["assessments.id"]),
        sa.ForeignKeyConstraint(["book"], ["content.digest"]),
        sa.PrimaryKeyConstraint("host_id"),
    )
