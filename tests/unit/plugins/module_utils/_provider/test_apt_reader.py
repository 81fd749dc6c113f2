# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The apt provider on folders that look like a host."""

from __future__ import annotations

import gzip
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.lockstep.patching.plugins.module_utils._model.state import Origin, Package
from ansible_collections.lockstep.patching.plugins.module_utils._provider.apt import health, logs
from ansible_collections.lockstep.patching.plugins.module_utils._provider.apt.indexes import last_fetched
from ansible_collections.lockstep.patching.plugins.module_utils._provider.apt.reader import AptReader, is_security
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host
from ansible_collections.lockstep.patching.plugins.module_utils._provider.registry import reader

DAY = 86400000
NOW = int(time.time() * 1000)


def log(root: Path, name: str, days_ago: float, version: int, packed: bool = False) -> None:
    """Write a dpkg log with one upgrade to `version`."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime((NOW - days_ago * DAY) / 1000))
    text = f"{stamp} upgrade a:all {version - 1} {version}\n{stamp} status installed a:all {version}\n"
    path = root / "var/log" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())


def test_history_goes_through_rotated_logs(tmp_path: Path) -> None:
    log(tmp_path, "dpkg.log.2.gz", 150, 2, packed=True)
    log(tmp_path, "dpkg.log.1", 50, 3)
    log(tmp_path, "dpkg.log", 1, 4)
    (tmp_path / "var/log/apt").mkdir()
    found = logs.history(Host(str(tmp_path)), NOW - 100 * DAY, NOW)
    assert [event.new for event in found.events] == ["3", "4"]
    assert found.missing is None
    assert abs(found.last_patched_ms - (NOW - DAY)) < 2000
    assert [source.path for source in found.sources] == [
        "/var/log/dpkg.log.2.gz",
        "/var/log/dpkg.log.1",
        "/var/log/dpkg.log",
    ]


def test_history_says_what_is_missing(tmp_path: Path) -> None:
    log(tmp_path, "dpkg.log.3", 50, 3)
    log(tmp_path, "dpkg.log", 1, 4)
    (tmp_path / "var/log/dpkg.log.1.gz").write_bytes(b"\x1f\x8bdamaged")
    (tmp_path / "var/log/apt").mkdir()
    found = logs.history(Host(str(tmp_path)), NOW - 100 * DAY, NOW)
    assert "dpkg.log.2 is gone" in found.missing and "dpkg.log.1.gz cannot be read" in found.missing
    assert [source.readable for source in found.sources] == [True, False, True]


def test_no_log_at_all_is_not_a_host_that_was_never_patched(tmp_path: Path) -> None:
    found = logs.history(Host(str(tmp_path)), NOW - DAY, NOW)
    assert (found.complete_from_ms, found.last_patched_ms, found.events) == (None, None, [])
    assert "not known" in found.missing


def test_apt_history_fills_in_before_the_dpkg_log(tmp_path: Path) -> None:
    log(tmp_path, "dpkg.log", 1, 4)
    (tmp_path / "var/log/apt").mkdir()
    text = "".join(
        "Start-Date: {0}\nUpgrade: a:all ({1})\nEnd-Date: {0}\n\n".format(
            time.strftime("%Y-%m-%d  %H:%M:%S", time.localtime((NOW - days * DAY) / 1000)), versions
        )
        for days, versions in [(5, "2, 3"), (0.5, "4, 5")]
    )
    (tmp_path / "var/log/apt/history.log").write_text(text)
    found = logs.history(Host(str(tmp_path)), NOW - 20 * DAY, NOW)
    assert [event.new for event in found.events] == ["3", "4"]
    assert "no dpkg log before" in found.missing


@pytest.mark.parametrize(
    ("origin", "security"),
    [
        (Origin("Debian", "Debian-Security", "stable-security", "bookworm-security", "main"), True),
        (Origin("Ubuntu", "Ubuntu", "jammy-security", "jammy", "main"), True),
        (Origin("Lab", "Lockstep-Lab-Security", "", "lab-security", "main"), True),
        (Origin("Debian", "Debian", "stable-updates", "bookworm-updates", "main"), False),
        (Origin("X", "Security Tools", "stable", "stable", "main"), False),
    ],
)
def test_which_archives_are_security(origin: Origin, security: bool) -> None:
    assert is_security(origin) is security


@pytest.mark.parametrize(
    ("stamp", "fetched"), [("", 100), ("50", 100), ("150", 150), ("200", 200), ("201", 100), ("soon", 100), ("-1", 100)]
)
def test_when_an_index_was_last_current(stamp: str, fetched: int) -> None:
    assert last_fetched(100, stamp, 200) == fetched


def package(status: str) -> Package:
    return Package("a", "all", "1", "a", "1", False, status)


def test_health(tmp_path: Path) -> None:
    host = Host(str(tmp_path))
    updates = tmp_path / "var/lib/dpkg/updates"
    updates.mkdir(parents=True)
    assert health.look(host, "2", [package("installed")], None).health == "ok"
    assert health.look(host, "2", [package("half-configured")], None).health == "interrupted"
    assert health.look(host, "2", [], "Unmet dependencies. Try").health == "broken"
    assert health.look(host, "2", [], "no idea").health == "unknown"
    (updates / "0001").write_text("x")
    found = health.look(host, "2", [], None)
    assert found.health == "interrupted" and "dpkg --configure -a" in found.problems[0]


def test_the_holder_of_a_lock_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "var/lib/dpkg/lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    hold = (
        "import fcntl,sys; f=open(sys.argv[1],'w'); fcntl.lockf(f,fcntl.LOCK_EX); "
        "print('x',flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen([sys.executable, "-c", hold, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        holder.stdout.readline()
        found = health.look(Host(str(tmp_path)), "2", [], None)
    finally:
        holder.communicate()
    assert found.health == "locked" and f"process {holder.pid} " in found.problems[0]
    assert health.look(Host(str(tmp_path)), "2", [], None).health == "ok"


def test_no_reader_without_apt(tmp_path: Path) -> None:
    assert reader(Host(str(tmp_path))) is None


def test_reader_wants_apt_and_dpkg(tmp_path: Path) -> None:
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/apt-get").touch(mode=0o755)
    assert reader(Host(str(tmp_path))) is None
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").touch()
    assert isinstance(reader(Host(str(tmp_path))), AptReader)


def test_commands_end_in_time_and_without_a_shell() -> None:
    host = Host()
    assert host.run(["/bin/echo", "$(id); a"]).out == "$(id); a\n"
    assert host.run(["/no/such"]).rc == 127
    late = host.run(["/bin/sh", "-c", "sleep 30 & sleep 30"], timeout=0.2)
    assert late.rc == 124 and "did not end" in late.err
    assert host.run([sys.executable, "-c", "import os; os.write(1, b'\\xff')"]).out == "\ufffd"
    assert host.run(["/usr/bin/env"]).out.count("LC_ALL=C.UTF-8") == 1
