# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the plays of one run tell each other through files."""

from __future__ import annotations

import json
import os
from multiprocessing import get_context

from controller_facts import policy, run

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import RunFiles, for_host


def test_nothing_was_written_yet(files: RunFiles) -> None:
    assert files.load() is None
    assert files.read("hosts-rings") is None
    files.clear()


def test_a_run_comes_back_as_it_was(files: RunFiles) -> None:
    kept = run(7, "deploy", limit="web*", stopped={"why": "a", "next": "b"}, notes=["one"], check=True)
    files.save(kept)
    assert files.load() == kept
    assert kept.stopped == {"why": "a", "next": "b"}


def test_only_the_user_can_read_the_folder(files: RunFiles) -> None:
    files.write("hosts-rings", ["a"])
    assert os.stat(files.folder).st_mode & 0o777 == 0o700


def test_the_policy_comes_back_as_the_objects_that_it_is(files: RunFiles) -> None:
    given = policy()
    files.write_policy(given)
    assert files.read_policy() == given


def test_host_names_are_free_text_and_file_names_are_not(files: RunFiles) -> None:
    names = ["../../etc/passwd", "a/b", "ü" * 300, "web1", "WEB1", "web1 "]
    for name in names:
        files.write(for_host("go", name), name)
    assert [files.read(for_host("go", name)) for name in names] == names
    assert len(os.listdir(files.folder)) == len(names)
    assert files.read(for_host("go", "web2")) is None
    assert files.read(for_host("left", "web1")) is None


def test_another_run_of_the_same_process_starts_with_nothing(files: RunFiles) -> None:
    files.save(run())
    files.write("hosts-rings", ["a"])
    files.clear()
    assert files.load() is None
    assert files.read("hosts-rings") is None


def _write(folder: str, name: str) -> None:
    files = RunFiles(folder)
    for number in range(200):
        files.write("shared", [name] * (number * 20 + 1))


def test_a_reader_never_sees_half_a_document(files: RunFiles, tmp_path) -> None:
    context = get_context("fork")
    writers = [context.Process(target=_write, args=(str(tmp_path / "tmp"), name)) for name in "ab"]
    for writer in writers:
        writer.start()
    seen = 0
    while any(writer.is_alive() for writer in writers):
        content = files.read("shared")  # raises where it is torn
        if content is not None:
            assert len(set(content)) == 1
            seen += 1
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert seen
    assert json.dumps(files.read("shared"))
    assert os.listdir(files.folder) == ["shared.json"]
