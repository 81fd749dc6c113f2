# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ids and paths, space, reboots and restarts: the pure parts."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.patching.plugins.module_utils._model.transaction import Step
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.journal import Found, Record
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.places import Places
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.rebooting import decide
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.restart import (
    is_login,
    reasons,
    restartable,
)
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.space import INITRD, KERNEL, MARGIN, needs

MIB = 1024 * 1024


@pytest.mark.parametrize("text", ["", "../x", "a/b", ".hidden", "a..b", "x" * 101, "a b", "a\n"])
def test_hostile_ids_are_no_paths(text: str) -> None:
    with pytest.raises(ValueError, match="is no transaction id"):
        Places().journal(text)


@pytest.mark.parametrize("text", ["", "0" * 63, "0" * 65, "../" + "0" * 61, "G" * 64])
def test_hostile_checksums_are_no_paths(text: str) -> None:
    with pytest.raises(ValueError, match="is no SHA-256"):
        Places().file(text)


def step(action: str, name: str) -> Step:
    return Step(action, name, "amd64", None, "2")


def kernel(name: str) -> bool:
    return name.startswith("linux-image-")


@pytest.mark.parametrize(
    ("steps", "initrd", "apart", "expected"),
    [
        ([], 0, False, [("/usr", MARGIN)]),
        # grows by 10 KiB; the larger of the two is needed beside its old version
        ([step("upgrade", "a"), step("upgrade", "b")], 0, False, [("/usr", MARGIN + (10 + 100) * 1024)]),
        ([step("remove", "b")], 0, False, [("/usr", MARGIN)]),
        (
            [step("install", "linux-image-6")],
            30 * MIB,
            True,
            [("/usr", MARGIN + 2 * 1000 * 1024), ("/boot", KERNEL + 60 * MIB)],
        ),
        ([step("install", "linux-image-6")], 0, False, [("/usr", MARGIN + 2 * 1000 * 1024 + KERNEL + INITRD)]),
        ([step("upgrade", "linux-image-6")], 30 * MIB, True, [("/usr", MARGIN + 2000 * 1024), ("/boot", 30 * MIB)]),
    ],
)
def test_space_that_a_run_needs(steps: list[Step], initrd: int, apart: bool, expected: list[tuple[str, int]]) -> None:
    sizes = {"a:amd64": 100, "b:amd64": 50, "linux-image-6:amd64": 1000}
    assert [
        tuple(each) for each in needs(steps, sizes, {"a:amd64": 90, "b:amd64": 70}, kernel, initrd, apart)
    ] == expected


def journal(state: str, *boots: str) -> Found:
    return Found(state, [Record(1, at, 1, "rebooting", {"boot_id": boot}) for at, boot in enumerate(boots)])


@pytest.mark.parametrize(
    ("journals", "action"),
    [
        ([], "reboot"),
        ([journal("finished")], "reboot"),
        ([journal("finished", "now")], "reboot"),
        ([journal("finished", "before")], "done"),
        ([journal("finished", "before", "now")], "done"),
        ([journal("finished", "before"), journal("finished")], "done"),
        ([journal("running")], "running"),
    ],
)
def test_one_reboot_a_plan(journals: list[Found], action: str) -> None:
    assert decide(journals, "now") == action


def test_what_may_not_be_restarted_is_a_reason_to_reboot() -> None:
    found = [
        {"pid": 1, "process": "systemd", "unit": "init.scope", "files": ["/lib/a"]},
        {"pid": 20, "process": "dbus-daemon", "unit": "dbus.service", "files": ["/lib/a"]},
        {"pid": 30, "process": "sshd", "unit": "ssh.service", "files": ["/lib/a"]},
        {"pid": 31, "process": "sshd", "unit": "ssh.service", "files": ["/lib/a"]},
        {"pid": 40, "process": "stray", "unit": "", "files": ["/lib/a"]},
        {"pid": 50, "process": "getty", "unit": "getty@tty1.service", "files": ["/lib/a"]},
    ]
    assert restartable(found) == ["ssh.service"]
    texts = [each["text"] for each in reasons([each for each in found if each["unit"] != "ssh.service"])]
    assert "dbus.service may not be restarted and uses replaced files: /lib/a" in texts
    assert "process 40 (stray) still uses replaced files: /lib/a" in texts
    assert len(texts) == 4


@pytest.mark.parametrize(
    ("cgroup", "login"),
    [
        ("0::/system.slice/ssh.service\n", False),
        ("0::/init.scope\n", False),
        ("0::/user.slice/user-0.slice/session-3.scope\n", True),
        ("0::/user.slice/user-0.slice/user@0.service/init.scope\n", True),
        ("1:name=systemd:/user.slice/user-1000.slice/user@1000.service/app.slice/cron.service\n0::/\n", True),
    ],
)
def test_units_of_users_are_not_those_of_the_system(cgroup: str, login: bool) -> None:
    assert is_login(cgroup) is login
