# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The whole way on real hosts: one command from pending updates to verified ones."""

from __future__ import annotations

from collections.abc import Callable

from fleet import Fleet

HOSTS = ["test1", "prod1", "prod2"]


def test_rollout_patches_test_then_production_and_then_has_nothing_left_to_do(fleet: Fleet) -> None:
    boots = {name: fleet.lab.host(name).boot_id() for name in HOSTS}
    progress = {"ANSIBLE_CALLBACKS_ENABLED": "lockstep.patching.progress", "LOCKSTEP_PROGRESS_INTERVAL": "0"}
    first = fleet.play("rollout", **progress)
    assert first.status == 0, first.output
    assert first.closing.startswith("done: "), first.output
    assert "progress: rollout: ring production, batch 1 of 1: verify 2 of 2; 2 of 2 hosts done" in first.output
    for name in HOSTS:
        assert fleet.versions(name, "lab-web") == "1.1"
        assert fleet.versions(name, "lab-plain") == "1.1"
        assert fleet.lab.host(name).boot_id() != boots[name], "lab-boot asks for a reboot"
    report = fleet.report()
    assert {host["host"]: host["status"] for host in report["hosts"]} == dict.fromkeys(HOSTS, "verified")

    boots = {name: fleet.lab.host(name).boot_id() for name in HOSTS}
    again = fleet.play("rollout")
    assert again.status == 0, again.output
    assert again.closing.startswith("done: "), again.output
    assert {name: fleet.lab.host(name).boot_id() for name in HOSTS} == boots, "a finished host is not touched again"


def test_check_shows_the_way_and_touches_nothing(fleet: Fleet) -> None:
    before = {name: fleet.lab.host(name).run("dpkg-query -W").stdout for name in HOSTS}
    shown = fleet.play("rollout", "--check")
    assert shown.status == 0, shown.output
    for word in ["test", "production", "lab-web", "1.1"]:
        assert word in shown.output
    for name in HOSTS:
        host = fleet.lab.host(name)
        assert host.run("dpkg-query -W").stdout == before[name]
        assert not host.run("ls /var/lib/lockstep /var/cache/lockstep", check=False).stdout.strip()


def test_one_rollout_takes_three_debian_releases(make_fleet: Callable[..., Fleet]) -> None:
    releases = {"11": "bullseye", "12": "bookworm", "13": "trixie"}
    bases = {f"{ring}{number}": name for ring in ("test", "prod") for number, name in releases.items()}
    fleet = make_fleet(test=["test11", "test12", "test13"], production=["prod11", "prod12", "prod13"], bases=bases)
    done = fleet.play("rollout")
    assert done.status == 0, done.output
    assert done.closing.startswith("done: ") and "6 of 6 hosts verified" in done.closing, done.output
    assert {fleet.versions(host, "lab-web") for host in bases} == {"1.1"}
    assert len({host["platform"] for host in fleet.report()["hosts"]}) == 3
