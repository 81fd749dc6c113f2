# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Small things that a writer has to remember beyond its own life, because its package manager does not."""

import io
import json
import os
import tarfile
from typing import Any, Dict

from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host


def read(host: Host, path: str, default: Any) -> Any:
    """The note at a path of the host, or default when there is none."""
    text = host.read_or(path)
    return json.loads(text) if text else default


def write(host: Host, path: str, value: Any) -> None:
    """Keep a note, whole or not at all."""
    os.makedirs(os.path.dirname(host.path(path)), exist_ok=True)
    with open(host.path(path) + ".new", "w") as note:
        json.dump(value, note)
        note.flush()
        os.fsync(note.fileno())
    os.rename(host.path(path) + ".new", host.path(path))


def archive(host: Host, path: str, texts: Dict[str, str]) -> None:
    """Write a tar archive of texts by name: what some package managers have as an index."""
    with tarfile.open(host.path(path), "w") as target:
        for name, text in texts.items():
            data = text.encode("utf-8")
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            target.addfile(entry, io.BytesIO(data))


def remove(host: Host, path: str) -> None:
    """Forget a note."""
    os.unlink(host.path(path))
