# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lab's decisions and texts; nothing here needs root or makes a host."""

from __future__ import annotations

import ipaddress
import json
import struct
import threading
import time
from pathlib import Path

import pytest
import yaml
from lab import (
    aptsources,
    bases,
    catalogue,
    check,
    cli,
    debs,
    disks,
    firewall,
    indexes,
    inventory,
    layers,
    names,
    network,
    procs,
    shell,
    state,
    vmdisks,
    wishes,
)
from lab.aptsources import Source
from lab.errors import LabError

DEB822 = """\
# the archive
Types: deb deb-src
URIs: http://mirror.test/debian/
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.test/debian-security
Suites: bookworm-security
Components: main

Types: deb
URIs: http://other.test/off
Suites: bookworm
Components: main
Enabled: no

Types: deb-src
URIs: http://other.test/src
Suites: bookworm
Components: main
"""


def test_deb822_sources_leave_out_disabled_and_source_entries():
    found = aptsources.parse_deb822(DEB822)
    assert [(s.uri, s.suite) for s in found] == [
        ("http://mirror.test/debian", "bookworm"),
        ("http://mirror.test/debian", "bookworm-updates"),
        ("http://mirror.test/debian-security", "bookworm-security"),
    ]
    assert found[0].components == ("main", "contrib")
    assert found[0].signed_by.endswith("debian-archive-keyring.gpg")


def test_deb822_key_inside_the_file_is_not_taken_for_a_path():
    text = "Types: deb\nURIs: http://m.test/d\nSuites: s\nComponents: main\nSigned-By:\n -----BEGIN\n .\n x\n"
    assert aptsources.parse_deb822(text) == [Source("http://m.test/d", "s", ("main",), "")]


def test_one_line_sources():
    text = """
# deb http://commented.test/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://mirror.test/debian/ bookworm main # why
deb-src http://mirror.test/debian bookworm main
deb cdrom:[Debian]/ bookworm main
deb http://sec.test/s bookworm-security main contrib
"""
    assert aptsources.parse_one_line(text) == [
        Source("http://mirror.test/debian", "bookworm", ("main",), "/k.gpg"),
        Source("http://sec.test/s", "bookworm-security", ("main", "contrib"), ""),
    ]


def test_archives_are_the_machines_own():
    archives = aptsources.choose_archives(aptsources.parse_deb822(DEB822), "bookworm")
    assert archives.main == "http://mirror.test/debian"
    assert archives.security == "http://mirror.test/debian-security"


def test_security_archive_is_looked_for_beside_the_main_one():
    sources = [Source("http://mirror.test/debian", "trixie", ("main",), "")]
    assert aptsources.choose_archives(sources, "trixie").security == "http://mirror.test/debian-security"


def test_machine_without_its_own_suite_is_told_so():
    with pytest.raises(LabError, match="noble"):
        aptsources.choose_archives(aptsources.parse_deb822(DEB822), "noble")


def test_both_styles_are_read_from_a_folder(tmp_path):
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text("deb http://a.test/d x main\n")
    (tmp_path / "sources.list.d" / "b.sources").write_text(DEB822)
    (tmp_path / "sources.list.d" / "c.sources.disabled").write_text(DEB822)
    assert len(aptsources.machine_sources(tmp_path)) == 4


def test_recipe_digest_changes_with_what_is_in_it_only():
    recipe = bases.recipe_for("bookworm")
    assert recipe.digest() == bases.recipe_for("bookworm").digest()
    assert recipe.digest() != bases.recipe_for("trixie").digest()
    assert recipe.digest() != bases.recipe_for("bookworm", ["tree"]).digest()
    assert recipe.digest() != recipe._replace(setup="true").digest()
    assert recipe._replace(packages=recipe.packages[::-1]).digest() == recipe.digest()


def test_unknown_release_names_the_known_ones():
    with pytest.raises(LabError, match="bookworm"):
        bases.recipe_for("buzz")


@pytest.mark.parametrize("seed", ["a", "b", "1234abcd"])
def test_subnet_is_a_free_private_24(seed):
    subnet = network.pick_subnet(seed, [])
    net = ipaddress.ip_network(subnet)
    assert net.prefixlen == 24 and net.is_private and str(net).startswith("10.")
    assert network.pick_subnet(seed, []) == subnet


def test_subnet_avoids_networks_addresses_and_nameservers():
    first = network.pick_subnet("x", ["fd00::/64", "192.0.2.0/24", "0.0.0.0/0"])
    second = network.pick_subnet("x", [first])
    third = network.pick_subnet("x", [first, str(ipaddress.ip_network(second)[53])])
    assert len({first, second, third}) == 3
    lower_half = network.pick_subnet("x", ["10.128.0.0/9"])
    assert ipaddress.ip_network(lower_half).subnet_of(ipaddress.ip_network("10.0.0.0/9"))


def test_no_subnet_left_is_an_error():
    with pytest.raises(LabError, match="free"):
        network.pick_subnet("x", ["10.0.0.0/8"])


def test_addresses_fill_gaps_and_end():
    assert network.pick_address("10.1.2.0/24", []) == "10.1.2.11"
    assert network.pick_address("10.1.2.0/24", ["10.1.2.11", "10.1.2.13"]) == "10.1.2.12"
    with pytest.raises(LabError, match="240"):
        network.pick_address("10.1.2.0/24", [f"10.1.2.{i}" for i in range(256)])


def test_loopback_and_odd_nameservers_are_left_out():
    text = "# x\nnameserver 127.0.0.53\nnameserver 10.9.9.9\nnameserver fe80::1\nnameserver what\nsearch a\n"
    assert network.parse_nameservers(text) == ["10.9.9.9"]


@pytest.mark.parametrize("lab", ["a", "a-very-long-lab-name-of-forty-characters"])
def test_kernel_names_fit(lab):
    found = names.lab_names(lab)
    assert len(found.bridge) <= 15
    assert len(found.veth(0xFFF) + "p") <= 15
    assert len(found.machine("h" * 40)) <= 64


def test_labs_in_different_folders_do_not_share_names(monkeypatch, tmp_path):
    first = names.lab_names("demo")
    monkeypatch.setenv("LOCKSTEP_LAB_DIR", str(tmp_path))
    assert names.lab_names("demo").bridge != first.bridge
    assert names.lab_names("demo").state == tmp_path / "demo"


@pytest.mark.parametrize("bad", ["", "../x", "A", "a/b", "-a", "x" * 41, "a b"])
def test_bad_names_are_refused(bad):
    with pytest.raises(LabError, match="cannot be used"):
        names.check_name("lab", bad)


def test_nft_rules_let_out_names_and_mirror_only():
    text = firewall.nft_rules("lslab_x", "lslab-x", "10.1.2.0/24", ["10.9.9.9"], [80, 3142])
    assert "table ip lslab_x" in text
    assert "ip daddr { 10.9.9.9 } meta l4proto { tcp, udp } th dport 53 accept" in text
    assert "tcp dport { 80, 3142 } accept" in text
    assert text.index("dport { 80") < text.index("reject")
    assert "dport 53" not in firewall.nft_rules("t", "b", "10.1.2.0/24", [], [80])


def test_iptables_rules_end_in_reject_before_they_are_hooked_in():
    rules = firewall.iptables_rules("lslab_x", "lslab-x", "10.1.2.0/24", ["10.9.9.9"], [80])
    flat = [" ".join(rule) for rule in rules]
    assert flat.index("-A lslab_x -j REJECT") < flat.index("-I FORWARD -i lslab-x -j lslab_x")


@pytest.mark.parametrize(
    ("uris", "ports"),
    [(["http://a/x", "http://b:3142"], [80, 3142]), (["https://a/x"], [443]), ([], [])],
)
def test_ports(uris, ports):
    assert firewall.ports_of(uris) == ports


def test_proxy_lines_only():
    dump = 'Acquire "";\nAcquire::http "";\nAcquire::http::Proxy "http://p.test:3142";\nAPT::X "1";\n'
    assert layers.proxy_settings(dump) == 'Acquire::http::Proxy "http://p.test:3142";\n'


def test_control_file_has_no_empty_fields_and_takes_extra_ones():
    text = debs.control_file(debs.Spec("lab-x", "1.0", fields=(("Provides", "x"), ("Priority", "required"))))
    assert text.startswith("Package: lab-x\nVersion: 1.0\nArchitecture: all\n")
    assert "Depends" not in text and "Source" not in text
    assert "Provides: x\n" in text and text.count("Priority") == 1
    assert all(": " in line or line.startswith(" ") for line in text.splitlines())


def test_failing_postinst_comes_before_the_service_is_touched():
    text = debs.scripts(debs.Spec("lab-x", "1.0", service=True, postinst="exit 1"))["postinst"]
    assert text.index("exit 1") < text.index("deb-systemd-invoke")
    assert debs.scripts(debs.Spec("lab-x", "1.0")) == {}


def test_equal_descriptions_have_equal_digests():
    spec = debs.Spec("lab-x", "1.0")
    assert spec.digest() == debs.Spec("lab-x", "1.0").digest() != spec._replace(size=1).digest()


def test_built_package_is_what_was_described(monkeypatch, tmp_path):
    monkeypatch.setenv("LOCKSTEP_LAB_CACHE", str(tmp_path))
    spec = catalogue.spec("lab-conf", "1.1")._replace(size=1000)
    first = debs.build(spec)
    before = first.path.read_bytes()
    first.path.unlink()
    assert debs.build(spec).path.read_bytes() == before, "the same description gives the same bytes"
    from lab.shell import run

    listing = run(["dpkg-deb", "-c", str(first.path)]).stdout
    assert "./etc/lab-conf.conf" in listing and " 1000 " in listing and "root/root" in listing
    assert "/etc/lab-conf.conf" in run(["dpkg-deb", "-I", str(first.path), "conffiles"]).stdout


def test_first_versions_have_no_faults():
    faults = catalogue.Faults(broken="1.0", slow_seconds=30)
    assert not any("exit 1" in s.postinst or "sleep" in s.postinst for s in catalogue.standard("1.0", faults))
    later = {s.name: s for s in catalogue.standard("1.1", faults._replace(broken="1.1"))}
    assert "exit 1" in later["lab-broken"].postinst
    assert "sleep 30" in later["lab-slow"].postinst
    assert "reboot-required" in later["lab-boot"].postinst
    assert later["lab-app"].depends == "lab-lib (= 1.1)"


def test_unknown_standard_package_names_the_known_ones():
    with pytest.raises(LabError, match="not a standard"):
        catalogue.spec("lab-nope", "1")


def test_release_file_says_who_and_how_long():
    archive = indexes.ARCHIVES["security"]
    text = indexes.release_file(archive, [("main/binary-amd64/Packages", b"x")], 0, 60)
    assert "Label: Lockstep-Lab-Security\n" in text and "Codename: lab-security\n" in text
    assert "Date: Thu, 01 Jan 1970 00:00:00 GMT\n" in text and "Valid-Until: Thu, 01 Jan 1970 00:01:00 GMT\n" in text
    assert text.endswith(" 1 main/binary-amd64/Packages\n")
    assert "Valid-Until" not in indexes.release_file(archive, [], 0, None)


def test_packages_file_has_checksum_and_phase(tmp_path):
    (tmp_path / "x.deb").write_bytes(b"abc")
    item = {"name": "x", "version": "1", "control": "Package: x\n", "file": "x.deb", "phased": 10}
    text = indexes.packages_file([item], tmp_path)
    assert "Size: 3\n" in text and "SHA256: ba7816bf" in text and "Phased-Update-Percentage: 10\n" in text
    assert "Phased" not in indexes.packages_file([{**item, "phased": None}], tmp_path)


def test_inventory_has_only_the_labs_hosts_and_keeps_its_settings_to_them():
    found = names.lab_names("demo")
    text = inventory.inventory_text(
        found, {"a": {"address": "10.1.2.11", "release": "bookworm"}}, {"ring_test": ["a"], "empty": []}
    )
    data = yaml.safe_load(text)
    assert set(data) == {"all"} and set(data["all"]) == {"children"}
    groups = data["all"]["children"]
    assert groups["lockstep_lab"]["hosts"] == {"a": {"ansible_host": "10.1.2.11"}}
    assert groups["lockstep_lab"]["vars"]["ansible_user"] == "root"
    assert groups["ring_test"]["hosts"] == {"a": {}} and groups["empty"]["hosts"] == {}


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        (["a", "b"], {"a": ("bookworm", ""), "b": ("bookworm", "")}),
        ({"a": "trixie"}, {"a": ("trixie", "")}),
        ({"a": {"disk": "600M"}, "b": None}, {"a": ("bookworm", "600M"), "b": ("bookworm", "")}),
    ],
)
def test_ways_to_ask_for_hosts(hosts, expected):
    found = wishes.normalise_hosts(hosts, "bookworm", "")
    assert {name: (entry["release"], entry["disk"]) for name, entry in found.items()} == expected


@pytest.mark.parametrize("hosts", [[], ["A B"], {"a": {"colour": "red"}}, {"a": "warty"}, {"a": {"disk": "9"}}])
def test_bad_wishes_are_refused(hosts):
    with pytest.raises(LabError):
        wishes.normalise_hosts(hosts, "bookworm", "")


def test_groups_merge_and_know_their_hosts():
    hosts = wishes.normalise_hosts({"a": {"groups": ["g"]}, "b": {}}, "bookworm", "")
    assert wishes.merge_groups(hosts, {"g": ["b"], "h": []}) == {"g": ["b", "a"], "h": []}
    with pytest.raises(LabError, match="stranger"):
        wishes.merge_groups(hosts, {"g": ["stranger"]})


@pytest.mark.parametrize(("text", "size"), [("64M", 64 << 20), ("2G", 2 << 30), ("100000000", 100000000)])
def test_sizes(text, size):
    assert disks.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "1M", "600 M", "-1G", "huge"])
def test_bad_sizes(text):
    with pytest.raises(LabError, match="64M"):
        disks.parse_size(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", ("a", {"groups": []})),
        ("a:trixie@g@h", ("a", {"base": "trixie", "groups": ["g", "h"]})),
        ("a@g", ("a", {"groups": ["g"]})),
    ],
)
def test_host_argument(text, expected):
    assert cli.parse_host(text) == expected


def test_state_of_another_version_is_not_guessed_at(monkeypatch, tmp_path):
    monkeypatch.setenv("LOCKSTEP_LAB_DIR", str(tmp_path))
    found = names.lab_names("old")
    assert state.load(found) == {}
    found.state.mkdir()
    (found.state / "state.json").write_text(json.dumps({"schema": 0}))
    with pytest.raises(LabError, match="another version"):
        state.load(found)
    (found.state / "state.json").write_text("{")
    with pytest.raises(LabError, match="cannot be read"):
        state.load(found)


def test_not_root_is_said_first(monkeypatch):
    monkeypatch.setattr(check.os, "geteuid", lambda: 1000)
    assert [p.what for p in check.problems()] == ["not root"]


def test_missing_commands_become_packages_with_their_line(monkeypatch):
    monkeypatch.setattr(check.os, "geteuid", lambda: 0)
    monkeypatch.setattr(check.shutil, "which", lambda command: None if command != "iptables" else "/sbin/iptables")
    assert "nftables" not in check.missing_packages(), "iptables stands in for nft"
    assert "mmdebstrap" in check.missing_packages()
    assert "systemd-container" in check.install_line(check.missing_packages())


def test_an_error_ends_with_the_next_step():
    assert str(LabError("it broke", "mend it")) == "it broke\n  next: mend it"
    assert str(LabError("it broke")) == "it broke"


def test_a_process_that_never_was_is_gone():
    assert procs.is_gone(2**22 + 1)
    assert procs.environment(2**22 + 1) == {}
    assert procs.pid_in_namespace(2**22 + 1) == 0


def test_a_host_keeps_the_layers_it_was_made_with(tmp_path):
    first, newer = [Path("/cache/warm-1"), Path("/cache/base")], [Path("/cache/warm-2"), Path("/cache/base")]
    assert disks.keep_lowers(tmp_path, first) == first
    assert disks.keep_lowers(tmp_path, newer) == first


def test_nothing_is_deleted_through_a_mount():
    with pytest.raises(LabError, match="mounted there"):
        shell.remove_tree(Path("/proc"))


def test_lock_outlives_the_deletion_of_its_file(tmp_path):
    path, order = tmp_path / "x.lock", []
    with shell.locked(path):
        waiter = threading.Thread(target=lambda: _take(path, order))
        waiter.start()
        while not order:
            time.sleep(0.01)
        path.unlink()
    waiter.join(10)
    assert order == ["waiting", "taken"] and path.exists()


def _take(path, order):
    with shell.locked(path, lambda: order.append("waiting")):
        order.append("taken")


def test_index_is_there_by_checksum_too(tmp_path):
    class Unsigned:
        clear = detached = staticmethod(lambda text: text)

    indexes.write(tmp_path, "main", [], 0, None, Unsigned())
    folder = tmp_path / "dists/lab/main" / f"binary-{indexes.ARCH}"
    names_of_indexes = {indexes.sha256(p) for p in folder.glob("Packages*")}
    assert {p.name for p in (folder / "by-hash/SHA256").iterdir()} == names_of_indexes


def test_a_machines_disk_has_a_partition_for_boot_and_one_for_the_rest():
    table = vmdisks.partition_table()
    assert len(table) == 512 and table.endswith(b"\x55\xaa")
    entries = [struct.unpack("<B3sB3sII", table[at : at + 16]) for at in (446, 462, 478, 494)]
    assert [entry[2] for entry in entries] == [0x83, 0x83, 0, 0]
    (boot, size), (root, rest) = [entry[4:] for entry in entries[:2]]
    assert boot == 2048, "GRUB's own part goes before it"
    assert root == boot + size and root + rest == vmdisks.SIZE * 2048


def test_virtual_machines_are_given_more_time_and_programs():
    found = names.lab_names("x")
    text = inventory.inventory_text(found, {"v": {"address": "10.1.2.12", "release": "vm"}}, {})
    assert yaml.safe_load(text)["all"]["children"]["lockstep_lab"]["hosts"]["v"]["ansible_ssh_timeout"] == 120
    assert {"udev", "grub-pc-bin", "qemu-guest-agent"} <= set(bases.recipe_for("vm").packages)
    assert bases.recipe_for("vm").suite == "bookworm"
