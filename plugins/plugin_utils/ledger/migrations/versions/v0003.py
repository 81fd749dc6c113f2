# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Optional parts of a look keep their own time, and a host's state may be imported instead of looked at."""

from __future__ import annotations

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    # imported here, so that the file can be read where the collection's requirements are not installed
    import sqlalchemy as sa
    from alembic import op

    op.add_column("hosts", sa.Column("parts", sa.Text()))
    op.add_column("hosts", sa.Column("imported", sa.Text()))
