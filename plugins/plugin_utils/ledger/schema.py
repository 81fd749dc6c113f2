# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tables, as the newest migration leaves them (a test compares the two).

Times are UTC milliseconds. Digests are SHA-256 in hexadecimal. JSON is canonical text. A `content` row is written once
and never changed, so that a digest is enough to say what a host had.

Nothing creates tables from these: the migrations do, and say for which rows a partial index holds. Said here too, it
would import the code for PostgreSQL in every run.
"""

from __future__ import annotations

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.libs import sa

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007")
"""Every revision that this version knows, oldest first. A database at another one was written by a newer version."""
VERSION_TABLE = "lockstep_schema"

metadata = sa.MetaData()
_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # only INTEGER is an alias of SQLite's row id


meta = sa.Table(
    "meta",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
runs = sa.Table(
    "runs",
    metadata,
    sa.Column("token", _id, primary_key=True, autoincrement=False),
    sa.Column("fleet", sa.Text, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("job", sa.Text, nullable=False),
    sa.Column("controller", sa.Text, nullable=False),
    sa.Column("policy_digest", sa.Text, nullable=False),
    sa.Column("began_ms", sa.BigInteger, nullable=False),
    sa.Column("ended_ms", sa.BigInteger),
    sa.Column("outcome", sa.Text),
    sa.Column("message", sa.Text),
    sa.Index("runs_by_fleet", "fleet", "token"),
)
content = sa.Table(
    "content",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),  # bytes of the JSON
    sa.Column("packed", sa.LargeBinary, nullable=False),  # zlib
)
hosts = sa.Table(
    "hosts",
    metadata,
    sa.Column("id", _id, primary_key=True),
    sa.Column("fleet", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("incarnation", sa.Integer, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("platform", sa.Text),
    sa.Column("look_id", _id),  # the newest look that worked, of this incarnation
    sa.Column("look_ms", sa.BigInteger),
    sa.Column("tried_ms", sa.BigInteger),  # the newest look, whether it worked or not
    sa.Column("tried_token", _id),
    sa.Column("error", sa.Text),  # why the newest look did not work
    sa.Column("answer", sa.String(64), sa.ForeignKey("content.digest")),
    sa.Column("parts", sa.Text),  # JSON: when each optional part was last read; null: none ever was
    sa.Column("imported", sa.Text),  # JSON: where the state was imported from; null: it was looked at
    sa.UniqueConstraint("fleet", "name", name="hosts_name"),
)
looks = sa.Table(
    "looks",
    metadata,
    sa.Column("id", _id, primary_key=True),
    sa.Column("host_id", _id, sa.ForeignKey("hosts.id"), nullable=False),
    sa.Column("incarnation", sa.Integer, nullable=False),
    sa.Column("token", _id, sa.ForeignKey("runs.token"), nullable=False),
    sa.Column("ms", sa.BigInteger, nullable=False),
    sa.Column("error", sa.Text),
    sa.Column("platform", sa.Text),
    sa.Column("answer", sa.String(64), sa.ForeignKey("content.digest")),
    sa.Index("looks_by_host", "host_id", "id"),
    sa.Index("looks_by_ms", "ms"),
)
# What changed at a look: a section has this digest from that look until its next row (null: no longer reported).
look_changes = sa.Table(
    "look_changes",
    metadata,
    sa.Column("host_id", _id, sa.ForeignKey("hosts.id"), primary_key=True),
    sa.Column("look_id", _id, sa.ForeignKey("looks.id"), primary_key=True),
    sa.Column("section", sa.Text, primary_key=True),
    sa.Column("digest", sa.String(64), sa.ForeignKey("content.digest")),
)
sections = sa.Table(
    "sections",
    metadata,
    sa.Column("host_id", _id, sa.ForeignKey("hosts.id"), primary_key=True),
    sa.Column("section", sa.Text, primary_key=True),
    sa.Column("digest", sa.String(64), sa.ForeignKey("content.digest"), nullable=False),
)
platforms = sa.Table(
    "platforms",
    metadata,
    sa.Column("fleet", sa.Text, primary_key=True),
    sa.Column("platform", sa.Text, primary_key=True),
    sa.Column("first_token", _id, sa.ForeignKey("runs.token"), nullable=False),
    sa.Column("first_ms", sa.BigInteger, nullable=False),
)
candidates = sa.Table(
    "candidates",
    metadata,
    sa.Column("id", _id, primary_key=True),
    sa.Column("fleet", sa.Text, nullable=False),
    sa.Column("platform", sa.Text, nullable=False),
    sa.Column("package", sa.Text, nullable=False),
    sa.Column("arch", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("security", sa.Boolean, nullable=False),
    sa.Column("dated_ms", sa.BigInteger),
    sa.Column("first_seen_ms", sa.BigInteger, nullable=False),
    sa.Column("basis", sa.Text, nullable=False),
    sa.Column("last_seen_ms", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("fleet", "platform", "package", "arch", "version", name="candidates_version"),
)
# The installed versions that a candidate would replace: a successor inherits the age of what it overtakes.
candidate_steps = sa.Table(
    "candidate_steps",
    metadata,
    sa.Column("candidate_id", _id, sa.ForeignKey("candidates.id"), primary_key=True),
    sa.Column("installed", sa.Text, primary_key=True),
    sa.Column("first_seen_ms", sa.BigInteger, nullable=False),
)
plans = sa.Table(
    "plans",
    metadata,
    sa.Column("plan_id", sa.String(64), sa.ForeignKey("content.digest"), primary_key=True),
    sa.Column("fleet", sa.Text, nullable=False),
    sa.Column("left_out", sa.String(64), sa.ForeignKey("content.digest"), nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("token", _id, sa.ForeignKey("runs.token"), nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("state_ms", sa.BigInteger, nullable=False),
    sa.CheckConstraint("state IN ('open', 'completed', 'superseded')", name="plans_state"),
)
sa.Index("plans_one_open", plans.c.fleet, unique=True)  # of open plans only
plan_rings = sa.Table(
    "plan_rings",
    metadata,
    sa.Column("plan_id", sa.String(64), sa.ForeignKey("plans.plan_id"), primary_key=True),
    sa.Column("ring", sa.Text, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("token", _id, sa.ForeignKey("runs.token"), nullable=False),
    sa.Column("since_ms", sa.BigInteger, nullable=False),  # when it came into this state
    sa.Column("ms", sa.BigInteger, nullable=False),
)
plan_hosts = sa.Table(
    "plan_hosts",
    metadata,
    sa.Column("plan_id", sa.String(64), sa.ForeignKey("plans.plan_id"), primary_key=True),
    sa.Column("host_id", _id, sa.ForeignKey("hosts.id"), primary_key=True),
    sa.Column("ring", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("phase", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("token", _id, sa.ForeignKey("runs.token"), nullable=False),
    sa.Column("ms", sa.BigInteger, nullable=False),
    sa.Column("rollbackable", sa.Boolean),  # null: nobody has looked yet
    sa.Column("rollback_reason", sa.Text, nullable=False),
    sa.Column("retired_ms", sa.BigInteger),
    sa.Column("retired_by", sa.Text),
    sa.Column("retired_reason", sa.Text),
    sa.Index("plan_hosts_by_host", "host_id"),
)
transitions = sa.Table(
    "transitions",
    metadata,
    sa.Column("id", _id, primary_key=True),
    sa.Column("plan_id", sa.String(64), sa.ForeignKey("plans.plan_id"), nullable=False),
    sa.Column("host_id", _id, sa.ForeignKey("hosts.id")),  # null: of the ring
    sa.Column("ring", sa.Text, nullable=False),
    sa.Column("before", sa.Text, nullable=False),
    sa.Column("after", sa.Text, nullable=False),
    sa.Column("phase", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("token", _id, sa.ForeignKey("runs.token"), nullable=False),
    sa.Column("ms", sa.BigInteger, nullable=False),
    sa.Index("transitions_by_host", "plan_id", "host_id", "id"),
)
transactions = sa.Table(
    "transactions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("plan_id", sa.String(64), sa.ForeignKey("plans.plan_id"), nullable=False),
    sa.Column("host_id", _id, sa.ForeignKey("hosts.id"), nullable=False),
    sa.Column("incarnation", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("token", _id, sa.ForeignKey("runs.token"), nullable=False),
    sa.Column("started_ms", sa.BigInteger, nullable=False),
    sa.Column("finished_ms", sa.BigInteger),  # null: no final result yet
    sa.Column("recorded_ms", sa.BigInteger),
    sa.Column("recorded_token", _id, sa.ForeignKey("runs.token")),
    sa.Column("outcome", sa.Text),
    sa.Column("result", sa.String(64), sa.ForeignKey("content.digest")),
    sa.UniqueConstraint("plan_id", "host_id", "attempt", name="transactions_attempt"),
    sa.Index("transactions_by_host", "host_id"),
)
# What people ordered: a halt, an approval, a recall, a resolution. It holds until it is ended.
orders = sa.Table(
    "orders",
    metadata,
    sa.Column("id", _id, primary_key=True),
    sa.Column("fleet", sa.Text, nullable=False),  # '*': every fleet of this ledger
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("plan_id", sa.String(64), sa.ForeignKey("plans.plan_id")),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("token", _id, sa.ForeignKey("runs.token"), nullable=False),
    sa.Column("ms", sa.BigInteger, nullable=False),
    sa.Column("ended_ms", sa.BigInteger),
    sa.Column("ended_by", sa.Text),
    sa.Column("ended_reason", sa.Text),
    sa.Index("orders_by_kind", "kind", "fleet"),
)
# Hooks whose pre has begun and that were not taken back.
open_hooks = sa.Table(
    "open_hooks",
    metadata,
    sa.Column("id", _id, primary_key=True),
    sa.Column("fleet", sa.Text, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("hook", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("steps", sa.Text, nullable=False),
    sa.Column("plan_id", sa.String(64), sa.ForeignKey("plans.plan_id"), nullable=False),
    sa.Column("token", _id, sa.ForeignKey("runs.token"), nullable=False),
    sa.Column("ms", sa.BigInteger, nullable=False),
    sa.Index("open_hooks_one", "fleet", "scope", "subject", "hook", unique=True),
)
leases = sa.Table(
    "leases",
    metadata,
    sa.Column("id", _id, primary_key=True),
    sa.Column("fleet", sa.Text, nullable=False),
    sa.Column("bucket", sa.Text, nullable=False),
    sa.Column("host_id", _id, sa.ForeignKey("hosts.id"), nullable=False),
    sa.Column("plan_id", sa.String(64), sa.ForeignKey("plans.plan_id"), nullable=False),
    sa.Column("token", _id, sa.ForeignKey("runs.token"), nullable=False),
    sa.Column("boot_id", sa.Text, nullable=False),  # the boot in which it was taken, empty where nobody knows
    sa.Column("taken_ms", sa.BigInteger, nullable=False),
    sa.Column("released_ms", sa.BigInteger),
    sa.Column("released_token", _id, sa.ForeignKey("runs.token")),
    sa.Column("released_why", sa.Text),
)
sa.Index(
    "leases_one_open",
    leases.c.fleet,
    leases.c.bucket,
    leases.c.host_id,
    unique=True,
)  # of leases that are not released only
# Which file a version of a package is, known since somebody had it.
package_files = sa.Table(
    "package_files",
    metadata,
    sa.Column("fleet", sa.Text, primary_key=True),
    sa.Column("platform", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("arch", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("ms", sa.BigInteger, nullable=False),
)
evidence = sa.Table(
    "evidence",
    metadata,
    sa.Column("seq", _id, primary_key=True, autoincrement=False),
    sa.Column("fleet", sa.Text, nullable=False),
    sa.Column("ms", sa.BigInteger, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("job", sa.Text, nullable=False),
    sa.Column("token", _id),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("prev_hash", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Index("evidence_by_ms", "ms"),
    sa.Index("evidence_by_subject", "fleet", "subject", "seq"),
)
# The newest row of the evidence, so that a chain whose end was cut off is noticed.
chain = sa.Table(
    "chain",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seq", _id, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)
