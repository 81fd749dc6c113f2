# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which files an inventory source reads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.fleet_files import Exported, read_exports
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError

SOURCE = "plugin: lockstep.patching.fleet\nsources:\n  - file: {file}\n    fields: {{name: name}}\n"


@pytest.mark.parametrize("file", ["pipe", "device", "folder", "nothing"])
def test_what_is_no_file_is_refused_where_it_is_named(tmp_path: Path, file: str) -> None:
    os.mkfifo(tmp_path / "pipe")  # nobody writes into it: reading would wait for ever
    (tmp_path / "device").symlink_to("/dev/zero")  # reading would never end
    (tmp_path / "folder").mkdir()
    said = {"folder": "Is a directory", "nothing": "No such file"}
    source = tmp_path / "c.fleet.yml"
    source.write_text(SOURCE.format(file=file))
    with pytest.raises(LockstepError, match=said.get(file, "is no regular file")) as error:
        read_exports(Exported(str(source)))
    assert f"{source}:3:11: " in str(error.value)
