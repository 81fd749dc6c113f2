# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the kernel and systemd print."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.lockstep.patching.plugins.module_utils._parse import proc

FIXTURES = next(folder for folder in Path(__file__).resolve().parents if folder.name == "tests") / "fixtures" / "proc"


def recorded(name: str) -> str:
    return (FIXTURES / name).read_text()


def mapping(path: str, perms: str = "r-xp", inode: int = 7) -> str:
    return f"7f00-7f01 {perms} 00000000 00:01 {inode}    {path}\n"


def test_replaced_libraries_of_pid_1() -> None:
    files = proc.deleted_files(recorded("maps-pid1-after-upgrade.txt"))
    assert "/usr/lib/x86_64-linux-gnu/libcrypto.so.3" in files and len(files) == 3


def test_restarted_service_uses_nothing_old() -> None:
    text = recorded("maps-nginx-restarted.txt")
    assert "(deleted)" in text
    assert proc.deleted_files(text) == []


@pytest.mark.parametrize(
    "line",
    [
        mapping("/memfd:x (deleted)"), mapping("/dev/zero (deleted)"), mapping("/SYSV00000000 (deleted)"),
        mapping("/tmp/ffi (deleted)"), mapping("/usr/lib/x.so"), mapping("/usr/share/x.mo (deleted)", "r--p"),
        mapping("/[aio] (deleted)"), mapping("/usr/lib/x.so (deleted)", inode=0), "(deleted)\n", "a b c (deleted)\n",
    ],
)  # fmt: skip
def test_no_false_alarm(line: str) -> None:
    assert proc.deleted_files(line) == []


def test_hostile_paths_are_bounded() -> None:
    (path,) = proc.deleted_files(mapping("/usr/\x1b[31m" + "x" * 5000 + " (deleted)"))
    assert len(path) == proc.PATH and "\x1b" not in path


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("0::/system.slice/nginx.service\n", "nginx.service"),
        ("9:name=systemd:/system.slice/system-getty.slice/getty@tty1.service\n0::/\n", "getty@tty1.service"),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/sync.service\n", "sync.service"),
        ("0::/system.slice/a.service/b.service\n", "a.service"),
        ("0::/init.scope\n", "init.scope"),
        ("4:memory:/system.slice/x.service\n", ""),
        ("", ""),
    ],
)
def test_unit_of_a_process(text: str, unit: str) -> None:
    assert proc.unit_of(text) == unit


def test_unit_in_a_container_on_both_hierarchies() -> None:
    assert proc.unit_of(recorded("cgroup-nspawn-hybrid.txt")) == "ssh.service"
    assert not proc.in_container(recorded("cgroup-nspawn-hybrid.txt"))
    assert proc.in_container("0::/system.slice/docker-0123.scope\n") and proc.in_container(
        "0::/kubepods/besteffort/pod1\n"
    )


def test_listening_sockets() -> None:
    assert sorted(row[:2] for row in proc.listening(recorded("net-tcp.txt"), "tcp")) == [
        ("0.0.0.0", 22),
        ("0.0.0.0", 80),
    ]
    assert sorted(row[:2] for row in proc.listening(recorded("net-tcp6.txt"), "tcp6")) == [("::", 22), ("::", 80)]
    assert proc.listening(recorded("net-udp.txt"), "udp") == []
    assert proc.listening(
        "head\n 0: 0100007F:0035 00000000:0000 0A 0 0 0 0 0 99\n 1: zz:1 x 0A 0 0 0 0 0 9\n", "tcp"
    ) == [("127.0.0.1", 53, "99")]


def test_units() -> None:
    found = {unit["name"]: (unit["active"], unit["sub"]) for unit in proc.parse_units(recorded("systemctl-show.txt"))}
    assert found == {
        "cron.service": ("active", "running"),
        "ssh.service": ("active", "running"),
        "emergency.service": ("inactive", "dead"),
    }


def test_os_release() -> None:
    fields = proc.parse_os_release(recorded("os-release.txt"))
    assert (fields["ID"], fields["VERSION_ID"], fields["VERSION_CODENAME"]) == ("debian", "12", "bookworm")
    assert proc.parse_os_release("ID='a\nX=$(reboot)\n") == {"ID": "a", "X": "$(reboot)"}
