# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What hosts say beyond packages: recorded output, and text that is hostile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.lockstep.patching.plugins.module_utils._model import rules
from ansible_collections.lockstep.patching.plugins.module_utils._parse import (
    addresses,
    bundles,
    container_lists,
    declared,
    dmi,
    dpkg_search,
    firewall,
    languages,
    proc,
    settings,
)

FIXTURES = next(folder for folder in Path(__file__).resolve().parents if folder.name == "tests") / "fixtures" / "host"


def recorded(name: str) -> str:
    return (FIXTURES / name).read_text()


def test_addresses_that_others_reach() -> None:
    assert addresses.parse_addresses(recorded("ip-addr.json")) == [
        {"name": "host0", "mac": "06:2f:01:7a:0b:9e", "addresses": ["10.144.77.11/24"]}
    ]
    assert addresses.parse_gateways('[{"dst":"default","gateway":"10.0.0.1","dev":"eth0"}]') == ["10.0.0.1"]
    assert addresses.parse_gateways("") == []


@pytest.mark.parametrize("text", ["garbage", '{"a": 1}'])
def test_what_is_not_ips_json_is_an_error_and_no_empty_list(text: str) -> None:
    with pytest.raises(ValueError):
        addresses.parse_addresses(text)


@pytest.mark.parametrize(
    ("name", "tool", "verdict"), [("nft-ufw.json", "ufw", "drop"), ("nft-firewalld.json", "firewalld", "reject")]
)
def test_firewalls_that_are_on(name: str, tool: str, verdict: str) -> None:
    assert firewall.parse_nft(recorded(name)) == {
        "active": True,
        "tool": tool,
        "input": {"ip": verdict, "ip6": verdict},
    }


def ruleset(policy: str, *rules_of_input: list[Any]) -> str:
    chain = {"family": "inet", "table": "t", "name": "in", "type": "filter", "hook": "input", "policy": policy}
    rows = [{"rule": {"family": "inet", "table": "t", "chain": "in", "expr": expr}} for expr in rules_of_input]
    other = {"rule": {"family": "inet", "table": "t", "chain": "other", "expr": [{"drop": None}]}}
    return json.dumps({"nftables": [{"metainfo": {}}, {"chain": chain}, *rows, other]})


@pytest.mark.parametrize(
    ("text", "active", "verdict"),
    [
        ('{"nftables": [{"metainfo": {}}]}', False, "accept"),
        (ruleset("accept"), False, "accept"),
        (ruleset("drop"), True, "drop"),
        (ruleset("accept", [{"match": {}}, {"drop": None}]), True, "accept"),
        (ruleset("accept", [{"counter": {}}, {"reject": None}]), True, "reject"),
        (ruleset("accept", [{"jump": {"target": "other"}}]), True, "accept"),
        (ruleset("accept", [{"jump": {"target": "in"}}]), False, "accept"),
        (ruleset("accept", [{"jump": {"target": "in"}}], ["accept", 3]), False, "accept"),
    ],
)
def test_what_a_ruleset_does_with_what_comes_in(text: str, active: bool, verdict: str) -> None:
    told = firewall.parse_nft(text)
    assert (told["active"], told["input"]) == (active, {"ip": verdict, "ip6": verdict})


@pytest.mark.parametrize("text", ["", "[]", '{"nftables": 3}'])
def test_a_ruleset_that_cannot_be_read_is_no_open_firewall(text: str) -> None:
    with pytest.raises(ValueError):
        firewall.parse_nft(text)


def test_iptables_says_the_same_as_nft() -> None:
    told = firewall.parse_iptables(recorded("iptables-S-ufw.txt"), recorded("ip6tables-S-ufw.txt"))
    assert told == firewall.parse_nft(recorded("nft-ufw.json"))
    nothing = "-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n"
    assert not firewall.parse_iptables(nothing, None)["active"]


def test_sshd_settings() -> None:
    told = settings.parse_sshd(recorded("sshd-T.txt"))
    assert told["permitrootlogin"] == "without-password" and told["passwordauthentication"] == "yes"
    assert told["listenaddress"] == "[::]:22, 0.0.0.0:22" and "kexalgorithms" not in told


def test_units_that_are_not_there_are_left_out() -> None:
    assert settings.parse_units(recorded("systemctl-show.txt")) == {
        "apt-daily-upgrade.timer": {"loaded": False, "active": False, "enabled": False},
        "chrony.service": {"loaded": True, "active": False, "enabled": True},
        "fail2ban.service": {"loaded": True, "active": True, "enabled": True},
    }


ON = {"loaded": True, "active": True, "enabled": True}
OFF = {"loaded": True, "active": False, "enabled": False}


@pytest.mark.parametrize(
    ("units", "apt", "applies", "installs"),
    [
        ({}, None, None, False),
        ({"apt-daily-upgrade.timer": ON}, {"apt::periodic::unattended-upgrade": "1"}, None, True),
        ({"apt-daily-upgrade.timer": OFF}, {"apt::periodic::unattended-upgrade": "1"}, None, False),
        ({"apt-daily-upgrade.timer": ON}, {"apt::periodic::unattended-upgrade": "0"}, None, False),
        ({"apt-daily-upgrade.timer": ON}, {}, None, False),
        (
            {"apt-daily-upgrade.timer": ON},
            {"apt::periodic::enable": "0", "apt::periodic::unattended-upgrade": "1"},
            None,
            False,
        ),
        ({"dnf-automatic.timer": ON}, None, "yes", True),
        ({"dnf-automatic.timer": ON}, None, "no", False),
        ({"dnf-automatic.timer": ON}, None, None, False),
        ({"dnf-automatic-install.timer": ON}, None, "no", True),
        ({"transactional-update.timer": ON}, None, None, True),
    ],
)
def test_whether_automatic_updates_would_fight(units: Any, apt: Any, applies: Any, installs: bool) -> None:
    told = settings.automatic(units, apt, applies)
    assert told["installs"] is installs and (told["fights"] is not None) is installs


def test_recorded_apt_settings() -> None:
    told = settings.parse_apt_config(recorded("apt-config-dump.txt"))
    assert told["apt::periodic::enable"] == "0" and told["apt::periodic::unattended-upgrade"] == "1"
    assert settings.parse_ini_value(
        "[commands]\n# apply_updates = no\napply_updates = yes\n", "commands", "apply_updates"
    )


def test_small_files_of_the_kernel() -> None:
    assert settings.parse_lockdown("none [integrity] confidentiality\n") == "integrity"
    assert settings.parse_lockdown("") is None
    modes = (("1\n", ""), ("0", ""), (None, "SELINUX=disabled"), (None, None))
    told = [settings.parse_selinux(*given) for given in modes]
    assert told == ["enforcing", "permissive", "disabled", None]
    profiles = "/usr/bin/man (enforce)\nlsb_release (complain)\n/usr/sbin/ntpd (enforce)\n"
    assert settings.parse_profiles(profiles) == {"enforce": 2, "complain": 1}
    assert {row[3] for row in settings.parse_mounts(recorded("mountinfo-nspawn.txt"))} == {"/dev/vda"}
    line = "22 1 253:0 / / rw - ext4 /dev/mapper/root rw\n"
    assert settings.parse_mounts(line) == [("/", "253:0", "ext4", "/dev/mapper/root")]


def test_podman_and_docker() -> None:
    (image,) = container_lists.parse_podman_images(recorded("podman-images.json"))
    assert image["names"] == ["localhost/lab/tiny:1"] and image["id"].startswith("640699f9")
    (running,) = container_lists.parse_podman_containers(recorded("podman-ps.json"))
    assert running == {"name": "tiny1", "image": "localhost/lab/tiny:1", "image_id": image["id"]}
    (image,) = container_lists.parse_docker_images(recorded("docker-images.txt"))
    assert image["names"] == ["lab/tiny:1"] and image["digests"] == [] and ":" not in image["id"]
    containers = container_lists.parse_docker_containers(recorded("docker-ps-a.txt"))
    assert {row["image"] for row in containers} == {"lab/tiny:1"}
    assert container_lists.parse_cri_images('{"images":[{"id":"sha256:ab","repoTags":["r:1"],"repoDigests":[]}]}') == [
        {"id": "ab", "names": ["r:1"], "digests": []}
    ]


@pytest.mark.parametrize("text", ["[3, null]", '[{"Id": 3, "Names": "x"}]', '[{"Id": "a", "Names": [1, null]}]'])
def test_odd_json_of_an_engine_breaks_nothing(text: str) -> None:
    assert all(row["names"] == [] for row in container_lists.parse_podman_images(text))


def test_snaps_and_flatpaks() -> None:
    (flatpak,) = bundles.parse_flatpaks(recorded("flatpak-list.txt"))
    assert flatpak == {"name": "org.lab.Tool", "version": "", "branch": "1.4", "arch": "x86_64", "origin": "lab"}
    table = "Name    Version   Rev    Tracking       Publisher    Notes\n"
    table += "core20  20230622  1974   latest/stable  canonical**  base\nx  1  2  -  -  disabled,classic\n"
    rows = bundles.parse_snaps(table)
    assert [(row["name"], row["publisher"], row["disabled"]) for row in rows] == [
        ("core20", "canonical", False),
        ("x", "", True),
    ]
    assert bundles.parse_snaps("") == []


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("packageurl_python-0.17.6.dist-info", ("packageurl-python", "0.17.6")),
        ("Flask-2.0.egg-info", ("flask", "2.0")),
        ("python_apt-2.6.0-py3.11.egg-info", ("python-apt", "2.6.0")),
        ("zope.interface-5.0.dist-info", ("zope-interface", "5.0")),
        ("six.py", None),
        ("../../etc-1.dist-info", None),
    ],
)
def test_names_of_pip_folders(name: str, told: Any) -> None:
    assert languages.pip_folder(name) == told


def test_gems_and_npm_packages() -> None:
    assert languages.gem_file("lab-tool-1.2.3.gemspec") == ("lab-tool", "1.2.3")
    assert languages.gem_file("nokogiri-1.15.0-x86_64-linux.gemspec") == ("nokogiri", "1.15.0")
    assert languages.gem_file("README.gemspec") is None
    assert languages.npm_manifest('{"name": "@a/b", "version": "1.0.0"}') == ("@a/b", "1.0.0")
    assert languages.npm_manifest('{"name": 3}') is None


def test_packages_of_paths() -> None:
    told = dpkg_search.parse_search(recorded("dpkg-query-S.txt"))
    assert told == {
        "/bin/sh": ["dash"],
        "/lib/x86_64-linux-gnu/libc.so.6": ["libc6"],
        "/usr/sbin/nginx": ["nginx"],
        "/etc/ssh": ["openssh-client", "openssh-server"],
    }


def test_mapped_programs_and_libraries() -> None:
    files = proc.mapped_files((FIXTURES / "maps-pid1.txt").read_bytes())
    assert "/usr/lib/x86_64-linux-gnu/libc.so.6" in files and all(path.startswith("/usr/") for path in files)
    gone = b"7f00-7f01 r-xp 00000000 00:01 7    /usr/lib/x.so (deleted)\n"
    assert proc.mapped_files(gone) == {"/usr/lib/x.so"}
    assert proc.mapped_files(b"7f00-7f01 rw-p 00000000 00:01 7    /usr/lib/x.so\n") == set()


@pytest.mark.parametrize(
    ("text", "regex", "version"),
    [
        ("BusyBox v1.35.0 (Debian)", r"v(\S+)", "1.35.0"),
        ("agent 7", None, "agent"),
        ("no number", r"v(\d+)", None),
        ("", None, None),
        ("x" * 20000 + "v1", r"v(\d)", None),
    ],
)
def test_versions_in_what_a_program_says(text: str, regex: str | None, version: str | None) -> None:
    assert declared.version_in(text, regex) == version


@pytest.mark.parametrize(
    ("software", "agents", "part"),
    [
        ([{"name": "a", "path": "opt/a"}], [], "absolute path"),
        ([{"name": "a", "path": "/a", "command": "rm -rf /"}], [], "no shell"),
        ([{"name": "a", "path": "/a", "command": ["a"]}], [], "no shell"),
        ([{"name": "a", "path": "/a", "command": ["/a"], "file": "/b"}], [], "either"),
        ([{"name": "a", "path": "/a", "regex": "("}], [], "regular expression"),
        ([{"name": "a", "path": "/a", "exec": "x"}], [], "no key exec"),
        ([], [{"name": "a"}], "a unit, a process or a path"),
    ],
)
def test_rules_that_cannot_be_used(software: Any, agents: Any, part: str) -> None:
    assert any(part in text for text in rules.problems(software, agents))


def test_firmware_and_clouds() -> None:
    assert [dmi.meaningful(text) for text in ("To Be Filled By O.E.M.\n", "0", "....", "ABC123\n", "\x1b[31m")] == [
        None,
        None,
        None,
        "ABC123",
        "?[31m",
    ]
    assert dmi.cloud_of_firmware({"sys_vendor": "Amazon EC2"}) == "aws"
    assert dmi.cloud_of_firmware({"chassis_asset_tag": "7783-7084-3265-9085-8269-3286-77"}) == "azure"
    assert dmi.cloud_of_firmware({"sys_vendor": "QEMU"}) is None
    v1 = {"cloud_name": "aws", "instance_id": "i-1", "region": "eu-1", "availability_zone": "eu-1a"}
    assert dmi.parse_instance(json.dumps({"v1": v1})) == {
        "provider": "aws",
        "instance_id": "i-1",
        "region": "eu-1",
        "zone": "eu-1a",
        "type": None,
    }
    assert dmi.parse_instance('{"v1": {"cloud_name": "nocloud"}}') is None
    assert dmi.parse_memory("MemTotal:       1024 kB\nMemFree: 1 kB\n") == 1048576
