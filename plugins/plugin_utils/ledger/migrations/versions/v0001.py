# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The first schema. A released migration is never changed: what comes later is another file."""

from __future__ import annotations

revision = "0001"
down_revision = None

_SQLITE_GUARDS = (
    "CREATE TRIGGER evidence_no_update BEFORE UPDATE ON evidence "
    "BEGIN SELECT RAISE(ABORT, 'evidence is append-only'); END",
    "CREATE TRIGGER evidence_no_delete BEFORE DELETE ON evidence "
    "BEGIN SELECT RAISE(ABORT, 'evidence is append-only'); END",
    # INSERT OR REPLACE would delete a row without the trigger above
    "CREATE TRIGGER evidence_in_order BEFORE INSERT ON evidence "
    "WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM evidence) "
    "BEGIN SELECT RAISE(ABORT, 'evidence is append-only'); END",
)
_POSTGRESQL_GUARDS = (
    "CREATE FUNCTION evidence_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'evidence is append-only'; END $$",
    "CREATE TRIGGER evidence_no_change BEFORE UPDATE OR DELETE ON evidence "
    "FOR EACH ROW EXECUTE FUNCTION evidence_append_only()",
    "CREATE TRIGGER evidence_no_truncate BEFORE TRUNCATE ON evidence "
    "FOR EACH STATEMENT EXECUTE FUNCTION evidence_append_only()",
)


def upgrade() -> None:
    # imported here, so that the file can be read where the collection's requirements are not installed
    import sqlalchemy as sa
    from alembic import op

    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # only INTEGER is an alias of SQLite's row id
    op.create_table(
        "candidates",
        sa.Column("id", key, nullable=False),
        sa.Column("fleet", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("package", sa.Text(), nullable=False),
        sa.Column("arch", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("security", sa.Boolean(), nullable=False),
        sa.Column("dated_ms", sa.BigInteger()),
        sa.Column("first_seen_ms", sa.BigInteger(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("last_seen_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("fleet", "platform", "package", "arch", "version", name="candidates_version"),
    )
    op.create_table(
        "chain",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", key, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "content",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "evidence",
        sa.Column("seq", key, autoincrement=False, nullable=False),
        sa.Column("fleet", sa.Text(), nullable=False),
        sa.Column("ms", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("token", key),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("evidence_by_ms", "evidence", ["ms"], unique=False)
    op.create_index("evidence_by_subject", "evidence", ["fleet", "subject", "seq"], unique=False)
    op.create_table(
        "meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "runs",
        sa.Column("token", key, autoincrement=False, nullable=False),
        sa.Column("fleet", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("policy_digest", sa.Text(), nullable=False),
        sa.Column("began_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger()),
        sa.Column("outcome", sa.Text()),
        sa.Column("message", sa.Text()),
        sa.PrimaryKeyConstraint("token"),
    )
    op.create_index("runs_by_fleet", "runs", ["fleet", "token"], unique=False)
    op.create_table(
        "candidate_steps",
        sa.Column("candidate_id", key, nullable=False),
        sa.Column("installed", sa.Text(), nullable=False),
        sa.Column("first_seen_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["candidate_id"],
            ["candidates.id"],
        ),
        sa.PrimaryKeyConstraint("candidate_id", "installed"),
    )
    op.create_table(
        "hosts",
        sa.Column("id", key, nullable=False),
        sa.Column("fleet", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("incarnation", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text()),
        sa.Column("look_id", key),
        sa.Column("look_ms", sa.BigInteger()),
        sa.Column("tried_ms", sa.BigInteger()),
        sa.Column("tried_token", key),
        sa.Column("error", sa.Text()),
        sa.Column("answer", sa.String(length=64)),
        sa.ForeignKeyConstraint(
            ["answer"],
            ["content.digest"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("fleet", "name", name="hosts_name"),
    )
    op.create_table(
        "plans",
        sa.Column("plan_id", sa.String(length=64), nullable=False),
        sa.Column("fleet", sa.Text(), nullable=False),
        sa.Column("left_out", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("token", key, nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('open', 'completed', 'superseded')", name="plans_state"),
        sa.ForeignKeyConstraint(
            ["left_out"],
            ["content.digest"],
        ),
        sa.ForeignKeyConstraint(
            ["plan_id"],
            ["content.digest"],
        ),
        sa.ForeignKeyConstraint(
            ["token"],
            ["runs.token"],
        ),
        sa.PrimaryKeyConstraint("plan_id"),
    )
    op.create_index(
        "plans_one_open",
        "plans",
        ["fleet"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "platforms",
        sa.Column("fleet", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("first_token", key, nullable=False),
        sa.Column("first_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["first_token"],
            ["runs.token"],
        ),
        sa.PrimaryKeyConstraint("fleet", "platform"),
    )
    op.create_table(
        "looks",
        sa.Column("id", key, nullable=False),
        sa.Column("host_id", key, nullable=False),
        sa.Column("incarnation", sa.Integer(), nullable=False),
        sa.Column("token", key, nullable=False),
        sa.Column("ms", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("platform", sa.Text()),
        sa.Column("answer", sa.String(length=64)),
        sa.ForeignKeyConstraint(
            ["answer"],
            ["content.digest"],
        ),
        sa.ForeignKeyConstraint(
            ["host_id"],
            ["hosts.id"],
        ),
        sa.ForeignKeyConstraint(
            ["token"],
            ["runs.token"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("looks_by_host", "looks", ["host_id", "id"], unique=False)
    op.create_index("looks_by_ms", "looks", ["ms"], unique=False)
    op.create_table(
        "plan_hosts",
        sa.Column("plan_id", sa.String(length=64), nullable=False),
        sa.Column("host_id", key, nullable=False),
        sa.Column("ring", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("token", key, nullable=False),
        sa.Column("ms", sa.BigInteger(), nullable=False),
        sa.Column("rollbackable", sa.Boolean()),
        sa.Column("rollback_reason", sa.Text(), nullable=False),
        sa.Column("retired_ms", sa.BigInteger()),
        sa.Column("retired_by", sa.Text()),
        sa.Column("retired_reason", sa.Text()),
        sa.ForeignKeyConstraint(
            ["host_id"],
            ["hosts.id"],
        ),
        sa.ForeignKeyConstraint(
            ["plan_id"],
            ["plans.plan_id"],
        ),
        sa.ForeignKeyConstraint(
            ["token"],
            ["runs.token"],
        ),
        sa.PrimaryKeyConstraint("plan_id", "host_id"),
    )
    op.create_index("plan_hosts_by_host", "plan_hosts", ["host_id"], unique=False)
    op.create_table(
        "plan_rings",
        sa.Column("plan_id", sa.String(length=64), nullable=False),
        sa.Column("ring", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("token", key, nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["plan_id"],
            ["plans.plan_id"],
        ),
        sa.ForeignKeyConstraint(
            ["token"],
            ["runs.token"],
        ),
        sa.PrimaryKeyConstraint("plan_id", "ring"),
    )
    op.create_table(
        "sections",
        sa.Column("host_id", key, nullable=False),
        sa.Column("section", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["digest"],
            ["content.digest"],
        ),
        sa.ForeignKeyConstraint(
            ["host_id"],
            ["hosts.id"],
        ),
        sa.PrimaryKeyConstraint("host_id", "section"),
    )
    op.create_table(
        "transactions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("plan_id", sa.String(length=64), nullable=False),
        sa.Column("host_id", key, nullable=False),
        sa.Column("incarnation", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("token", key, nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=False),
        sa.Column("finished_ms", sa.BigInteger()),
        sa.Column("recorded_ms", sa.BigInteger()),
        sa.Column("recorded_token", key),
        sa.Column("outcome", sa.Text()),
        sa.Column("result", sa.String(length=64)),
        sa.ForeignKeyConstraint(
            ["host_id"],
            ["hosts.id"],
        ),
        sa.ForeignKeyConstraint(
            ["plan_id"],
            ["plans.plan_id"],
        ),
        sa.ForeignKeyConstraint(
            ["recorded_token"],
            ["runs.token"],
        ),
        sa.ForeignKeyConstraint(
            ["result"],
            ["content.digest"],
        ),
        sa.ForeignKeyConstraint(
            ["token"],
            ["runs.token"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("plan_id", "host_id", "attempt", name="transactions_attempt"),
    )
    op.create_index("transactions_by_host", "transactions", ["host_id"], unique=False)
    op.create_table(
        "transitions",
        sa.Column("id", key, nullable=False),
        sa.Column("plan_id", sa.String(length=64), nullable=False),
        sa.Column("host_id", key),
        sa.Column("ring", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("token", key, nullable=False),
        sa.Column("ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["host_id"],
            ["hosts.id"],
        ),
        sa.ForeignKeyConstraint(
            ["plan_id"],
            ["plans.plan_id"],
        ),
        sa.ForeignKeyConstraint(
            ["token"],
            ["runs.token"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("transitions_by_host", "transitions", ["plan_id", "host_id", "id"], unique=False)
    op.create_table(
        "look_changes",
        sa.Column("host_id", key, nullable=False),
        sa.Column("look_id", key, nullable=False),
        sa.Column("section", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64)),
        sa.ForeignKeyConstraint(
            ["digest"],
            ["content.digest"],
        ),
        sa.ForeignKeyConstraint(
            ["host_id"],
            ["hosts.id"],
        ),
        sa.ForeignKeyConstraint(
            ["look_id"],
            ["looks.id"],
        ),
        sa.PrimaryKeyConstraint("host_id", "look_id", "section"),
    )

    for statement in _SQLITE_GUARDS if op.get_context().dialect.name == "sqlite" else _POSTGRESQL_GUARDS:
        op.execute(sa.text(statement))
