# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.lockstep.patching.plugins.module_utils._transaction.journal import (
    RESERVE,
    SIZE,
    Journal,
    JournalError,
    JournalFull,
    Record,
    encode,
    read,
)
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.process import Process, alive, myself

BEGIN = {"plan_id": "p", "transaction": "t", "before": {"a:all": "1"}}
RUNNER = {"pid": 7, "start": 99, "boot_id": "b", "attempt": 1}


def living(_process: Process) -> bool:
    return True


def dead(_process: Process) -> bool:
    return False


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "t")


def written(path: str, *steps: str) -> Journal:
    journal = Journal.create(path, 1, BEGIN)
    for number, step in enumerate(steps):
        data = RUNNER if step == "attempt" else {"outcome": "installed"} if step == "result" else {}
        journal.append(step, data, 2 + number)
    return journal


@pytest.mark.parametrize(
    ("steps", "is_alive", "state"),
    [
        (["attempt"], living, "running"),
        (["attempt", "apply"], dead, "interrupted"),
        ([], living, "interrupted"),
        (["attempt", "apply", "result"], dead, "finished"),
        (["attempt", "apply", "result", "rebooting"], dead, "finished"),
        (["attempt", "result", "attempt"], dead, "interrupted"),
        (["attempt", "result", "attempt"], living, "running"),
    ],
)
def test_says_what_happened(path: str, steps: list[str], is_alive: object, state: str) -> None:
    written(path, *steps)
    found = read(path, is_alive)
    assert found.state == state
    assert found.begin == BEGIN
    assert found.result == ({"outcome": "installed"} if state == "finished" else None)


def test_missing_and_empty_files_say_none(path: str) -> None:
    assert read(path, living).state == "none"
    Path(path).write_bytes(b"\0" * 4096)
    assert read(path, living).state == "none"


def test_every_cut_leaves_the_records_before_it(path: str) -> None:
    """A torn write at any byte of the last record: what was there before stays, and the next record follows it."""
    written(path, "attempt", "result").close()
    content = Path(path).read_bytes()
    used = content.rstrip(b"\0")
    start = used.rindex(b"\n", 0, len(used) - 1) + 1
    for cut in range(start, len(used)):
        Path(path).write_bytes(content[:cut] + b"\0" * (len(content) - cut))
        assert read(path, dead).state == "interrupted", cut
    journal = Journal.resume(path)
    journal.append("result", {"outcome": "failed"}, 9)
    assert read(path, dead).result == {"outcome": "failed"}
    assert Path(path).read_bytes().rstrip(b"\0").count(b"\n") == 3


@pytest.mark.parametrize("change", [(b'"outcome":"installed"', b'"outcome":"inztalled"'), (b'"seq":2', b'"seq":3')])
def test_changed_record_ends_what_is_read(path: str, change: tuple[bytes, bytes]) -> None:
    written(path, "attempt", "result").close()
    content = Path(path).read_bytes()
    assert content.count(change[0]) == 1
    Path(path).write_bytes(content.replace(*change))
    assert read(path, dead).state == "interrupted"


def test_repeated_record_with_a_good_checksum_is_not_believed(path: str) -> None:
    journal = written(path, "attempt")
    used = len(Path(path).read_bytes().rstrip(b"\0"))
    journal.close()
    with open(path, "r+b") as handle:
        handle.seek(used)
        handle.write(encode(Record(1, 7, 5, "result", {"outcome": "installed"})))
    assert read(path, dead).state == "interrupted"


def test_room_for_the_result_is_kept(path: str) -> None:
    journal = written(path, "attempt")
    with pytest.raises(JournalFull):
        for _time in range(100):
            journal.append("note", {"text": "x" * 50_000}, 3)
    journal.append("result", {"outcome": "failed", "text": "y" * (RESERVE - 1000)}, 4)
    assert read(path, dead).state == "finished"
    assert os.stat(path).st_size == SIZE


def test_blocks_are_there_before_they_are_needed(path: str) -> None:
    written(path)
    assert os.stat(path).st_blocks * 512 >= SIZE


def test_big_plans_get_a_bigger_file(path: str) -> None:
    Journal.create(path, 1, {"lines": ["x" * 100] * 20_000})
    assert os.stat(path).st_size > 2 * 100 * 20_000
    assert read(path, dead).state == "interrupted"


def test_journal_of_a_newer_schema_is_refused(path: str) -> None:
    Path(path).write_bytes(encode(Record(2, 0, 1, "begin", BEGIN)))
    with pytest.raises(JournalError, match="newer lockstep.patching"):
        read(path, dead)


def test_no_space_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot create the journal"):
        Journal.create(str(tmp_path / "t"), 1, BEGIN, size=2**62)
    assert list(tmp_path.iterdir()) == []


def test_a_process_is_not_taken_for_a_later_one() -> None:
    me = myself()
    assert alive(me)
    assert not alive(me._replace(start=me.start + 1))
    assert not alive(me._replace(boot_id="another"))
    assert not alive(me._replace(pid=2**22 + 1))
