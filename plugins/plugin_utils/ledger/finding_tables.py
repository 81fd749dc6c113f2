# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tables of findings. What is open on a host is a book: the digests of its shelves; a shelf has the digests of its
groups, one group a source package. Equal groups, shelves and books are stored once, so hosts with the same packages
share them."""

from __future__ import annotations

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.libs import sa
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.schema import metadata

_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
CONTENTS = ("scheme", "feeds", "facts", "waivers", "news", "summary")


def _content(name: str, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.String(64), sa.ForeignKey("content.digest"), nullable=nullable)


assessments = sa.Table(
    "assessments",
    metadata,
    sa.Column("id", _id, primary_key=True),
    sa.Column("fleet", sa.Text, nullable=False),
    sa.Column("token", _id, sa.ForeignKey("runs.token"), nullable=False),
    sa.Column("ms", sa.BigInteger, nullable=False),
    sa.Column("scheme_key", sa.String(64), nullable=False),  # of the table with what the policy changed in it
    *(_content(name) for name in CONTENTS),
    sa.Index("assessments_by_fleet", "fleet", "id"),
)
books = sa.Table(  # a row only where something changed
    "books",
    metadata,
    sa.Column("host_id", _id, sa.ForeignKey("hosts.id"), primary_key=True),
    sa.Column("assessment_id", _id, sa.ForeignKey("assessments.id"), primary_key=True),
    _content("book"),
    _content("closed", nullable=True),
)
open_books = sa.Table(  # the newest book of each host
    "open_books",
    metadata,
    sa.Column("host_id", _id, sa.ForeignKey("hosts.id"), primary_key=True),
    sa.Column("assessment_id", _id, sa.ForeignKey("assessments.id"), nullable=False),
    sa.Column("incarnation", sa.Integer, nullable=False),
    sa.Column("look_ms", sa.BigInteger),
    _content("book"),
)
