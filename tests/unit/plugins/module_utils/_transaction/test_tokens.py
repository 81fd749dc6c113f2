# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import contextlib
from multiprocessing import get_context
from pathlib import Path

import pytest

from ansible_collections.lockstep.patching.plugins.module_utils._transaction.tokens import (
    Busy,
    Superseded,
    accept,
    check,
    locked,
    read_tokens,
)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "state" / "token")


def test_only_lower_tokens_are_refused(path: str) -> None:
    accept(path, "L", 5)
    accept(path, "L", 5)
    accept(path, "L", 12)
    with pytest.raises(Superseded, match=r"a newer run \(token 12\) has taken over; this one has token 11"):
        accept(path, "L", 11)
    accept(path, "another", 1)
    assert read_tokens(path) == {"L": 12, "another": 1}


def test_check_writes_nothing(path: str) -> None:
    check(path, "L", 3)
    assert not Path(path).parent.exists()
    accept(path, "L", 4)
    with pytest.raises(Superseded):
        check(path, "L", 3)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"L": "9"}'])
def test_damaged_file_is_not_read_as_no_token(path: str, content: str) -> None:
    accept(path, "L", 4)
    Path(path).write_text(content)
    with pytest.raises(ValueError, match="is damaged"):
        accept(path, "L", 99)


def _offer(path: str, tokens: list[int]) -> None:
    for token in tokens:
        with contextlib.suppress(Superseded):
            accept(path, "L", token)


def test_highest_wins_among_processes(path: str) -> None:
    context = get_context("fork")
    processes = [context.Process(target=_offer, args=(path, list(range(n, 200, 4)))) for n in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert read_tokens(path) == {"L": 199}


def test_a_held_lock_is_waited_for_and_then_named(tmp_path: Path) -> None:
    waited: list[float] = []
    with locked(str(tmp_path / "lock")), pytest.raises(Busy, match="lock is held by another process"):
        clock = iter([0.0, 1.0, 2.0, 3.0])
        with locked(str(tmp_path / "lock"), timeout=2.5, clock=lambda: next(clock), sleep=waited.append):
            pass
    assert len(waited) == 2
    with locked(str(tmp_path / "lock")):
        pass
