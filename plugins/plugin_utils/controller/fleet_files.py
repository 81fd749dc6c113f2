# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files of an inventory source: its own and the exports that it names."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.inputs import decode, read_input
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.problems import InventoryError, Spot
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.source import read_source

BIGGEST = 256 * 1024 * 1024
"""Bytes of one file."""


class Exported:
    """A source file that has been read."""

    def __init__(self, path: str) -> None:
        self.path, self.now_ms = path, now_ms()
        data = _bytes(path, Spot(path, 1, 1))
        self.digest = hashlib.sha256(data).hexdigest()
        self.source = read_source(decode(data, "utf-8-sig", path), path)


def read_exports(exported: Exported) -> dict[str, tuple[dict[str, Any], int]]:
    """For each host its document and when its file was written, in UTC milliseconds. InventoryError for whatever is
    wrong, a host that two files list included."""
    found: dict[str, tuple[dict[str, Any], int]] = {}
    places: dict[str, str] = {}
    for item in exported.source.inputs:
        file = os.path.normpath(os.path.join(os.path.dirname(exported.path), os.path.expanduser(item.file)))
        text = decode(_bytes(file, item.spot), item.encoding, file)
        written = os.stat(file).st_mtime_ns // 1_000_000
        hosts, locate = read_input(item, text, file)
        name_field = next(field for field in item.fields if field.name == "name")
        for document, row in hosts:
            name = document["name"]
            if name in found:
                raise InventoryError(
                    locate(row, name_field),
                    f"the host {name} is in {places[name]} too",
                    "leave it in one of the files, or leave it out with 'where'; nothing of this source was used",
                )
            found[name], places[name] = (document, written), file
    return found


def _bytes(path: str, named: Spot) -> bytes:
    """A file's content; an error is shown where the file is named."""
    try:
        kind = os.stat(path).st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):  # a device or a pipe has no size, and may have no end
            raise InventoryError(named, f"{path} is no regular file", "name a file that holds the hosts")
        if os.path.getsize(path) > BIGGEST:
            raise InventoryError(Spot(path, 1, 1), f"the file has over {BIGGEST // 1024 // 1024} MiB")
        with open(path, "rb") as handle:
            return handle.read()
    except OSError as error:
        raise InventoryError(
            named, f"{path} cannot be read: {error.strerror}", "correct the path or its rights"
        ) from error
