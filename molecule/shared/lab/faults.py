# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can go wrong with a host, on request. Each fault has its way back."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from . import disks, network, procs
from .errors import LabError

if TYPE_CHECKING:
    from .debs import Deb
    from .names import LabNames

LOCK_UNIT = "lab-dpkg-lock"
RPM_LOCK_UNIT = "lab-rpm-lock"

LOCKER = """\
import fcntl, time
held = [open(path, "a") for path in {paths!r}]
for file in held:
    fcntl.lockf(file, fcntl.LOCK_EX)
open("/run/{unit}", "w").close()
time.sleep(86400)
"""


class Faulty:
    """The faults of a host; mixed into Host."""

    names: LabNames
    name: str
    index: int
    disk: str
    group: str

    if TYPE_CHECKING:

        def run(self, command: str | list[str], *, check: bool = True) -> subprocess.CompletedProcess[str]: ...

        def path(self, inside: str) -> Path: ...

        def read(self, path: str) -> str: ...

    # network

    def cut_network(self) -> None:
        """Pull the network cable. Open connections hang, as they would in life; reboots do not mend it."""
        network.set_cable(self.names, self.index, up=False)

    def restore_network(self) -> None:
        """Put the cable back."""
        network.set_cable(self.names, self.index, up=True)

    def drop_ssh(self) -> None:
        """End all SSH sessions of the host at once; the server stays and takes new ones."""
        self.run("pkill -KILL -f '^sshd(-session)?: [a-z]'", check=False)

    # time

    def freeze(self) -> None:
        """Stop every process of the host where it is: its network answers, nothing else does."""
        self._freezer("1")

    def thaw(self) -> None:
        """Let a frozen host go on."""
        self._freezer("0")

    def _freezer(self, value: str) -> None:
        for root in procs.cgroup_roots():
            switch = root / self.group / "payload" / "cgroup.freeze"
            if switch.exists():
                switch.write_text(value)
                return
        raise LabError(f"host {self.name} cannot be frozen: no control group of version 2", "use cut_network() instead")

    # disk

    def fill_disk(self, leave_bytes: int = 0, path: str = "/var/lab-filler") -> None:
        """Fill the host's disk but for leave_bytes; only for hosts with a disk size."""
        if not self.disk:
            raise LabError(
                f"host {self.name} has no disk of its own and would fill this machine's",
                f'give it a size: up(hosts={{"{self.name}": {{"disk": "600M"}}}})',
            )
        disks.fill(self.path(path), leave_bytes)

    def free_disk(self, path: str = "/var/lab-filler") -> None:
        """Remove what fill_disk wrote."""
        self.path(path).unlink(missing_ok=True)

    # dpkg

    def lock_dpkg(self) -> None:
        """Hold dpkg's locks as another package manager would, until unlock_dpkg() or a reboot."""
        self._lock(LOCK_UNIT, ["/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock"])

    def unlock_dpkg(self) -> None:
        """Give dpkg's locks back."""
        self.run(f"systemctl stop {LOCK_UNIT}; rm -f /run/{LOCK_UNIT}", check=False)

    def lock_rpm(self) -> None:
        """Hold the rpm database's lock as another tool would, until unlock_rpm() or a reboot."""
        self._lock(RPM_LOCK_UNIT, ["/var/lib/rpm/.rpm.lock"])

    def unlock_rpm(self) -> None:
        """Give the rpm database's lock back."""
        self.run(f"systemctl stop {RPM_LOCK_UNIT}; rm -f /run/{RPM_LOCK_UNIT}", check=False)

    def _lock(self, unit: str, paths: list[str]) -> None:
        script = LOCKER.format(paths=paths, unit=unit)
        self.run(["systemd-run", "--quiet", "--collect", f"--unit={unit}", "python3", "-c", script])
        deadline = time.monotonic() + 10
        while self.run(f"test -e /run/{unit}", check=False).returncode:
            if time.monotonic() > deadline:
                raise LabError(f"host {self.name}: {paths[0]} is not to be had", "another package manager runs in it")
            time.sleep(0.05)

    def interrupt_dpkg(self, deb: Deb) -> None:
        """Leave the host as a dpkg killed after unpacking a package does: apt asks for 'dpkg --configure -a'."""
        copy = self.path(f"/var/tmp/{deb.path.name}")
        copy.write_bytes(deb.path.read_bytes())
        self.run(["dpkg", "--unpack", f"/var/tmp/{copy.name}"])
        copy.unlink()
        status = self.read("/var/lib/dpkg/status").split("\n\n")
        stanza = next(s for s in status if f"Package: {deb.spec.name}" in s.split("\n"))
        self.path("/var/lib/dpkg/updates/0000").write_text(stanza.strip() + "\n\n", encoding="utf-8")
