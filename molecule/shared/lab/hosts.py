# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One lab host: its power, its cable, its files, and commands inside it."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from . import alpm, disks, families, network, procs
from .errors import LabError
from .faults import Faulty
from .names import MARK, LabNames
from .shell import run, tail

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

CLEAN = ("-i", f"PATH={PATH}", "HOME=/root", "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive")
"""Arguments of env for a command in a host: nothing of this machine's environment."""

UNREAL = ("run", "tmp", "proc", "sys", "dev")
"""Folders that a running host has in memory only: what lies under them on its disk is hidden from it."""

# 133 is systemd-nspawn's way of saying that the host rebooted; any other end is a power-off
SUPERVISOR = """\
echo $$ > "$1"; shift
for group in $1; do echo $$ > "$group/cgroup.procs" || exit 70; done; shift
while :; do
  systemd-nspawn "$@" </dev/null
  status=$?
  echo "systemd-nspawn ended with $status"
  [ "$status" = 133 ] || exit "$status"
done
"""


class Host(Faulty):
    """A host of a running lab. `root` is its file tree, readable also while it is off."""

    patience = 60.0
    """Seconds that a boot may take."""

    def __init__(self, names: LabNames, name: str, entry: dict) -> None:
        self.names = names
        self.name = name
        self.address: str = entry["address"]
        self.release: str = entry["release"]
        self.index: int = entry["index"]
        self.disk: str = entry.get("disk") or ""
        self.folder = names.host_dir(name)
        self.root = self.folder / "root"
        self.log = self.folder / "console.log"
        self.group = f"{names.cgroup}/{name}"

    def __repr__(self) -> str:
        return f"<lab host {self.name} {self.address}>"

    # its parts

    def set_up(self, lowers: Sequence[Path], subnet: str) -> None:
        """Make the host's disk over lowers (those of its first time, if it has been made before) and its cable."""
        disks.mount_root(self.folder, disks.keep_lowers(self.folder, lowers), self.disk)
        network.make_cable(self.names, self.name, self.index, self.address, subnet)

    def clear(self) -> None:
        """Throw all away that is on the disk of a host that is off."""
        disks.clear(self.folder)

    # power

    def power_on(self, wait: bool = True, timeout: float = 60) -> None:
        """Boot the host; with wait, return when SSH answers."""
        if not self.is_on():
            groups = [root / self.group for root in procs.cgroup_roots()]
            for folder in groups:
                folder.mkdir(parents=True, exist_ok=True)
            nspawn = [
                "--quiet", "--boot", "--register=no", "--keep-unit", "--link-journal=no", "--resolv-conf=off",
                "--timezone=off", "--console=read-only", "--capability=CAP_NET_ADMIN",
                f"--machine={self.names.machine(self.name)}", f"--hostname={self.name}",
                f"--network-namespace-path={self.folder / 'net'}", f"--directory={self.root}",
                f"--setenv={MARK}={self.names.state}",
            ]  # fmt: skip
            env = {
                "PATH": PATH, MARK: str(self.names.state),
                "SYSTEMD_NSPAWN_LOCK": "0", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
            }  # fmt: skip
            with open(self.log, "ab") as log:
                subprocess.run(
                    ["setsid", "--fork", "sh", "-c", SUPERVISOR, f"lab-host-{self.name}",
                     str(self.folder / "pid"), " ".join(map(str, groups)), *nspawn],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, check=True, cwd="/",
                )  # fmt: skip
        if wait:
            self.wait_ssh(timeout)

    def power_off(self, timeout: float = 30) -> None:
        """Shut the host down in order; after timeout pull the power."""
        if self.is_on():
            self.run("systemctl poweroff", check=False)
            deadline = time.monotonic() + timeout
            while self.is_on() and time.monotonic() < deadline:
                time.sleep(0.02)
            self.kill()

    def kill(self) -> None:
        """Pull the power: nothing in the host gets a chance to react. Its disk stays as it is."""
        procs.end_all(self._pids, f"host {self.name}")

    def reboot(self, timeout: float = 60) -> None:
        """Reboot in order and return when SSH answers under a new boot id."""
        before = self.boot_id()
        self.run("systemctl reboot", check=False)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                if self.boot_id() != before:
                    break
            except LabError:
                pass
            time.sleep(0.05)
        self.wait_ssh(max(1.0, deadline - time.monotonic()))

    def is_on(self) -> bool:
        """Whether any process of the host or its supervisor is there."""
        return bool(self._pids())

    def _pids(self) -> list[int]:
        return procs.cgroup_pids(self.group)

    # inside

    def leader(self) -> int:
        """PID (as this machine counts) of the host's PID 1; LabError when the host is not running.

        Only a process whose root is the host's own tree counts: entering anything else would run
        commands on this machine.
        """
        try:
            mine = os.stat(self.root)
        except OSError as exc:
            raise LabError(f"host {self.name} has no root at {self.root}", "start the lab: lab.py up") from exc
        for pid in self._pids():
            if procs.pid_in_namespace(pid) != 1:
                continue
            try:
                root = os.stat(f"/proc/{pid}/root/")
            except OSError:
                continue
            if (root.st_dev, root.st_ino) == (mine.st_dev, mine.st_ino):
                return pid
        raise LabError(f"host {self.name} is not running", f"start it: lab.py power-on {self.name}")

    def run(
        self,
        command: str | Sequence[str],
        *,
        check: bool = True,
        timeout: float | None = 600,
        stdin: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell line (or an argument list) as root inside the host, without SSH or network.

        Raises LabError when the host is off, or with check when the command fails.
        """
        done = self._execute(["sh", "-c", command] if isinstance(command, str) else list(command), stdin, timeout)
        if check and done.returncode:
            shown = command if isinstance(command, str) else shlex.join(command)
            raise LabError(
                f"host {self.name}: exit status {done.returncode} of: {shown}\n{tail(done.stdout + done.stderr)}"
            )
        return done

    def _execute(self, inner: list[str], stdin: str | None, timeout: float | None) -> subprocess.CompletedProcess[str]:
        enter = ["nsenter", "-t", str(self.leader()), "-m", "-u", "-i", "-n", "-p", "-r", "-w", "--"]
        return run([*enter, "env", *CLEAN, *inner], check=False, stdin=stdin, timeout=timeout)

    def boot_id(self) -> str:
        """The kernel's id of this boot of the host."""
        return self.run("cat /proc/sys/kernel/random/boot_id").stdout.strip()

    def version(self, package: str) -> str:
        """Installed version of a package; "" when not installed. Works while off."""
        return self.versions().get(package, "")

    @property
    def family(self) -> families.Family:
        """What the host has of its package manager."""
        return families.of(self.release)

    def versions(self) -> dict[str, str]:
        """All installed packages and their versions, as the host's package manager writes them (RPM packages:
        `version-release`). Works while off."""
        if self.release == "pacman":
            return alpm.versions(self.root)
        if self.family.rpm:
            lines = run(["rpm", f"--dbpath={self.root}/var/lib/rpm", "-qa", "--qf", "%{NAME} %{EVR}\n"]).stdout
            return dict(line.split(" ", 1) for line in lines.splitlines())
        found = {}
        for stanza in self.read("/var/lib/dpkg/status").split("\n\n"):
            fields = dict(line.split(": ", 1) for line in stanza.split("\n") if ": " in line and line[0] != " ")
            if fields.get("Status", "").endswith(" ok installed"):
                found[fields["Package"]] = fields["Version"]
        return found

    def path(self, inside: str) -> Path:
        """The path on this machine of a path inside the host; LabError when a link leads out of it."""
        path = self.root / inside.lstrip("/")
        if inside.lstrip("/").split("/")[0] in UNREAL:
            raise LabError(f"{inside} of host {self.name} is not on its disk", "use run() with a shell line")
        real = path.resolve()
        if real != self.root and self.root not in real.parents:
            raise LabError(f"{inside} of host {self.name} leads outside its root", "give the path without links")
        return path

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file in the host (also while it is off), with its folders."""
        target = self.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        target.chmod(mode)

    def read(self, path: str) -> str:
        """Text of a file in the host (also while it is off)."""
        return self.path(path).read_text(encoding="utf-8", errors="replace")

    def wait_ssh(self, timeout: float = 60) -> None:
        """Return when the host's SSH server greets; LabError with the console's end after timeout (seconds)."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                with socket.create_connection((self.address, 22), timeout=1) as conn:
                    conn.settimeout(2)
                    if conn.recv(4) == b"SSH-":
                        return
            except OSError:
                pass
            time.sleep(0.03)
        console = self.log.read_text(errors="replace") if self.log.exists() else ""
        raise LabError(
            f"host {self.name} ({self.address}) does not answer SSH after {timeout:g} s\n{tail(console)}",
            f"read {self.log}",
        )
