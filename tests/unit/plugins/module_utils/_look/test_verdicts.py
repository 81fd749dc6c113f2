# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Verdicts on kernels and reboots, the forms of health checks, and the size of the answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.lockstep.patching.plugins.module_utils._look import checks, reboot
from ansible_collections.lockstep.patching.plugins.module_utils._look.host_facts import kernel_state
from ansible_collections.lockstep.patching.plugins.module_utils._look.look import ANSWER_LIMIT, Look
from ansible_collections.lockstep.patching.plugins.module_utils._provider.contract import Kernel, Signal
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host

OLD = Kernel("6.1.0-18-amd64", "6.1.76-1", "linux-image-6.1.0-18-amd64", "amd64")
NEW = Kernel("6.1.0-21-amd64", "6.1.90-1", "linux-image-6.1.0-21-amd64", "amd64")
CLOUD = Kernel("6.1.0-22-cloud-amd64", "6.1.94-1", "linux-image-6.1.0-22-cloud-amd64", "cloud-amd64")
RPM_OLD = Kernel("5.14.0-362.8.1.el9_3.x86_64", "5.14.0-362.8.1.el9_3", "kernel-core", "kernel-core")
RPM_NEW = Kernel("5.14.0-427.el9.x86_64", "5.14.0-427.el9", "kernel-core", "kernel-core")
RPM_RT = Kernel("5.14.0-430.el9.x86_64+rt", "5.14.0-430.el9", "kernel-rt-core", "kernel-rt-core")
UBUNTU = Kernel("5.15.0-91-generic", "5.15.0-91.101", "linux-image-5.15.0-91-generic", "generic")
SAYS_OLD = "Linux version 6.1.0-18-amd64 (x) (gcc) #1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01)"


@pytest.mark.parametrize(
    ("running", "kernels", "kind", "version", "signature", "kernel", "current"),
    [
        (OLD[0], [OLD], "", SAYS_OLD, "", "own", True),
        (OLD[0], [OLD, NEW], "", SAYS_OLD, "", "own", False),
        (OLD[0], [OLD._replace(version="6.1.82-1")], "", SAYS_OLD, "", "own", False),
        (OLD[0], [OLD, CLOUD], "", SAYS_OLD, "", "own", True),
        (RPM_OLD[0], [RPM_OLD, RPM_RT], "", "", "", "own", True),
        (RPM_OLD[0], [RPM_OLD, RPM_NEW, RPM_RT], "", "", "", "own", False),
        (UBUNTU[0], [UBUNTU], "", "Linux (Ubuntu 11)", "Ubuntu 5.15.0-91.101-generic 5.15.131", "own", True),
        (UBUNTU[0], [UBUNTU], "", "Linux (Ubuntu 11)", "Ubuntu 5.15.0-91.100-generic 5.15.131", "own", False),
        (OLD[0], [OLD], "systemd-nspawn", SAYS_OLD, "", "not_applicable", None),
        ("6.18.0-own", [], "", "", "", "not_applicable", None),
        ("6.18.0-own", [OLD], "", "", "", "unknown", None),
    ],
)  # fmt: skip
def test_kernel(
    running: str,
    kernels: list[Kernel],
    kind: str,
    version: str,
    signature: str,
    kernel: str,
    current: bool | None,
) -> None:
    found = kernel_state(running, kernels, kind, version, signature)
    assert (found["kernel"], found["kernel_current"]) == (kernel, current)
    assert found["kernel_reason"]


@pytest.mark.parametrize(
    ("answers", "needed"),
    [
        (["no", "no"], "no"), (["no", "unknown"], "unknown"), (["unknown", "yes"], "yes"), ([], "no"),
    ],
)  # fmt: skip
def test_yes_beats_unknown_beats_no(answers: list[str], needed: str) -> None:
    found = reboot.section([Signal(f"s{at}", answer, "text") for at, answer in enumerate(answers)])
    assert found["needed"] == needed
    assert len(found["reasons"]) == answers.count("yes") and len(found["unknown"]) == answers.count("unknown")


def boot(kernel: str, current: bool | None) -> dict[str, object]:
    return {"kernel": kernel, "kernel_current": current, "kernel_reason": "why"}


def services(*rows: tuple[int, str], complete: bool = True) -> dict[str, object]:
    outdated = [{"pid": pid, "unit": unit, "files": ["/lib/x.so"]} for pid, unit in rows]
    return {"outdated": outdated, "complete": complete, "reason": None if complete else "not root"}


@pytest.mark.parametrize(
    ("boot_section", "services_section", "needed"),
    [
        (boot("not_applicable", None), services(), "no"),
        (boot("own", True), services(), "no"),
        (boot("own", False), services(), "yes"),
        (boot("unknown", None), services(), "unknown"),
        (boot("own", True), services((1, "init.scope")), "yes"),
        (boot("own", True), services((9, "dbus.service")), "yes"),
        (boot("own", True), services((9, "nginx.service")), "no"),
        (boot("own", True), services(complete=False), "unknown"),
        (boot("own", True), None, "unknown"),
    ],
)
def test_reboot_signals(boot_section: dict, services_section: dict | None, needed: str) -> None:
    assert reboot.section(reboot.signals([], boot_section, services_section))["needed"] == needed


@pytest.mark.parametrize(
    "check",
    [
        {"unit": "a.service"},
        {"tcp": 1},
        {"tcp": "h:2", "timeout": 3},
        {"http": "http://x", "expect": 204},
        {"command": ["/bin/x", "a b"]},
    ],
)
def test_good_checks(check: dict) -> None:
    assert checks.problem_of(check) is None


@pytest.mark.parametrize(
    "check",
    [
        {}, {"unit": "a", "tcp": 1}, {"unit": "a", "retries": 2}, {"tcp": "x"}, {"tcp": 70000}, {"command": "x"},
        {"command": ""}, {"command": "/x 'y"}, {"tcp": 1, "timeout": 0}, {"http": "http://x", "expect": "ok"},
    ],
)  # fmt: skip
def test_bad_checks_are_named(check: dict) -> None:
    assert repr(check) in (checks.problem_of(check) or "")


def test_a_host_without_a_package_manager_is_unsupported(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    look = Look(Host(str(tmp_path)), 1).run(wanted=["packages", "candidates", "os", "platform"])
    answer = look.answer()
    assert (answer["supported"], answer["pending"], answer["security"], look.platform) == (False, None, None, None)
    assert {"unknown"} == set(look.sections["candidates"])


def test_a_long_answer_is_cut_and_says_so(tmp_path: Path) -> None:
    look = Look(Host(str(tmp_path)), 1)
    look.sections = {"health": {"failed_units": [f"unit-{at}-{'x' * 100}.service" for at in range(900)]}}
    look.unknown = [{"what": f"w{at}", "why": "y" * 300, "next": "n"} for at in range(100)]
    answer = look.answer()
    assert len(json.dumps(answer)) <= ANSWER_LIMIT + 500
    assert "more" in str(answer["failed_units"][-1]) and answer["unknown"][-1]["what"] == "more"
