# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""QEMU's command line, and whether this machine's processor can help."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from .errors import LabError
from .names import run_dir
from .shell import locked, run

PROGRAM = "qemu-system-x86_64"
MACHINE = ["-machine", "q35", "-nodefaults", "-no-user-config", "-display", "none"]
MEMORY_MIB = 768

# mov dx, 0xf4; mov al, 0x10; out dx, al; hlt: the debug device ends QEMU with 2 * 0x10 + 1
PROBE = (b"\xba\xf4\x00\xb0\x10\xee\xf4".ljust(510, b"\0")) + b"\x55\xaa"
PROBE_STATUS = 33
PROBE_SECONDS = 10


def command(disk: Path) -> list[str]:
    """Arguments of a machine with a disk and nothing else yet."""
    return [
        PROGRAM, *MACHINE, *acceleration(), "-smp", "2", "-m", str(MEMORY_MIB), "-device", "virtio-rng-pci",
        "-drive", f"file={disk},format=raw,if=virtio,cache=writeback", "-rtc", "base=utc",
    ]  # fmt: skip


def acceleration() -> list[str]:
    """KVM where a machine really runs under it, else QEMU's own emulation. Found out once until this machine reboots.

    That /dev/kvm is there says little: inside some virtual machines guests hang or QEMU ends with an assertion.
    """
    with locked(run_dir() / "kvm.lock"):
        known = run_dir() / "kvm"
        if not known.exists():
            known.write_text("yes" if _kvm_runs() else "no")
        if known.read_text() == "yes":
            return ["-accel", "kvm", "-cpu", "host"]
    return ["-accel", "tcg,thread=multi", "-cpu", "max"]


def _kvm_runs() -> bool:
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    with tempfile.NamedTemporaryFile() as disk:
        disk.write(PROBE)
        disk.flush()
        try:
            done = run(
                [PROGRAM, *MACHINE, "-accel", "kvm", "-cpu", "host", "-m", "64", "-no-reboot",
                 "-device", "isa-debug-exit", "-drive", f"file={disk.name},format=raw"],
                check=False, timeout=PROBE_SECONDS,
            )  # fmt: skip
        except LabError:
            return False
    return done.returncode == PROBE_STATUS
