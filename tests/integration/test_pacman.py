# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts with pacman: Debian's own build of the real one, with packages of makepkg and a repository of repo-add."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fleet import POLICY, Fleet
from lab import alpm

HOSTS = ["test1", "prod1"]
NAMES = alpm.NAMES


@pytest.fixture
def pacman(make_fleet: Callable[..., Fleet]) -> Fleet:
    return make_fleet(test=["test1"], production=["prod1"], bases=dict.fromkeys(HOSTS, "pacman"))


def publish(fleet: Fleet, state: str) -> None:
    alpm.publish(fleet.lab.repo, fleet.lab.host("test1").root, state)


def soak(fleet: Fleet, time: str) -> None:
    fleet.policy.write_text(POLICY.replace("soak: 0h}", f"soak: {time}}}", 1))


def run(fleet: Fleet, host: str, command: str) -> str:
    return fleet.lab.host(host).run(command, check=False).stdout.strip()


def test_production_gets_what_the_test_host_proved_although_the_repository_has_moved_on(pacman: Fleet) -> None:
    for host in HOSTS:
        run(pacman, host, "echo '# mine' >> /etc/lab-conf.conf")
    # a host that speaks PowerShell, as Ansible sees it; nothing on it is ever run
    windows = pacman.folder / "windows.ini"
    windows.write_text("[ring_production]\nwin1 ansible_connection=local ansible_shell_type=powershell\n")
    soak(pacman, "1d")
    first = pacman.play("rollout", "-i", str(windows))
    assert first.closing.startswith("waiting: "), first.output
    assert pacman.versions("test1", "lab-lib") == "1.1-1"
    assert pacman.versions("prod1", "lab-lib") == "1.0-1"

    publish(pacman, "1.2")  # the tested versions are gone
    soak(pacman, "0h")
    interrupt(pacman, "prod1")
    second = pacman.play("rollout", "-i", str(windows))
    assert second.status == 0, second.output
    assert second.closing.startswith("done: "), second.output
    for host in HOSTS:
        assert {name: pacman.versions(host, name) for name in NAMES} == dict.fromkeys(NAMES, "1.1-1")
        assert run(pacman, host, "pacman -Qdq") == "lab-lib", "marks are as before"
        assert "# mine" in run(pacman, host, "cat /etc/lab-conf.conf")
        assert run(pacman, host, "ls /etc/lab-conf.conf.pacnew")
        assert not run(pacman, host, "ls /var/lib/pacman/db.lck")
        assert run(pacman, host, "pacman -Dk") == "No database errors have been found!"
        assert run(pacman, host, "systemctl show -p ExecMainStartTimestampMonotonic --value lab-web") != "0"
    statuses = {host["host"]: host["status"] for host in pacman.report()["hosts"]}
    assert statuses == {**dict.fromkeys(HOSTS, "verified"), "win1": "skipped"}
    # nothing of another run is left in the system's own indexes: an admin's next pacman -S does not upgrade in part
    assert run(pacman, "test1", "ls /var/lib/pacman/sync") == ""


def test_a_failing_scriptlet_stops_the_rollout_until_it_is_mended(pacman: Fleet) -> None:
    publish(pacman, "1.1-broken")
    first = pacman.play("rollout")
    assert first.status != 0
    assert "scriptlet script of lab-broken failed" in first.output, first.output
    assert "lab-broken: the script fails on purpose" in first.output
    assert pacman.versions("prod1", "lab-broken") == "1.0-1"
    # pacman itself thinks that all is well: its exit status was 0, and the new version is installed
    assert pacman.versions("test1", "lab-broken") == "1.1-1"
    assert run(pacman, "test1", "pacman -Dk") == "No database errors have been found!"

    again = pacman.play("rollout")
    assert again.status != 0, "nobody has mended it, so it fails again: " + again.output
    assert "scriptlet script of lab-broken failed" in again.output
    assert pacman.versions("prod1", "lab-broken") == "1.0-1"


def interrupt(fleet: Fleet, host: str) -> None:
    """As a power cut in the middle of a transaction leaves a host: the lock, and a record that is not written yet."""
    for command in (
        "touch /var/lib/pacman/db.lck",
        "rm -r /var/lib/pacman/local/lab-plain-1.0-1",
        """echo '{"lab-plain": ["any", "1.0-1"]}' > /var/cache/lockstep/pacman/changing""",
    ):
        run(fleet, host, command)
    looked = " ".join(fleet.play("detect", "--limit", host).output.split())
    assert "lab-plain:any lost" in looked, looked
    assert "db.lck was left by a pacman that has ended" in looked, looked


def test_a_bad_index_makes_the_answer_unknown(pacman: Fleet) -> None:
    served = pacman.lab.repo.www / "alpm" / "lab.db.tar.gz"
    served.write_text("<html>no such repository</html>")
    html = pacman.play("rollout")
    assert html.status != 0, html.output
    assert "signature from" in html.output
    served.unlink()
    gone = pacman.play("rollout")
    assert gone.status != 0, gone.output
    assert "failed retrieving file 'lab.db'" in gone.output
    for host in HOSTS:
        assert pacman.versions(host, "lab-lib") == "1.0-1"
