# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A kernel upgrade on a host with a kernel, a boot loader and a power cord of its own."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from fleet import Fleet
from proof import ended, expect, offer, reason, results, sound, statuses, until

pytestmark = pytest.mark.lab

VM = "vm1"
PATIENCE = 2400
"""Seconds that a playbook may take where the machine is emulated and others use the processor too."""


def offer_kernel(fleet: Fleet) -> tuple[str, str]:
    """Publish the newer kernel as a security update; the releases of the old one and the new one."""
    with fleet.lab.repo.batch():
        for deb in fleet.lab.kernels().new:
            fleet.lab.repo.publish(deb, security=True)
    fleet.lab.refresh()
    return fleet.lab.kernels().releases


def runs(fleet: Fleet) -> str:
    return fleet.lab.host(VM).run("uname -r").stdout.strip()


def records(fleet: Fleet) -> list[dict[str, Any]]:
    """Every record of every journal of the host, oldest first, while it runs."""
    done = fleet.lab.host(VM).run("cat /var/lib/lockstep/journal/* 2>/dev/null | tr -d '\\000'", check=False)
    lines = []
    for line in done.stdout.splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue  # the end of a record that was being written
    return lines


def steps(fleet: Fleet) -> list[str]:
    return [record["step"] for record in records(fleet)]


def test_real_kernel_is_upgraded_booted_and_proved_and_a_full_boot_partition_is_refused_first(fleet: Fleet) -> None:
    host = fleet.lab.host(VM)
    old, new = offer_kernel(fleet)
    assert runs(fleet) == old
    looked = fleet.play("detect", timeout=PATIENCE)
    expect(looked, "done")
    pending = json.loads((fleet.reports / "detect.json").read_text())["hosts"][0]
    assert pending["security"] == 1, "the package that follows the newest kernel"
    assert pending["kernel"]["running"] == old

    before = (host.boot_id(), host.versions())
    host.run("fallocate -l $(($(df --output=avail -B1 /boot | tail -n 1) - 30000000)) /boot/filler")
    refused = fleet.play("rollout", timeout=PATIENCE)
    expect(refused, "stopped", VM, "/boot:", "MiB free", "MiB needed")
    free, need = map(int, re.findall(r"/boot: (\d+) MiB free, (\d+) MiB needed", refused.output)[0])
    assert free < 30 <= need < 150
    assert (host.boot_id(), host.versions()) == before, "a host without room is not touched"
    assert "apply" not in steps(fleet)
    host.run("rm /boot/filler")

    expect(fleet.play("rollout", timeout=PATIENCE), "done", "1 of 1 hosts verified")
    assert runs(fleet) == new
    assert host.boots() == [old, new], "rebooted once"
    assert steps(fleet).count("rebooting") == 1
    shown = next(row for row in fleet.report()["hosts"] if row["host"] == VM)
    assert shown["status"] == "verified"
    assert shown["kernel"] == new
    assert shown["boot_before"] == before[0]
    assert shown["boot_after"] == host.boot_id()
    sound(fleet)


def pin(fleet: Fleet, release: str) -> None:
    """Have GRUB start this kernel whatever else is installed, as an administrator may have done after bad news."""
    entry = (
        'grep -o "gnulinux-advanced-[^\' ]*" /boot/grub/grub.cfg | head -n 1; '
        f'grep -o "gnulinux-{release}-advanced-[^\' ]*" /boot/grub/grub.cfg | head -n 1'
    )
    menu, line = fleet.lab.host(VM).run(entry).stdout.split()
    fleet.lab.host(VM).run(f"sed -i 's/^GRUB_DEFAULT=.*/GRUB_DEFAULT=\"{menu}>{line}\"/' /etc/default/grub")
    fleet.lab.host(VM).run("update-grub")


def test_host_that_boots_the_old_kernel_is_not_verified_until_the_new_one_runs(fleet: Fleet) -> None:
    host = fleet.lab.host(VM)
    old, new = fleet.lab.kernels().releases
    pin(fleet, old)
    offer_kernel(fleet)
    stopped = fleet.play("rollout", timeout=PATIENCE)
    expect(stopped, "stopped", VM, f"kernel {old} runs; the newest is {new}")
    assert statuses(fleet)[VM] != "verified"
    assert f"linux-image-{new}" in host.versions()
    assert host.boots() == [old, old]

    again = fleet.play("rollout", timeout=PATIENCE)
    expect(again, "stopped", VM, f"kernel {old} runs; the newest is {new}")
    assert host.boots() == [old, old], "one plan reboots a host once, whatever it booted"

    host.run("sed -i 's/^GRUB_DEFAULT=.*/GRUB_DEFAULT=0/' /etc/default/grub && update-grub")
    host.reboot()
    expect(fleet.play("rollout", timeout=PATIENCE), "done", "1 of 1 hosts verified")
    assert host.boots() == [old, old, new]
    assert runs(fleet) == new
    assert steps(fleet).count("rebooting") == 1
    sound(fleet)


def cut(fleet: Fleet, moment: str, ask: Callable[[], Any]) -> str:
    """Run the rollout, pull the power when ask says so, wait for the run's end, and give power again."""
    host = fleet.lab.host(VM)
    process = fleet.start("rollout", "-e", "deploy_reconnect=20")
    until(moment, lambda: ask() or time.sleep(1), PATIENCE)  # a question a second: each costs the machine some work
    assert process.poll() is None, "the power is cut while the rollout runs"
    host.kill()
    stopped = ended(fleet, process, "rollout", PATIENCE)
    expect(stopped, "stopped", VM)
    assert statuses(fleet)[VM] == "unreachable lost"
    # what the platters hold, not what the host meant to write
    left = host.read("/var/lib/dpkg/status")
    host.power_on()
    return left


def test_power_is_cut_before_during_and_after_the_transaction_and_in_the_reboot(fleet: Fleet) -> None:
    host = fleet.lab.host(VM)
    old, new = offer_kernel(fleet)
    offer(fleet, "1.1", "lab-plain")
    fleet.policy.write_text(fleet.policy.read_text().replace("15m", "60s"))
    expect(fleet.play("plan", timeout=PATIENCE), "done")

    left = cut(fleet, "the journal begins", lambda: "begin" in steps(fleet))
    assert f"Package: linux-image-{new}" not in left, "before: nothing was unpacked"

    cut(fleet, "the initrd is made", lambda: not host.run(["pgrep", "-f", "mkinitramfs"], check=False).returncode)
    trouble = host.run("dpkg --audit").stdout
    assert f"linux-image-{new}" in trouble, "during: the host is left with a half-configured kernel"

    cut(fleet, "the transaction's result", lambda: "result" in steps(fleet)[steps(fleet).index("apply") :])
    assert not host.run("dpkg --audit").stdout

    count = len(host.boots())
    cut(fleet, "the new kernel boots", lambda: len(host.boots()) == count + 1)

    expect(fleet.play("rollout", timeout=PATIENCE), "done", "1 of 1 hosts verified")
    assert runs(fleet) == new
    assert host.versions()["lab-plain"] == "1.1"
    assert steps(fleet).count("rebooting") <= 1
    assert not host.run("dpkg --audit").stdout
    assert reason(fleet, VM) == ""
    assert [row["body"]["outcome"] for row in results(fleet, VM)][-1] == "done"
    sound(fleet)
