# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host's root: an overlay on cached layers, its changes in a folder or on a small disk of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from .errors import LabError
from .network import is_mounted
from .shell import remove_tree, run, write_atomic

_SIZE = re.compile(r"(\d+)([KMG]?)")
_UNIT = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def parse_size(text: str) -> int:
    """Bytes of '600M', '2G', '4096'; LabError for anything else or less than 64M."""
    match = _SIZE.fullmatch(text)
    size = int(match.group(1)) * _UNIT[match.group(2)] if match else 0
    if size < 64 << 20:
        raise LabError(f"disk size {text!r} cannot be used", "write 64M or more, such as 600M or 2G")
    return size


def mount_root(folder: Path, lowers: Sequence[Path], disk: str = "") -> None:
    """Mount folder/root over lowers (topmost first); with disk, changes go to an ext4 file of that size.

    Nothing is written through to the machine's disk on fsync ("volatile"): a lab host's power cut leaves
    the machine's page cache alone, so nothing that a test could see is lost by it.
    """
    root, store = folder / "root", folder / "disk"
    if is_mounted(root):
        return
    root.mkdir(parents=True, exist_ok=True)
    store.mkdir(exist_ok=True)
    if disk and not is_mounted(store):
        image = folder / "disk.img"
        if not image.exists():
            with open(image, "wb") as file:
                file.truncate(parse_size(disk))
            run(["mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal", "-E", "lazy_itable_init=1", str(image)])
        run(["mount", "-o", "loop,noatime", str(image), str(store)])
    upper, work = store / "upper", store / "work"
    upper.mkdir(exist_ok=True)
    work.mkdir(exist_ok=True)
    # the kernel refuses a second mount of a volatile overlay until this is gone; the data is all there
    incompat = work / "work" / "incompat" / "volatile"
    if incompat.exists():
        shutil.rmtree(incompat)
    options = f"lowerdir={':'.join(map(str, lowers))},upperdir={upper},workdir={work},volatile"
    run(["mount", "-t", "overlay", "lockstep-lab", "-o", options, str(root)])


def keep_lowers(folder: Path, lowers: Sequence[Path]) -> list[Path]:
    """The lowers that a host was first made with; those given when it is new.

    A host's changes only fit the layers that they were made on, whatever is newer in the cache.
    """
    record = folder / "lowers.json"
    if not record.exists():
        write_atomic(record, json.dumps([str(lower) for lower in lowers]))
    return [Path(lower) for lower in json.loads(record.read_text(encoding="utf-8"))]


def clear(folder: Path) -> None:
    """Unmount a stopped host's root and throw its changes away."""
    root, store = folder / "root", folder / "disk"
    if is_mounted(root):
        run(["umount", str(root)])
    for name in ("upper", "work"):
        remove_tree(store / name)


def fill(path: Path, leave_bytes: int) -> None:
    """Grow the file at path until its disk has leave_bytes left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab") as file:
        space = os.statvfs(path)
        grow = space.f_bavail * space.f_frsize - leave_bytes
        while grow > 0:
            try:
                os.posix_fallocate(file.fileno(), file.tell(), grow)
                file.seek(0, os.SEEK_END)
            except OSError:
                # the file's own block list takes space too: try a little less
                if grow < 4096:
                    break
                grow = grow * 9 // 10
                continue
            space = os.statvfs(path)
            grow = space.f_bavail * space.f_frsize - leave_bytes
