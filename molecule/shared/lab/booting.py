# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The first boot of a host, and every later one: its disk, its files, its power."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from . import families, layers, network
from .hosts import Host
from .repository import Repository


def start(host: Host, lowers: Sequence[Path], data: dict[str, Any], say: Callable[[str], None]) -> None:
    """Boot a host and return when its units have settled; one that is new gets its name, keys and sources first.

    lowers: what its disk lies on (those of its first time, if it has been made before). data: the lab's state.
    """
    prepared = host.folder / "prepared"
    fresh = not prepared.exists()
    host.set_up(lowers, data["subnet"])
    if fresh:
        _write_files(host, data)
        prepared.touch()
    host.power_on(timeout=host.patience)
    settled = host.run("systemctl is-system-running --wait", check=False, timeout=host.patience).stdout.strip()
    if settled != "running":
        failed = host.run("systemctl --failed --no-legend --plain", check=False).stdout.split("\n")
        say(f"{host.name} is {settled}: {', '.join(line.split()[0] for line in failed if line)}")
    if data["mode"] == "hermetic" and fresh:
        host.run(host.family.refresh)


def reset(host: Host, data: dict[str, Any], say: Callable[[str], None]) -> None:
    """Put a host back to what it was when it was new."""
    host.kill()
    (host.folder / "prepared").unlink(missing_ok=True)
    host.clear()
    start(host, [], data, say)


def _write_files(host: Host, data: dict[str, Any]) -> None:
    host.write("/etc/hostname", host.name + "\n")
    host.write("/etc/machine-id", data["hosts"][host.name]["machine_id"] + "\n", 0o444)
    names = [f"127.0.0.1 localhost\n127.0.1.1 {host.name}\n{network.gateway(data['subnet'])} lab-controller\n"]
    names += [f"{e['address']} {name}\n" for name, e in data["hosts"].items() if name != host.name]
    host.write("/etc/hosts", "".join(names))
    host.write("/root/.ssh/authorized_keys", (host.names.state / "id_ed25519.pub").read_text(), 0o600)
    if data["mode"] == "real":
        for path, text in layers.real_files(families.of(host.release).suite).items():
            host.write(path, text)
    else:
        host.write("/etc/resolv.conf", "")
    if data["repo"]:
        for path, text in host.family.files(Repository(host.names, network.gateway(data["subnet"]))).items():
            host.write(path, text)
