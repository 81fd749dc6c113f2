# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""dnf 5's own records: the history database as recorded, and version locks."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from ansible_collections.lockstep.patching.plugins.module_utils._parse import dnf_history
from ansible_collections.lockstep.patching.plugins.module_utils._parse.dnf_settings import Lock, toml_locks

FIXTURES = Path(__file__).resolve().parents[4] / "fixtures" / "dnf5"


@pytest.fixture
def rows() -> list[tuple]:
    database = sqlite3.connect(":memory:")
    database.executescript((FIXTURES / "history.sql").read_text())
    return database.execute(dnf_history.QUERY5).fetchall()


def test_upgrades_and_downgrades_have_both_versions(rows: list[tuple]) -> None:
    events = dnf_history.events(rows)
    told = [(each["action"], each["name"], each["old"], each["new"]) for each in events]
    assert ("install", "lab-conf", None, "1.0-1") in told
    assert ("upgrade", "lab-conf", "1.0-1", "1.1-1") in told
    assert ("downgrade", "lab-conf", "1.1-1", "1.0-1") in told


def test_what_an_upgrade_replaces_was_not_removed(rows: list[tuple]) -> None:
    events = dnf_history.events(rows)
    assert [each for each in events if each["action"] == "remove"] == []


def test_a_transaction_with_a_failed_script_has_happened(rows: list[tuple]) -> None:
    """dnf 5 calls it an error, and the package is installed."""
    last = dnf_history.events(rows)[-2:]
    assert [(each["name"], each["action"], each["new"]) for each in last] == [
        ("lab-conf", "upgrade", "1.1-1"),
        ("lab-plain", "upgrade", "1.3-1"),
    ]


TEXT = 'version = "1.0"\n[[packages]]\nname = "lab-lib"\ncomment = "x"\n[[packages]]\nname="lab-web"\n'


@pytest.mark.parametrize(
    ("lock", "entry"),
    [
        (("lab-lib", "=", "1.0-1"), Lock("lock", "lab-lib", "/t:3")),
        (("lab-lib", "<", "2"), Lock("lock", "lab-lib", "/t:3")),
        (("lab-web", "!=", "1.1-1"), Lock("exclude", "lab-web-1.1-1", "/t:6")),
        (("lab.*", "=", "1"), Lock("lock", "lab.*", "/t")),
    ],
)
def test_a_version_lock_names_its_line(lock: tuple[str, str, str], entry: Lock) -> None:
    assert toml_locks([lock], TEXT, "/t") == [entry]
