# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Standards, the way to one version, and ends of support."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy import control_rules, standards
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.software import Item, items_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.standards_file import load_eol, load_standards

SHIPPED = Path(standards.__file__).with_name("eol.yml")
NOW = 1_795_219_200_000  # 2026-11-21
WEB = """\
standards:
  - name: web
    for: web
    os: debian 12
    kernel: 6.1
    packages:
      required: [openssh-server, {name: nginx, version: ">=1.22, <2"}]
      forbidden: [telnetd, {name: openssl, version: "<3.0.11"}]
    repositories: [{origin: Debian}, {label: "Acme*"}]
    controls: {firewall: closed, updates: off, sshd: {permitrootlogin: [no, prohibit-password]}, agents: [ClamAV]}
"""
CONTROLS = {
    "firewall": {"active": True, "tool": "nftables", "input": {"ip": "drop", "ip6": "drop"}},
    "updates": {"installs": False, "tools": [], "fights": None},
    "sshd": {"permitrootlogin": "no"},
    "agents": [{"name": "ClamAV", "kind": "antivirus", "running": True}],
}


def package(name: str, version: str) -> dict[str, Any]:
    row = {"name": name, "version": version, "arch": "amd64", "source": name, "source_version": version}
    return {**row, "auto": False, "status": "installed", "vendor": ""}


def state(**changed: Any) -> dict[str, Any]:
    sections = {
        "os": {"id": "debian", "version": "12"},
        "manager": {"name": "apt"},
        "boot": {"kernel": "own", "kernel_running": "6.1.0-18-amd64"},
        "packages": [package("openssh-server", "1:9.2-1"), package("nginx", "1.22.1-9")],
        "indexes": [{"origin": "Debian", "label": "Debian", "codename": "bookworm", "component": "main"}],
        "controls": CONTROLS,
    }
    return {"meta": {"look_ms": 1, "parts_ms": {}, "imported": None}, "sections": {**sections, **changed}}


def off(text: str = WEB, **changed: Any) -> list[tuple[str, str, bool]]:
    (standard,) = load_standards(text, "s.yml")
    host = state(**changed)
    rows = standards.deviations(standard, "a", host, items_of("a", host))
    return [(row.what, row.name, row.unknown) for row in rows]


def test_a_host_as_the_standard_wants_it() -> None:
    assert off() == []


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({"os": {"id": "debian", "version": "11"}}, [("os", "release", False)]),
        ({"boot": {"kernel": "own", "kernel_running": "6.12.1"}}, [("kernel", "running", False)]),
        ({"boot": {"unknown": "no"}}, [("kernel", "running", True)]),
        ({"boot": {"kernel": "not_applicable", "kernel_running": "5.0"}}, []),
        ({"packages": [package("nginx", "1.22-1")]}, [("package", "openssh-server", False)]),
        ({"packages": [package("openssh-server", "1-1"), package("nginx", "2.1-1")]}, [("package", "nginx", False)]),
        (
            {"packages": [*state()["sections"]["packages"], package("telnetd", "1-1"), package("openssl", "3.0.9-1")]},
            [("package", "telnetd", False), ("package", "openssl", False)],
        ),
        ({"packages": {"unknown": "dpkg is broken"}}, [("host", "a", True)]),
        ({"indexes": {"unknown": "x"}}, [("repository", "all", True)]),
        (
            {"indexes": [{"origin": "Evil", "label": "E", "codename": "x", "component": "main"}]},
            [("repository", "Evil/E/x/main", False)],
        ),
        ({"indexes": [{"origin": "A", "label": "Acme 2", "codename": "x", "component": "y"}]}, []),
        ({"controls": {**CONTROLS, "firewall": {"unknown": "no nft"}}}, [("control", "firewall", True)]),
        (
            {"controls": {"unknown": "x"}},
            [("control", name, True) for name in ("firewall", "updates", "sshd", "agents")],
        ),
    ],
)
def test_how_far_a_host_is(changed: dict[str, Any], wanted: list[Any]) -> None:
    assert off(**changed) == wanted


def test_a_host_that_nobody_looked_at_is_unknown() -> None:
    (standard,) = load_standards(WEB, "s.yml")
    assert [row.unknown for row in standards.deviations(standard, "a", None, [])] == [True]


OPEN = {"active": True, "tool": "x", "input": {"ip": "drop", "ip6": "accept"}}


@pytest.mark.parametrize(
    ("name", "wanted", "found", "fits"),
    [
        ("firewall", "active", OPEN, True),
        ("firewall", "closed", OPEN, False),
        ("firewall", "active", {"active": False, "tool": None, "input": {}}, False),
        ("selinux", "enforcing", {"mode": "permissive"}, False),
        ("selinux", "enforcing", {"mode": None}, False),
        ("apparmor", "enabled", {"enabled": True, "enforce": 3, "complain": 0}, True),
        ("updates", "off", {"installs": True}, False),
        ("encryption", "root", {"root": False, "mounts": []}, False),
        ("encryption", "root", {"not_applicable": "container"}, True),
        ("time", "synchronised", {"tool": None, "synchronised": True}, True),
        ("sshd", {"permitrootlogin": False}, {"permitrootlogin": "no"}, True),
        ("sshd", {"permitrootlogin": "no"}, {"permitrootlogin": "yes"}, False),
        ("sshd", {"permitrootlogin": "no"}, None, True),
        ("agents", ["ClamAV"], [{"name": "ClamAV", "kind": "", "running": False}], False),
    ],
)
def test_controls(name: str, wanted: Any, found: Any, fits: bool) -> None:
    assert (control_rules.judge(name, wanted, {name: found}) is None) is fits


@pytest.mark.parametrize("lockdown", ["integrity", "confidentiality"])
def test_a_stricter_lockdown_fits_too(lockdown: str) -> None:
    assert control_rules.judge("lockdown", "integrity", {"kernel": {"lockdown": lockdown}}) is None


def item(host: str, name: str, version: str, release: str = "debian 12", in_use: str = "yes") -> Item:
    return Item(host, "deb", name, version, "amd64", name, "", release, in_use, "no", "", 1, False)


def test_the_fewest_changes_never_go_back() -> None:
    (standard,) = load_standards(WEB, "s.yml")
    items = [
        item("a", "nginx", "1.22-1"), item("b", "nginx", "1.24-1"), item("c", "nginx", "1.22-2", in_use="no"),
        item("d", "nginx", "2.1-1"), item("e", "nginx", "1.18-1", "debian 11"),
        item("a", "vim", "9-1"), item("b", "vim", "9-1"), item("a", "x", "bad version"), item("b", "x", "1"),
    ]  # fmt: skip
    (change,) = standards.changes(standard, items)
    assert (change.name, change.version, change.hosts, change.of) == ("nginx", "1.24-1", ("a", "c"), 4)
    assert change.has == ("1.22-1", "1.22-2") and change.unused == 1


def test_a_host_with_two_kernels_has_the_newer_one() -> None:
    (standard,) = load_standards(WEB, "s.yml")
    items = [item("a", "kernel", "1-1"), item("a", "kernel", "2-1"), item("b", "kernel", "2-1")]
    assert standards.changes(standard, items) == []


def test_ends_of_support_that_ship() -> None:
    data = load_eol(SHIPPED.read_text(), "eol.yml")
    assert all(row["source"].startswith("https://") for row in [*data["releases"], *data["packages"]])
    releases = {"a": "debian 11", "b": "debian 13", "c": "plan9 4"}
    rows = standards.endings(data, releases, [item("b", "libssl1.1", "1.1.1-1")], NOW, 180)
    assert [(row.name, row.stage, row.hosts, row.days < 0) for row in rows] == [
        ("libssl1.1", "support", ("b",), True),
        ("debian 11", "support", ("a",), True),
        ("debian 11", "long-term support", ("a",), True),
    ]


@pytest.mark.parametrize(("days", "listed"), [(200, True), (100, False)])
def test_what_ends_soon_is_listed_ahead(days: int, listed: bool) -> None:
    text = 'checked: "2026-11-21"\nreleases: [{release: "debian 1*", ends: "2027-04-30", source: x}]\n'
    assert bool(standards.endings(load_eol(text, "e"), {"a": "debian 12"}, [], NOW, days)) is listed


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (WEB.replace("kernel: 6.1", "kernal: 6.1"), "s.yml:5: "),
        (WEB.replace(">=1.22, <2", ">>1"), "s.yml:7: standards[0].packages.required[1]: '>>1' is no version range"),
        (WEB.replace("closed", "shut"), "s.yml:10: "),
        (WEB + WEB.partition("\n")[2], "two standards are called 'web'"),
        ("", "the file is empty"),
        ("standards: [", "not valid YAML"),
    ],
)
def test_mistakes_have_file_and_line(text: str, part: str) -> None:
    with pytest.raises(LockstepError) as caught:
        load_standards(text, "s.yml")
    assert part in str(caught.value)


def test_a_day_that_is_none() -> None:
    with pytest.raises(LockstepError, match="(?s)e:2: .*no day of the calendar"):
        load_eol('checked: "2026-11-21"\nreleases: [{release: x, ends: "2026-02-30", source: y}]\n', "e")
