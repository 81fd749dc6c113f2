# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which packages are in use, from a /proc of a few processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.lockstep.patching.plugins.module_utils._look.processes import Processes
from ansible_collections.lockstep.patching.plugins.module_utils._look.use import Uses
from ansible_collections.lockstep.patching.plugins.module_utils._provider.apt.owners import other_name
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host

OWNERS = {
    "/usr/sbin/nginx": "nginx",
    "/usr/bin/python3.11": "python3.11-minimal",
    "/usr/bin/fail2ban-server": "fail2ban",
    "/usr/lib/libssl.so.3": "libssl3",
    "/usr/sbin/sshd": "openssh-server",
    "/usr/bin/apt-get": "apt",
}
TCP = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def listening(number: int, address: str, port: int, inode: int) -> str:
    return f"   {number}: {address}:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 {inode} 1\n"


class Proc:
    """A root folder with a /proc."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "proc/net").mkdir(parents=True)
        (root / "proc/self/ns").mkdir(parents=True)
        (root / "proc/self/ns/pid").symlink_to("pid:[1]")
        (root / "proc/net/tcp").write_text(
            TCP + listening(0, "00000000", 443, 100) + listening(1, "0100007F", 8125, 200)
        )

    def process(
        self, pid: int, program: str, parent: int = 1, maps: tuple = (), words: tuple = (), socket: int = 0
    ) -> None:
        base = self.root / "proc" / str(pid)
        (base / "ns").mkdir(parents=True)
        (base / "fd").mkdir()
        (base / "ns/pid").symlink_to("pid:[1]")
        (base / "exe").symlink_to(program)
        (base / "comm").write_text(os.path.basename(program) + "\n")
        (base / "cgroup").write_text("0::/system.slice/x.service\n")
        (base / "stat").write_text(f"{pid} (x y) S {parent} " + "0 " * 30)
        (base / "cmdline").write_text("\0".join((program, *words)))
        lines = [f"7f00-7f01 r-xp 00000000 00:01 7    {path}\n" for path in (program, *maps)]
        (base / "maps").write_text("".join(lines))
        if socket:
            (base / "fd/3").symlink_to(f"socket:[{socket}]")

    def section(self) -> dict:
        host = Host(str(self.root))
        uses = Uses(host)
        Processes(host, uses).scan()
        return uses.section(lambda paths: {path: OWNERS[path] for path in paths if path in OWNERS}, None)


@pytest.fixture
def machine(tmp_path: Path) -> Proc:
    return Proc(tmp_path)


def test_a_service_its_library_and_where_they_are_reached(machine: Proc) -> None:
    machine.process(10, "/usr/sbin/nginx", maps=("/usr/lib/libssl.so.3",), socket=100)
    told = machine.section()
    assert told["packages"]["nginx"] == {
        "running": True,
        "mapped": True,
        "listening": [{"proto": "tcp", "address": "0.0.0.0", "port": 443}],
        "exposed": "network",
    }
    assert told["packages"]["libssl3"] == {"running": False, "mapped": True, "listening": [], "exposed": "network"}
    assert told["complete"] and told["reason"] is None and told["unpackaged"] == []


def test_a_socket_on_the_loopback_is_no_exposure(machine: Proc) -> None:
    machine.process(10, "/usr/sbin/nginx", maps=("/usr/lib/libssl.so.3",), socket=200)
    assert machine.section()["packages"]["libssl3"]["exposed"] == "local"


def test_a_script_counts_for_its_own_package_and_for_its_interpreter(machine: Proc) -> None:
    script = machine.root / "usr/bin/fail2ban-server"
    script.parent.mkdir(parents=True)
    script.write_text("#!/usr/bin/python3\n")
    machine.process(10, "/usr/bin/python3.11", words=("-s", "/usr/bin/fail2ban-server", "/etc/x"))
    packages = machine.section()["packages"]
    assert packages["fail2ban"]["running"] and packages["python3.11-minimal"]["running"]


def test_programs_of_no_package_are_listed(machine: Proc) -> None:
    machine.process(10, "/opt/acme/agent", socket=100)
    assert machine.section()["unpackaged"] == [
        {"path": "/opt/acme/agent", "listening": [{"proto": "tcp", "address": "0.0.0.0", "port": 443}]}
    ]


def test_who_looks_is_not_in_use(machine: Proc) -> None:
    machine.process(5, "/usr/sbin/sshd")
    machine.process(6, "/usr/bin/python3.11", parent=5)
    machine.process(os.getpid(), "/usr/bin/python3.11", parent=6)
    machine.process(os.getpid() + 1, "/usr/bin/apt-get", parent=os.getpid())
    assert sorted(machine.section()["packages"]) == ["openssh-server"]


@pytest.mark.parametrize(
    ("path", "other"),
    [("/usr/lib/x.so", "/lib/x.so"), ("/lib/x.so", "/usr/lib/x.so"), ("/usr/share/x", None), ("/opt/x", None)],
)
def test_merged_folders_have_two_names(path: str, other: str | None) -> None:
    assert other_name(path) == other
