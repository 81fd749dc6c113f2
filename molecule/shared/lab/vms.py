# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A lab host that is a virtual machine: a kernel of its own, a boot loader, and a power cut that loses what was not
yet written. Slower than the others where the processor does not help."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from . import disks, families, network, procs, qemu, vmdisks
from .agent import Agent
from .errors import LabError
from .hosts import CLEAN, PATH, Host
from .names import MARK, LabNames

# the control group first, so that nothing of the machine is ever outside it
START = """\
for group in $1; do echo $$ > "$group/cgroup.procs" || exit 70; done; shift
exec "$@"
"""

NETWORK = "[Match]\nDriver=virtio_net\n[Network]\nAddress={address}/24\nGateway={gateway}\nLinkLocalAddressing=no\n"


class VmHost(Host):
    """A virtual machine under QEMU. Its files are at hand while it is off; while it runs, `run`, `read` and `write` go
    through its guest agent, which needs neither SSH nor network."""

    patience = 900.0

    def set_up(self, lowers: Sequence[Path], subnet: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        vmdisks.copy(disks.keep_lowers(self.folder, lowers)[0], self.folder / "disk.img")
        network.make_tap(self.names, self.index)
        if not self.is_on():
            self.write(
                "/etc/systemd/network/10-lab.network",
                NETWORK.format(address=self.address, gateway=network.gateway(subnet)),
            )

    def clear(self) -> None:
        vmdisks.clear(self.folder)

    def power_on(self, wait: bool = True, timeout: float = 0) -> None:
        """Boot the machine; with wait, return when SSH answers."""
        if not self.is_on():
            vmdisks.unmount(self.root)
            groups = [root / self.group for root in procs.cgroup_roots()]
            for folder in groups:
                folder.mkdir(parents=True, exist_ok=True)
            tap, tail_of_mac = self.names.veth(self.index), f"{self.index:04x}"
            mac = f"52:54:{self.names.ident[:2]}:{self.names.ident[2:4]}:{tail_of_mac[:2]}:{tail_of_mac[2:]}"
            command = [
                *qemu.command(self.folder / "disk.img"),
                "-netdev", f"tap,id=net,ifname={tap},script=no,downscript=no",
                "-device", f"virtio-net-pci,netdev=net,mac={mac}",
                "-chardev", f"file,id=console,path={self.log},append=on", "-serial", "chardev:console",
                "-chardev", f"socket,path={self._agent_socket()},server=on,wait=off,id=agent",
                "-device", "virtio-serial-pci",
                "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
            ]  # fmt: skip
            with open(self.folder / "qemu.log", "ab") as log:
                subprocess.run(
                    ["setsid", "--fork", "sh", "-c", START, f"lab-host-{self.name}", " ".join(map(str, groups)),
                     *command],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True, cwd="/",
                    env={"PATH": PATH, MARK: str(self.names.state)},
                )  # fmt: skip
        if wait:
            self.wait_ssh(timeout or self.patience)

    def reboot(self, timeout: float = 0) -> None:
        super().reboot(timeout or self.patience)

    def power_off(self, timeout: float = 60) -> None:
        super().power_off(timeout)

    def _execute(self, inner: list[str], stdin: str | None, timeout: float | None) -> subprocess.CompletedProcess[str]:
        if not self.is_on():
            raise LabError(f"host {self.name} is not running", f"start it: lab.py power-on {self.name}")
        return Agent(self._agent_socket(), self.name).execute(["/usr/bin/env", *CLEAN, *inner], stdin, timeout)

    def path(self, inside: str) -> Path:
        if self.is_on():
            raise LabError(
                f"host {self.name} runs: its disk is its own", "use run(), read() or write(), or power it off"
            )
        vmdisks.mount(self.folder / "disk.img", self.root)
        return super().path(inside)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        if not self.is_on():
            return super().write(path, text, mode)
        name = shlex.quote(path)
        self.run(f'mkdir -p "$(dirname {name})" && cat > {name} && chmod {mode:o} {name}', stdin=text)
        return None

    def read(self, path: str) -> str:
        return self.run(["cat", path]).stdout if self.is_on() else super().read(path)

    def boots(self) -> list[str]:
        """The kernel of each boot since the machine was made, oldest first, from its console."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return [part.split(" ", 1)[0] for part in text.split("] Linux version ")[1:]]

    def _agent_socket(self) -> Path:
        return self.names.run / f"agent-{self.index}"


def host_of(names: LabNames, name: str, entry: dict) -> Host:
    """The host of a lab's record, of the kind that it is."""
    return (VmHost if families.of(entry["release"]).virtual else Host)(names, name, entry)
