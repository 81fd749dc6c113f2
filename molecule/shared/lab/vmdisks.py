# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Disks of virtual machines: a partition for /boot, one for the rest, and GRUB, which chooses the kernel."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

from . import qemu
from .errors import LabError
from .names import cache_dir
from .network import is_mounted
from .shell import CONTAINED, locked, remove_tree, run, tail

MIB = 1 << 20
BOOT, SIZE = (1, 256), 3072
"""Begin and length of the /boot partition, and the size of the disk, in MiB."""

ROOT = (BOOT[0] + BOOT[1], SIZE - BOOT[0] - BOOT[1])

FSTAB = "LABEL=lab-root / ext4 errors=remount-ro 0 1\nLABEL=lab-boot /boot ext4 defaults 0 2\n"

# mitigations cost an emulated processor much time and protect nobody here
GRUB = """\
GRUB_DEFAULT=0
GRUB_TIMEOUT=0
GRUB_CMDLINE_LINUX="console=ttyS0 loglevel=6 net.ifnames=0 mitigations=off"
GRUB_TERMINAL=serial
GRUB_DISABLE_OS_PROBER=true
"""

FILL = """\
set -e
mount -t overlay lockstep-lab -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work,volatile" "$2/root"
mv "$2"/root/boot "$2"/boot
mkdir "$2"/root/boot
mkfs.ext4 -q -F -L lab-boot -m 0 -d "$2/boot" "$2/boot.img" "$3M"
mkfs.ext4 -q -F -L lab-root -m 1 -d "$2/root" "$2/root.img" "$4M"
cp "$2"/boot/vmlinuz-* "$2"/kernel
cp "$2"/boot/initrd.img-* "$2"/initrd
umount "$2/root"
"""

FINISH = """\
#!/bin/sh
# PID 1 of the first boot of an image: the machine makes itself bootable
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount /dev/vda1 /boot
grub-install /dev/vda && update-grub && echo "image is finished"
rm -f /lab-finish
sync
umount /boot
mount -o remount,ro /
echo o > /proc/sysrq-trigger
sleep 60
"""
DONE = "image is finished"


def image(lowers: Sequence[Path], say: Callable[[str], None]) -> Path:
    """A disk image with what lowers (topmost first) hold, a kernel and its initrd among it; from the cache, or made."""
    recipe = json.dumps([*map(str, lowers), FSTAB, GRUB, FILL, FINISH, BOOT, SIZE])
    folder = cache_dir() / "images" / hashlib.sha256(recipe.encode()).hexdigest()[:16]
    with locked(cache_dir() / "locks" / f"image-{folder.name}"):
        if not folder.is_dir():
            say("making the disk image of virtual machines (once, one to three minutes)")
            work = folder.with_name(f".{folder.name}.{os.getpid()}")
            for stale in folder.parent.glob(f".{folder.name}.*"):
                remove_tree(stale)
            try:
                _make(work, lowers)
                os.rename(work, folder)
            finally:
                remove_tree(work)
    return folder / "disk.img"


def _make(work: Path, lowers: Sequence[Path]) -> None:
    for name in ("upper/etc/default", "work", "root"):
        (work / name).mkdir(parents=True)
    for name in ("upper", "upper/etc", "upper/etc/default"):
        (work / name).chmod(0o755)
    (work / "upper/etc/fstab").write_text(FSTAB)
    (work / "upper/etc/default/grub").write_text(GRUB)
    (work / "upper/lab-finish").write_text(FINISH)
    (work / "upper/lab-finish").chmod(0o755)
    sizes = [str(BOOT[1]), str(ROOT[1])]
    run([*CONTAINED, "sh", "-c", FILL, "lab-image", ":".join(map(str, lowers)), str(work), *sizes], timeout=900)
    disk = work / "disk.img"
    with open(disk, "wb") as file:
        file.truncate(SIZE * MIB)
        file.write(partition_table())
    for part, (begin, _length) in {"boot": BOOT, "root": ROOT}.items():
        run(["dd", f"if={work / part}.img", f"of={disk}", "bs=1M", f"seek={begin}", "conv=sparse,notrunc"])
    _finish(work, disk)
    for name in ("upper", "work", "root", "boot"):
        remove_tree(work / name)
    for name in ("boot.img", "root.img", "kernel", "initrd"):
        (work / name).unlink()


def _finish(work: Path, disk: Path) -> None:
    line = "root=/dev/vda2 rw console=ttyS0 loglevel=4 mitigations=off init=/lab-finish"
    boot = ["-kernel", str(work / "kernel"), "-initrd", str(work / "initrd"), "-append", line]
    command = [*qemu.command(disk), *boot, "-no-reboot", "-serial", "stdio"]
    try:
        done = run(["setpriv", "--pdeathsig", "KILL", *command], check=False, timeout=600)
    except LabError as exc:
        raise LabError(f"the disk image did not become bootable: {exc.what}") from exc
    if DONE not in done.stdout:
        raise LabError(f"the disk image did not become bootable\n{tail(done.stdout + done.stderr)}")


def partition_table() -> bytes:
    """First sector of a disk with the two partitions, without a boot loader yet."""
    entries = b"".join(
        struct.pack("<B3sB3sII", 0, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", begin * 2048, length * 2048)
        for begin, length in (BOOT, ROOT)
    )
    return (b"\0" * 446 + entries).ljust(510, b"\0") + b"\x55\xaa"


def copy(source: Path, target: Path) -> None:
    """Make a machine's own disk from an image, unless it is there."""
    if not target.exists():
        new = target.with_name(target.name + ".new")
        run(["cp", "--sparse=always", "--reflink=auto", str(source), str(new)])
        os.replace(new, target)


def mount(disk: Path, root: Path) -> None:
    """Mount the file systems of a disk whose machine is off (their journals are replayed)."""
    root.mkdir(exist_ok=True)
    for (begin, length), point in ((ROOT, root), (BOOT, root / "boot")):
        if not is_mounted(point):
            options = f"loop,offset={begin * MIB},sizelimit={length * MIB}"
            run(["mount", "-t", "ext4", "-o", options, str(disk), str(point)])


def unmount(root: Path) -> None:
    """Take the file systems off again, all of it written."""
    for point in (root / "boot", root):
        if is_mounted(point):
            run(["umount", str(point)])


def clear(folder: Path) -> None:
    """Throw a machine's disk away."""
    unmount(folder / "root")
    (folder / "disk.img").unlink(missing_ok=True)
