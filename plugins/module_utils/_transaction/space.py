# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Is there room for what a run would unpack? Asked before anything is touched."""

import os
from typing import Any, Callable, Dict, List, NamedTuple

MARGIN = 32 * 1024 * 1024
KERNEL = 16 * 1024 * 1024
INITRD = 64 * 1024 * 1024  # where no initrd tells how big one is here


class Need(NamedTuple):
    """Bytes that must be free below a path."""

    path: str
    need: int


def needs(
    steps: List[Any],
    sizes: Dict[str, int],
    before: Dict[str, int],
    is_kernel: Callable[[str], bool],
    largest_initrd: int,
    boot_apart: bool,
) -> List[Need]:
    """Pure. steps: simulated; sizes and before: name:arch -> KiB unpacked; is_kernel: of a package's name;
    largest_initrd: bytes (0: none is there); boot_apart: is /boot its own file system.

    A version is unpacked beside the old one, so the largest package is needed on top of what stays.
    """
    names = ["{0}:{1}".format(step.name, step.arch) for step in steps if step.action != "remove"]
    grown = sum(max(0, sizes.get(name, 0) - before.get(name, 0)) for name in names)
    largest = max([sizes.get(name, 0) for name in names] or [0])
    kernels = sum(1 for step in steps if step.action == "install" and is_kernel(step.name))
    rebuilt = 1 if largest_initrd and (kernels or any(is_kernel(step.name) for step in steps)) else 0
    initrd = largest_initrd or INITRD
    boot = kernels * (KERNEL + initrd) + rebuilt * initrd
    root = (grown + largest) * 1024 + MARGIN
    if not boot:
        return [Need("/usr", root)]
    return [Need("/usr", root), Need("/boot", boot)] if boot_apart else [Need("/usr", root + boot)]


def lacking(wanted: List[Need], root: str = "/") -> List[str]:
    """What does not fit, in words."""
    found = []
    for need in wanted:
        state = os.statvfs(root.rstrip("/") + need.path)
        free = state.f_bavail * state.f_frsize
        if free < need.need:
            found.append("{0}: {1} MiB free, {2} MiB needed".format(need.path, free >> 20, -(-need.need >> 20)))
    return found


def boot_facts(root: str = "/") -> Any:
    """(bytes of the largest initrd, is /boot its own file system)."""
    boot = root.rstrip("/") + "/boot"
    try:
        names = [name for name in os.listdir(boot) if name.startswith(("initrd", "initramfs"))]
        largest = max([os.stat(os.path.join(boot, name)).st_size for name in names] or [0])
        return largest, os.stat(boot).st_dev != os.stat(root.rstrip("/") + "/usr").st_dev
    except OSError:
        return 0, False
