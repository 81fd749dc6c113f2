# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Verify's and reboot's decisions."""

from __future__ import annotations

import pytest
from policy_facts import NOW, candidate, package, patched, policy, scope, state

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.host_lines import host_lines
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Check
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.plan import build_plan
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.reboot import decide_reboot
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.verify import judge_host

UNITS = [
    {"name": "nginx.service", "active": "active", "sub": "running", "result": "success"},
    {"name": "setup.service", "active": "active", "sub": "exited", "result": "success"},
    {"name": "session-3.scope", "active": "active", "sub": "running", "result": "success"},
    {"name": "user@0.service", "active": "active", "sub": "running", "result": "success"},
    {"name": "apt-daily.service", "active": "active", "sub": "running", "result": "success"},
    {"name": "old.service", "active": "inactive", "sub": "dead", "result": "success"},
]
PORTS = [
    {"proto": "tcp", "address": "0.0.0.0", "port": 80, "process": "nginx"},
    {"proto": "udp", "address": "::", "port": 45123, "process": "x"},
]
BEFORE = state(
    candidate("vim"),
    candidate("emacs", version=None),
    health={"units": UNITS, "ports": PORTS, "failed_units": ["bad.service"]},
)
CHECK = Check("tcp", 5432, 30_000)
DONE = {"outcome": "done", "detail": "", "boot_id": "boot-1", "reboot_owed": False}
YES = {"needed": "yes", "reasons": [{"signal": "file", "text": "linux-image"}], "unknown": []}
OUTDATED = {
    "outdated": [{"pid": 1, "process": "nginx", "unit": "nginx.service", "user": None, "files": ["/lib/libssl.so.3"]}],
    "complete": True,
    "reason": None,
}
STOPPED = [{**UNITS[0], "active": "failed", "sub": "failed", "result": "exit-code"}, *UNITS[1:]]


@pytest.mark.parametrize(
    ("given", "status", "part"),
    [
        ({}, "verified", ""),
        ({"checks": [CHECK]}, "verified", ""),
        (
            {"transaction": {**DONE, "outcome": "failed", "detail": "dpkg: error"}},
            "failed",
            "the transaction is failed: dpkg: error",
        ),
        ({"transaction": {**DONE, "outcome": "unknown"}}, "failed", "unknown"),
        ({"transaction": None}, "failed", "no record"),
        ({"packages": {"unknown": "locked"}}, "failed", "unknown: locked"),
        ({"packages": [package("vim", "1.0-1")]}, "failed", "vim is 1.0-1; the plan has 1.0-2"),
        ({"packages": []}, "failed", "vim is not installed"),
        ({"packages": [package("vim", "1.0-2"), package("emacs", "1.0-1")]}, "failed", "emacs is still installed"),
        ({"packages": [package("vim", "1.0-2", status="half-configured")]}, "failed", "half-configured"),
        (
            {"packages": [package("vim", "1.0-2"), package("other", "1", status="unpacked")]},
            "failed",
            "other is unpacked",
        ),
        ({"packages": [package("vim", "1.0-2", auto=True)]}, "failed", "vim is marked automatic now"),
        ({"holds": {"unknown": "no"}}, "failed", "holds now are unknown"),
        (
            {"boot": {"boot_id": "b", "kernel": "own", "kernel_running": "6.1.0-42", "kernel_newest": "6.1.0-42"}},
            "verified",
            "",
        ),
        (
            {"boot": {"boot_id": "b", "kernel": "own", "kernel_running": "6.1.0-41", "kernel_newest": "6.1.0-42"}},
            "installed",
            "6.1.0-41 runs",
        ),
        (
            {"boot": {"boot_id": "b", "kernel": "own", "kernel_running": None, "kernel_newest": None}},
            "installed",
            "newest is unknown",
        ),
        ({"boot": {"boot_id": "b", "kernel": "unknown", "kernel_reason": "no /boot"}}, "installed", "no /boot"),
        ({"boot": {"unknown": "no /proc"}}, "installed", "no /proc"),
        ({"services": OUTDATED}, "installed", "nginx.service still uses replaced files"),
        ({"services": {"outdated": [], "complete": False, "reason": "not root"}}, "installed", "not root"),
        ({"services": {"unknown": "x"}}, "installed", "unknown: x"),
        ({"reboot": YES}, "installed", "a reboot is needed: linux-image"),
        ({"reboot": {"needed": "unknown", "reasons": [], "unknown": ["kernel"]}}, "installed", "unknown: kernel"),
        ({"transaction": {**DONE, "reboot_owed": True}}, "installed", "boot id is still the same"),
        ({"transaction": {**DONE, "reboot_owed": True, "boot_id": "boot-0"}}, "verified", ""),
        ({"transaction": {**DONE, "reboot_owed": True, "boot_id": None}}, "installed", "a boot id is missing"),
        (
            {"health": {"units": STOPPED, "ports": PORTS, "failed_units": []}},
            "regressed",
            "nginx.service was active and is failed",
        ),
        (
            {"health": {"units": UNITS[1:], "ports": PORTS, "failed_units": []}},
            "regressed",
            "nginx.service was active and is gone",
        ),
        # a unit that had run once, and that this boot had nothing to do for
        ({"health": {"units": UNITS[:1], "ports": PORTS, "failed_units": []}}, "verified", ""),
        (
            {"health": {"units": UNITS[:1], "ports": PORTS, "failed_units": ["setup.service"]}},
            "regressed",
            "setup.service has failed",
        ),
        ({"health": {"units": UNITS[:2], "ports": PORTS, "failed_units": ["bad.service"]}}, "verified", ""),
        (
            {"health": {"units": UNITS, "ports": PORTS, "failed_units": ["bad.service", "new.service"]}},
            "regressed",
            "new.service has failed",
        ),
        (
            {"health": {"units": UNITS, "ports": [], "failed_units": []}},
            "regressed",
            "nothing listens on tcp 80, where nginx did",
        ),
        (
            {"health": {"units": UNITS, "ports": [{**PORTS[0], "proto": "tcp6", "address": "::"}], "failed_units": []}},
            "verified",
            "",
        ),
        ({"health": {"unknown": "no systemd"}}, "active", "no systemd"),
        ({"before": {"sections": {**BEFORE["sections"], "health": {"unknown": "no"}}}}, "active", "before are unknown"),
        (
            {"checks": [CHECK], "checks_section": [{"check": "tcp 5432", "ok": False, "detail": "refused"}]},
            "regressed",
            "tcp 5432: refused",
        ),
        ({"checks": [CHECK], "checks_section": []}, "active", "there is no result"),
        ({"checks": [CHECK], "checks_section": {"unknown": "not run"}}, "active", "not run"),
        ({"checks": [CHECK], "checks_section": [{"check": "tcp 5432", "ok": None}]}, "active", "there is no result"),
    ],
)
def test_the_result_of_a_host(given: dict, status: str, part: str) -> None:
    given = dict(given)
    sections = {"health": {"units": UNITS, "ports": PORTS, "failed_units": ["bad.service"]}}
    if "checks_section" in given:
        sections["checks"] = given.pop("checks_section")
    arguments = {key: given.pop(key) for key in ("transaction", "checks", "before") if key in given}
    before = arguments.get("before", BEFORE)
    body, _left = build_plan("default", policy(), scope(["t1"], []), {"t1": BEFORE}, {}, NOW)
    lines = host_lines(body, BEFORE)[0]
    after = patched(BEFORE, lines, **{"checks": [{"check": "tcp 5432", "ok": True, "detail": ""}], **sections, **given})
    found = judge_host(before, after, lines, [], arguments.get("transaction", DONE), arguments.get("checks", ()))
    assert found.status == status, found.reasons
    assert part in "; ".join(found.reasons)
    assert bool(found.reasons) == (status != "verified")


def test_a_lost_hold_is_a_failure() -> None:
    held = {
        **BEFORE,
        "sections": {
            **BEFORE["sections"],
            "holds": [{"name": "vim", "arch": "amd64", "kind": "hold", "reason": "", "where": ""}],
        },
    }
    assert "the hold on vim is gone" in judge_host(held, patched(held, [], holds=[]), [], [], None, []).reasons


def test_newer_than_the_plan_is_verified_and_listed_as_drift() -> None:
    line = {"package": "vim", "arch": "amd64", "action": "upgrade", "version": "1.0-2", "source": "vim"}
    found = judge_host(BEFORE, patched(BEFORE, [{**line, "version": "1.0-9"}]), [line], [], DONE, [])
    assert found.status == "verified"
    assert found.drift == [{"package": "vim", "arch": "amd64", "version": "1.0-9", "planned": "1.0-2"}]


def test_a_login_on_replaced_files_is_a_note() -> None:
    after = patched(BEFORE, [], services=outdated("session-3.scope", "root"))
    found = judge_host(BEFORE, after, [], [], None, [])
    assert found.status == "verified" and found.notes == [
        "session-3.scope (p): a login keeps replaced files until its user leaves"
    ]


@pytest.mark.parametrize(("source", "status"), [("other", "verified"), ("vim", "failed")])
def test_a_new_package_may_be_left_out_where_nothing_depends_on_it(source: str, status: str) -> None:
    lines = [
        {"package": "vim", "arch": "amd64", "action": "upgrade", "version": "1.0-2", "source": "vim"},
        {"package": "vim-data", "arch": "amd64", "action": "install", "version": "1.0-2", "source": source},
    ]
    assert judge_host(BEFORE, patched(BEFORE, lines[:1]), lines, [], DONE, []).status == status


def test_a_host_that_nobody_looked_at_is_not_fine() -> None:
    assert judge_host(BEFORE, None, [], [], None, []).status == "failed"
    assert judge_host(None, BEFORE, [], [], None, []).status == "failed"


NO, UNKNOWN = (
    {"needed": "no", "reasons": [], "unknown": []},
    {
        "needed": "unknown",
        "reasons": [],
        "unknown": ["kernel"],
    },
)


def outdated(unit: str | None, user: str | None = None) -> dict:
    return {
        "outdated": [{"pid": 1, "process": "p", "unit": unit, "user": user, "files": []}],
        "complete": True,
        "reason": None,
    }


@pytest.mark.parametrize(
    ("mode", "sections", "action", "restart"),
    [
        ("when_needed", {}, "no", []),
        ("when_needed", {"reboot": YES}, "reboot", []),
        ("when_needed", {"reboot": UNKNOWN}, "unknown", []),
        ("when_needed", {"reboot": {"unknown": "x"}}, "unknown", []),
        ("when_needed", {"services": outdated("nginx.service")}, "no", ["nginx.service"]),
        ("when_needed", {"services": outdated("dbus.service")}, "reboot", []),
        ("when_needed", {"services": outdated("user@1000.service")}, "reboot", []),
        ("when_needed", {"services": outdated("nginx.service", "www-data")}, "no", ["nginx.service"]),
        ("when_needed", {"services": outdated("session-3.scope", "root")}, "no", []),
        ("when_needed", {"services": outdated("init.scope")}, "reboot", []),
        ("when_needed", {"services": outdated(None)}, "reboot", []),
        ("when_needed", {"services": {"outdated": [], "complete": False, "reason": "not root"}}, "unknown", []),
        ("when_needed", {"services": {"unknown": "x"}}, "unknown", []),
        ("when_needed", {"reboot": YES, "services": {"unknown": "x"}}, "reboot", []),
        ("never", {"reboot": YES}, "owed", []),
        ("never", {"reboot": YES, "services": outdated("nginx.service")}, "owed", ["nginx.service"]),
        ("never", {"reboot": UNKNOWN}, "unknown", []),
        ("never", {}, "no", []),
        ("always", {}, "reboot", []),
        ("always", {"reboot": UNKNOWN}, "reboot", []),
    ],
)
def test_reboot(mode: str, sections: dict, action: str, restart: list) -> None:
    found = decide_reboot(mode, state(**{"reboot": NO, **sections}))
    assert (found.action, found.restart) == (action, restart)
    assert bool(found.reasons) == (action != "no")
