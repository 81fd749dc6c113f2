# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Databases for the tests: SQLite files, and schemas of a private PostgreSQL server where one is installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path) -> str:
    """The URL of a database that does not exist yet (SQLite) or is empty (PostgreSQL)."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    return request.getfixturevalue("postgresql_url")


@pytest.fixture
def ledger(url: str) -> Iterator[Any]:
    # imported here: a conftest may be loaded before Ansible's collection loader, which then no longer finds other parts
    from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger

    with Ledger.open(url) as opened:
        yield opened


@pytest.fixture
def sqlite_ledger(tmp_path) -> Iterator[Any]:
    """For what no database decides: many cases, and a new schema in PostgreSQL takes its time."""
    from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger

    with Ledger.open(f"sqlite:///{tmp_path}/ledger.db") as opened:
        yield opened
