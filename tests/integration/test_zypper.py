# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""zypper on real hosts: Debian 13's own zypper in a root of its own, with packages that rpmbuild made."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from fleet import Fleet
from modules import Modules
from proof import expect, plan_of, statuses

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import unpack

pytestmark = pytest.mark.lab

BASES = {"test1": "zypper", "prod1": "zypper"}
OLD, NEW = dict.fromkeys(BASES, "1.0-1"), dict.fromkeys(BASES, "1.1-1")


@pytest.fixture
def fleet(make_fleet: Callable[..., Fleet]) -> Fleet:
    """A test host and a production host with zypper, and nothing pending."""
    return make_fleet(production=["prod1"], publish=("1.0",), bases=BASES)


@pytest.fixture
def host(fleet: Fleet) -> Modules:
    """The modules on one of them, with 1.1 of lab-conf and lab-plain on offer."""
    for name in ("lab-conf", "lab-plain"):
        fleet.lab.repo.rpm.publish(name, "1.1")
    fleet.lab.refresh("test1")
    return Modules(fleet.lab, "test1", fleet.folder)


BROKEN = 'test -e /var/tmp/mended || { echo "fails on purpose" >&2; exit 1; }'


def installed(fleet: Fleet, package: str) -> dict[str, str]:
    """What rpm has on the hosts themselves."""
    form = ["rpm", "-q", "--qf", "%{VERSION}-%{RELEASE} ", package]
    return {name: fleet.lab.host(name).run(form).stdout.strip() for name in BASES}


def whole(fleet: Fleet) -> None:
    """rpm and zypper have nothing to complain about, but for the admin's own changes to configuration files."""
    for name in BASES:
        run = fleet.lab.host(name).run
        changed = [line for line in run("rpm --verify --all", check=False).stdout.splitlines() if " c " not in line]
        assert changed == [], name
        assert "satisfied" in run("zypper --non-interactive verify").stdout, name
        twice = run("rpm -qa --qf '%{NAME}\\n' | sort | uniq -d").stdout.split()
        assert twice == [], name


def line(fleet: Fleet, name: str, version: str) -> dict[str, Any]:
    """A plan's line of a published package."""
    known = {"platform": "lab", "source": name, "source_version": f"{version}-1", "security": True, "phased": None}
    known.update(origin="lab", label="Lockstep lab", codename="", component="")
    path = fleet.lab.repo.rpm.file(name, version)
    wanted = {"package": name, "arch": "noarch", "action": "upgrade", "from": ["1.0-1"], "version": f"{version}-1"}
    return {**known, **wanted, "size": path.stat().st_size, "sha256": fleet.lab.repo.rpm.sha256(name, version)}


def look(host: Modules, **given: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """(sections, answer) of a look at the host."""
    found = host.call("host_state", **given)
    return unpack(found["sections_zb64"]), found["answer"]


def test_a_frozen_plan_with_holds_retracted_and_optional_updates_goes_all_the_way(fleet: Fleet) -> None:
    repo = fleet.lab.repo.rpm
    with repo.batch():
        repo.publish("lab-lib", "1.1", cves=["CVE-2026-1001"], severity="Critical")
        repo.publish("lab-app", "1.1", kind="recommended", depends="lab-lib (= 1.1)")
        repo.publish("lab-plain", "1.1", kind="optional")
        repo.publish("lab-boot", "1.1")
        repo.publish("lab-slow", "1.1")
        repo.publish("lab-conf", "1.1", retracted=True, fields=(("Provides", "retracted-patch-package()"),))
    for name in BASES:
        fleet.lab.host(name).run("zypper --non-interactive addlock --comment 'the batch run needs it' lab-slow")
    fleet.lab.refresh()
    boots = {name: fleet.lab.host(name).boot_id() for name in BASES}
    fleet.policy.write_text(fleet.policy.read_text() + "select: {types: [security, bugfix]}\n")
    planned = fleet.play("plan")
    expect(planned, "done")
    lines = {each["package"]: each for each in plan_of(fleet)["body"]["lines"]}
    assert {name: (each["type"], each["type_from"]) for name, each in lines.items()} == {
        "lab-lib": ("security", "advisories"),
        "lab-boot": ("security", "advisories"),
        "lab-app": ("bugfix", "advisories"),
    }
    assert "3 lines: 2 security, 1 bugfix (types from advisories)" in planned.output
    left = json.dumps(plan_of(fleet)["left_out"])
    assert "locked (zypper addlock lab-slow): the batch run needs it (/etc/zypp/locks:" in left
    assert "its vendor has retracted it (LAB-lab-conf-1.1-1)" in left
    assert "it is an enhancement update (LAB-lab-plain-1.1-1); select.types takes security, bugfix" in left

    expect(fleet.play("acquire"), "done")
    repo.withdraw("lab-lib", "1.1")
    repo.publish("lab-lib", "1.2")
    fleet.lab.refresh()
    expect(fleet.play("rollout"), "done", "2 of 2 hosts verified")
    assert installed(fleet, "lab-lib") == NEW and installed(fleet, "lab-app") == NEW
    for kept in ("lab-slow", "lab-conf", "lab-plain"):
        assert installed(fleet, kept) == OLD, kept
    assert all(fleet.lab.host(name).boot_id() != boot for name, boot in boots.items()), "lab-boot asks for a reboot"
    auto = fleet.lab.host("prod1").read("/var/lib/zypp/AutoInstalled").split()
    assert "lab-lib" in auto and "lab-app" not in auto, "marks are as they were"
    whole(fleet)

    repo.withdraw("lab-app", "1.0")
    expect(fleet.play("rollback", "-e", "host=prod1"), "done", "1 host rolled back: prod1")
    for name in ("lab-lib", "lab-app", "lab-boot"):
        assert installed(fleet, name) == {"test1": "1.1-1", "prod1": "1.0-1"}, name
    back = fleet.lab.host("prod1").read("/var/lib/zypp/AutoInstalled").split()
    assert "lab-lib" in back and "lab-app" not in back, "and still are"
    whole(fleet)


def test_a_script_that_fails_stops_the_rollout_before_production(fleet: Fleet) -> None:
    fleet.lab.repo.rpm.publish("lab-broken", "1.1", postinst=BROKEN)
    fleet.lab.repo.rpm.publish("lab-conf", "1.1")
    fleet.lab.host("test1").write("/etc/lab-conf.conf", "setting = mine\n")
    fleet.lab.refresh()
    stopped = fleet.play("rollout")
    expect(stopped, "stopped", "test1", "%post script of lab-broken-1.1-1.noarch failed with 1: ")
    assert "fails on purpose" in stopped.output
    assert installed(fleet, "lab-broken") == {"test1": "1.1-1", "prod1": "1.0-1"}, "rpm installs it all the same"
    assert fleet.lab.host("test1").read("/etc/lab-conf.conf") == "setting = mine\n"
    assert statuses(fleet) == {"test1": "failed", "prod1": "staged"}
    whole(fleet)

    again = fleet.play("rollout")
    expect(again, "stopped", "test1", "%post script of lab-broken-1.1-1.noarch failed with 1: ")
    for name in BASES:
        fleet.lab.host(name).write("/var/tmp/mended", "")
    expect(fleet.play("rollout"), "done", "2 of 2 hosts verified")
    assert installed(fleet, "lab-broken") == NEW
    whole(fleet)


FAULTS = {
    "break_signature": ("unsigned", "Signature verification failed"),
    "unsign": ("unsigned", "Signature verification failed"),
    "html": ("unsigned", "Signature verification failed"),
    "break_metadata": ("unreachable", "has wrong checksum"),
    "gone": ("unreachable", ""),
    "change_key": ("unsigned", "Signature verification failed"),
}


def test_repository_faults_are_unknown_and_the_host_stays_as_it_was(host: Modules) -> None:
    repo = host.lab.repo.rpm
    before = host.host.run("rpm -qa | sort").stdout
    for number, (fault, (state, words)) in enumerate(FAULTS.items()):
        repo.publish("lab-plain", f"1.2.{number}")  # something new, or zypper does not look further
        if fault == "html":
            (repo.www / "repodata/repomd.xml").write_text("<html><body>Please log in</body></html>\n")
        elif fault == "gone":
            repo.www.rename(repo.www.with_name("gone"))
        else:
            getattr(repo, fault)()
        sections, answer = look(host, refresh="always", sections=["indexes", "candidates"])
        if fault == "gone":
            repo.www.with_name("gone").rename(repo.www)
        assert answer["pending"] is None and answer["security"] is None, f"{fault}: never 0"
        (index,) = sections["indexes"]
        assert index["state"] == state and words in index["problem"], (fault, index)
        assert "zypper refresh" in json.dumps(answer["unknown"]), fault
    assert host.host.run("rpm -qa | sort").stdout == before


def test_a_repository_without_advisories_has_no_advisory_data(host: Modules) -> None:
    host.lab.repo.rpm.set_advisories(False)
    sections, answer = look(host, refresh="always")
    assert answer["pending"] == 2 and answer["security"] is None
    assert {each["name"]: (each["security"], each["advisories"]) for each in sections["candidates"]} == {
        "lab-conf": (None, None),
        "lab-plain": (None, None),
    }
    assert "no advisory data (updateinfo) in repository lab" in json.dumps(answer["unknown"])


def test_a_file_with_another_checksum_is_not_taken(host: Modules, fleet: Fleet) -> None:
    wanted = [line(fleet, "lab-plain", "1.1"), line(fleet, "lab-conf", "1.1")]
    host.lab.repo.rpm.corrupt("lab-plain", "1.1")
    found = {each["package"]: each for each in host.acquire(wanted)["lines"]}
    assert found["lab-conf"]["status"] == "staged"
    assert found["lab-plain"]["status"] != "staged" and found["lab-plain"]["reason"]
    refused = host.transact(wanted)
    assert refused["outcome"] == "refused" and "not staged: lab-plain:noarch 1.1-1" in refused["error"]["what"]
    assert installed(fleet, "lab-conf") == OLD
    whole(fleet)


def test_a_staged_file_that_changed_is_not_used(host: Modules, fleet: Fleet) -> None:
    wanted = [line(fleet, "lab-plain", "1.1")]
    path = host.host.path(host.acquire(wanted)["lines"][0]["path"])
    data = bytearray(path.read_bytes())
    data[-1] ^= 0xFF
    path.write_bytes(bytes(data))
    failed = host.transact(wanted)
    assert failed["outcome"] == "failed" and "has another SHA-256 than its name" in failed["error"]["what"]
    assert installed(fleet, "lab-plain") == OLD


def test_a_held_lock_of_rpm_or_zypp_fails_with_its_holder_and_changes_nothing(host: Modules, fleet: Fleet) -> None:
    wanted = [line(fleet, "lab-plain", "1.1")]
    host.acquire(wanted)
    hold = "import fcntl, time; f = open('/var/lib/rpm/.rpm.lock', 'a'); fcntl.lockf(f, fcntl.LOCK_EX); time.sleep(60)"
    host.host.run(["systemd-run", "--quiet", "--unit=lab-rpm-lock", "python3", "-c", hold])
    locked = host.transact(wanted, "t1", lock_timeout=1)
    assert (
        locked["outcome"] == "failed"
        and "the lock of the rpm database was held for 1 s by process" in locked["error"]["what"]
    )
    assert locked["error"]["where"] == "/var/lib/rpm/.rpm.lock"
    assert look(host, refresh="never")[0]["manager"]["health"] == "locked"
    host.host.run("systemctl stop lab-rpm-lock")
    assert installed(fleet, "lab-plain") == OLD
    assert host.transact(wanted, "t1", attempt=2)["outcome"] == "installed"
    whole(fleet)


def test_an_rpm_that_was_killed_is_repaired_and_its_scripts_run(host: Modules, fleet: Fleet) -> None:
    script = "test -e /var/tmp/again || { touch /var/tmp/again; sleep 600; }\ntouch /var/tmp/finished"
    host.lab.repo.rpm.publish("lab-slow", "1.1", postinst=script)
    wanted = [line(fleet, "lab-slow", "1.1")]
    host.lab.refresh("test1")
    host.acquire(wanted)
    process, _result = host.start("transaction", **host.request(wanted, "t1"))
    wait = "for i in $(seq 300); do test -e /var/tmp/again && exit 0; sleep 0.1; done; exit 1"
    host.host.run(wait)
    host.host.run("systemctl kill --signal=KILL lockstep-t1-1")
    process.kill()
    process.wait()
    assert host.host.run("rpm -q lab-slow").stdout.split() == ["lab-slow-1.0-1.noarch", "lab-slow-1.1-1.noarch"]
    assert look(host, refresh="never")[0]["manager"]["health"] == "interrupted"
    done = host.transact(wanted, "t1")
    assert done["outcome"] == "installed" and done["repaired"], json.dumps(done["error"])
    assert host.host.run("ls /var/tmp/finished").stdout.strip()
    whole(fleet)


def test_another_vendor_and_a_lock_since_the_plan_are_not_overruled(host: Modules, fleet: Fleet) -> None:
    host.lab.repo.rpm.publish("lab-web", "1.1", fields=(("Vendor", "Somebody else"),))
    host.lab.refresh("test1")
    sections, _answer = look(host)
    kept = {each["name"]: each["kept_back"] for each in sections["candidates"]}
    assert kept["lab-plain"] is None
    assert kept["lab-web"] == "it is of another vendor (Somebody else, installed: none), and vendors do not change"
    wanted = [line(fleet, "lab-plain", "1.1"), line(fleet, "lab-conf", "1.1")]
    host.acquire(wanted)
    host.host.run("zypper --non-interactive addlock lab-conf")
    done = host.transact(wanted)
    assert done["outcome"] == "installed" and [each["why"] for each in done["kept_back"]] == ["held"]
    assert installed(fleet, "lab-conf") == OLD
    whole(fleet)
