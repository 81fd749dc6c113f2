# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host says when it cannot be given all files."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.staging import _problem


def row(package: str, status: str = "missing", reason: str | None = None) -> dict[str, object]:
    return {"package": package, "version": "2", "status": status, "reason": reason}


@pytest.mark.parametrize(
    ("result", "missing", "texts"),
    [
        ({}, [], []),
        ({"error": None}, [], []),
        ({}, [row("vim", reason="404 Not Found")], ["vim 2 (404 Not Found)", "lockstep_supersede"]),
        ({}, [row("vim", "wrong_checksum")], ["vim 2 (wrong_checksum)"]),
        ({}, [row(f"p{number}") for number in range(9)], ["p0 2", "p4 2", "and 4 more"]),
        (
            {"error": {"what": "no space", "where": "/var/cache", "next": "free 3 MB"}},
            [row("vim")],
            ["no space; /var/cache; free 3 MB"],
        ),
        ({"error": {"what": "locked", "where": None, "next": ""}}, [], ["locked"]),
    ],
    ids=["nothing", "no-error", "reason", "status", "many", "error-first", "short-error"],
)
def test_problem(result: dict, missing: list, texts: list[str]) -> None:
    said = _problem(None, result, missing)
    assert bool(said) == bool(texts)
    for text in texts:
        assert text in said


def test_a_hostile_reason_stays_on_its_line() -> None:
    assert "\n" not in _problem(None, {}, [row("vim", reason="one\ntwo\x1b[31m")])
