# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts with dnf 4, alone and beside Debian hosts: the real package manager on another distribution."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fleet import Fleet, Lab
from modules import PLAN, Modules
from proof import expect, reason, statuses

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import unpack

pytestmark = pytest.mark.lab


def healthy(fleet: Fleet, host: str) -> None:
    """The package manager's own check finds nothing wrong."""
    done = fleet.lab.host(host).run("dnf -q --disablerepo='*' check && rpm --verifydb", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_one_rollout_takes_both_families_and_goes_back(make_fleet: Callable[..., Fleet]) -> None:
    bases = {"testrpm": "dnf", "prodrpm": "dnf"}
    fleet = make_fleet(test=["testdeb", "testrpm"], production=["proddeb", "prodrpm"], bases=bases)
    everybody = ["testdeb", "testrpm", "proddeb", "prodrpm"]
    kernel = {"arch": "native", "fields": (("Provides", "installonlypkg(kernel)"),)}
    with fleet.lab.repo.rpm.batch() as rpms:
        rpms.publish("kernel-core", "5.0", **kernel)
        rpms.publish("lab-old", "1.0")
    for host in bases:
        fleet.lab.host(host).run("dnf -q -y --refresh install kernel-core lab-old")
    with fleet.lab.repo.rpm.batch() as rpms:
        rpms.publish("kernel-core", "5.1", **kernel)
        rpms.publish("lab-new", "2.0", fields=(("Obsoletes", "lab-old < 2"), ("Provides", "lab-old = 2.0")))
    expect(fleet.play("plan"), "done")
    expect(fleet.play("acquire"), "done")
    # what was planned is gone from both repositories, and something newer is there
    with fleet.lab.repo.batch(), fleet.lab.repo.rpm.batch() as rpms:
        for repo in (fleet.lab.repo, rpms):
            repo.withdraw("lab-app", "1.1")
            repo.withdraw("lab-web", "1.0")
            repo.publish("lab-web", "1.2")
    boots = {host: fleet.lab.host(host).boot_id() for host in everybody}
    marks = fleet.lab.host("prodrpm").run("dnf -q history userinstalled").stdout
    expect(fleet.play("rollout"), "done", "4 of 4 hosts verified")
    for host in everybody:
        end = "-1" if host in bases else ""
        for name in ("lab-web", "lab-app", "lab-boot", "lab-plain"):
            assert fleet.versions(host, name) == "1.1" + end, (host, name)
        assert fleet.lab.host(host).boot_id() != boots[host], "lab-boot asks for a reboot"
    for host in bases:
        healthy(fleet, host)
        listed = fleet.lab.host(host).run("rpm -qa").stdout.split()
        assert {f"kernel-core-{version}-1.x86_64" for version in ("5.0", "5.1")} <= set(listed), "side by side"
        assert "lab-new-2.0-1.noarch" in listed and "lab-old-1.0-1.noarch" not in listed
    report = fleet.report()
    assert {host["host"]: host["status"] for host in report["hosts"]} == dict.fromkeys(everybody, "verified")
    assert len({host["platform"] for host in report["hosts"]}) == 2

    fleet.lab.host("prodrpm").run(["rm", "-rf", "/var/cache/lockstep", "/var/cache/dnf"])
    expect(fleet.play("rollback", "-e", "host=prodrpm"), "done", "1 host rolled back: prodrpm")
    assert fleet.versions("prodrpm", "lab-web") == "1.0-1"
    assert fleet.lab.host("prodrpm").run("dnf -q history userinstalled").stdout == marks
    listed = fleet.lab.host("prodrpm").run("rpm -qa").stdout
    assert "kernel-core-5.0" in listed and "kernel-core-5.1" not in listed
    assert "lab-old-1.0" in listed and "lab-new" not in listed
    assert fleet.versions("proddeb", "lab-web") == "1.1"
    healthy(fleet, "prodrpm")


def test_a_script_that_fails_stays_failed_until_it_has_run(make_fleet: Callable[..., Fleet]) -> None:
    fleet = make_fleet(test=["test1"], production=["prod1"], bases={"test1": "dnf", "prod1": "dnf"}, publish=("1.0",))
    script = "test -e /etc/mended || { echo cannot go on; exit 7; }"
    fleet.lab.repo.rpm.publish("lab-plain", "1.1", postinst=script)
    expect(fleet.play("rollout"), "stopped")
    assert "%post script of lab-plain" in reason(fleet, "test1") and "failed with 7" in reason(fleet, "test1")
    assert "cannot go on" in reason(fleet, "test1")
    assert fleet.versions("prod1", "lab-plain") == "1.0-1"
    # rpm itself knows of nothing wrong now: silence would be read as success
    expect(fleet.play("rollout"), "stopped")
    assert statuses(fleet)["test1"] == "failed"
    assert fleet.versions("prod1", "lab-plain") == "1.0-1"
    for host in ("test1", "prod1"):
        fleet.lab.host(host).write("/etc/mended", "yes\n")
    expect(fleet.play("rollout"), "done", "2 of 2 hosts verified")
    assert fleet.versions("prod1", "lab-plain") == "1.1-1"
    healthy(fleet, "test1")


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Modules]:
    """One host with 1.1 pending; what a test breaks it mends."""
    folder: Path = tmp_path_factory.mktemp("dnf")
    with Lab(f"it-dnf-{folder.name[-1]}") as lab:
        lab.up({"rpm1": "dnf"})
        yield Modules(lab, "rpm1", folder)


def look(one: Modules, refresh: str = "always", **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """(answer, sections) of a look."""
    given = one.call("host_state", refresh=refresh, **more)
    return given["answer"], unpack(given["sections_zb64"])


def line(one: Modules, name: str, version: str = "1.1", **changes: Any) -> dict[str, Any]:
    path = one.lab.repo.rpm.file(name, version)
    known = {"platform": "lab", "source": name, "source_version": version, "security": True, "phased": None}
    known.update(origin="lab", label="Lockstep lab", codename="", component="")
    wanted = {"package": name, "arch": "noarch", "action": "upgrade", "from": ["1.0-1"], "version": version + "-1"}
    size, checksum = path.stat().st_size, one.lab.repo.rpm.sha256(name, version)
    return {**known, **wanted, "size": size, "sha256": checksum, **changes}


def test_a_look_tells_advisories_locks_excludes_and_what_they_keep_back(one: Modules) -> None:
    rpms = one.lab.repo.rpm
    with rpms.batch() as batch:
        batch.publish("lab-lib", "1.1", severity="Critical", cves=["CVE-2026-0002", "CVE-2026-0001"], issued=1767225600)
    host = one.lab.host("rpm1")
    host.write("/etc/dnf/plugins/versionlock.list", "# by hand\nlab-web-0:1.0-1.*\n")
    settings = host.read("/etc/dnf/dnf.conf")
    host.write("/etc/dnf/dnf.conf", settings + "\nexcludepkgs=lab-sl*\n")
    try:
        answer, sections = look(one)
    finally:
        host.write("/etc/dnf/plugins/versionlock.list", "")
        host.write("/etc/dnf/dnf.conf", settings)
    by_name = {each["name"]: each for each in sections["candidates"]}
    assert by_name["lab-lib"]["advisories"] == [
        {
            "id": "LAB-lab-lib-1.1-1", "type": "security", "severity": "critical",
            "cves": ["CVE-2026-0001", "CVE-2026-0002"], "issued_ms": 1767225600000,
        }
    ]  # fmt: skip
    assert by_name["lab-lib"]["sha256"] == rpms.sha256("lab-lib", "1.1")
    assert by_name["lab-plain"]["security"] is False and by_name["lab-plain"]["advisories"][0]["type"] == "bugfix"
    holds = {each["name"]: (each["kind"], each["where"]) for each in sections["holds"]}
    assert holds["lab-web"] == ("hold", "/etc/dnf/plugins/versionlock.list:2")
    assert holds["lab-slow"][0] == "exclude" and holds["lab-slow"][1].startswith("/etc/dnf/dnf.conf:")
    assert "versionlock" in by_name["lab-web"]["kept_back"] and "lab-sl*" in by_name["lab-slow"]["kept_back"]
    assert (answer["pending"], answer["security"]) == (6, 5)
    assert sections["packages"][0]["version"].count("-") == 1 and answer["history_missing"]
    assert {each["name"]: each["auto"] for each in sections["packages"]}["lab-lib"] is True


def test_no_advisory_data_is_never_no_security_update(one: Modules) -> None:
    one.lab.repo.rpm.set_advisories(False)
    try:
        answer, sections = look(one)
    finally:
        one.lab.repo.rpm.set_advisories(True)
    assert answer["pending"] == 8 and answer["security"] is None
    assert answer["at_least"] == {"pending": 8, "security": 0}
    (unknown,) = answer["unknown"]
    assert unknown["what"] == "security" and "no advisory data (updateinfo) in: lab" in unknown["why"]
    assert all(each["advisories"] is None for each in sections["candidates"])


FAULTS = {
    "metadata that is something else": (lambda repo: repo.break_metadata(), "unreachable"),
    "signature that does not fit": (lambda repo: repo.break_signature(), "unsigned"),
    "no signature": (lambda repo: repo.unsign(), "unsigned"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_repository_that_cannot_be_trusted_makes_updates_unknown(one: Modules, fault: str) -> None:
    damage, state = FAULTS[fault]
    damage(one.lab.repo.rpm)
    before = one.lab.host("rpm1").run("find /var/cache/dnf -type f | xargs sha256sum").stdout
    try:
        # a look of its own copy, as one that may change nothing takes
        answer, sections = look(one, "auto", max_index_age=0)
    finally:
        one.lab.repo.rpm.republish()
    (index,) = sections["indexes"]
    assert index["state"] == state and index["problem"], index
    assert answer["pending"] is None and answer["security"] is None
    assert any(each["what"] == "candidates" and each["why"] for each in answer["unknown"])
    assert one.lab.host("rpm1").run("find /var/cache/dnf -type f | xargs sha256sum").stdout == before


def test_a_mirror_that_answers_html_and_one_that_does_not_answer(one: Modules) -> None:
    repomd = one.lab.repo.rpm.www / "repodata" / "repomd.xml"
    whole = repomd.read_text()
    repomd.write_text("<html><body>Please log in</body></html>\n")
    try:
        answer, sections = look(one)
    finally:
        repomd.write_text(whole)
    assert sections["indexes"][0]["state"] in ("unreachable", "unsigned") and answer["pending"] is None
    one.lab.repo.set_faults({"match": "rpm/", "status": 503})
    try:
        answer, sections = look(one)
    finally:
        one.lab.repo.set_faults()
    assert sections["indexes"][0]["state"] == "unreachable" and "503" in sections["indexes"][0]["problem"]
    assert answer["pending"] is None
    assert look(one)[0]["pending"] == 8


def test_what_acquire_refuses_and_a_transaction_never_begins(one: Modules) -> None:
    rpms, host = one.lab.repo.rpm, one.lab.host("rpm1")
    host.run("dnf -q -y makecache --refresh")
    rpms.corrupt("lab-conf", "1.1")
    good, bad = line(one, "lab-plain"), line(one, "lab-conf")
    given = one.acquire([good, {**bad, "sha256": "0" * 64}])
    assert {each["package"]: each["status"] for each in given["lines"]} == {
        "lab-plain": "staged",
        "lab-conf": "mismatch",
    }
    bad["sha256"] = next(each for each in look(one, "never")[1]["candidates"] if each["name"] == "lab-conf")["sha256"]
    given = one.acquire([bad])
    assert given["lines"][0]["status"] == "missing" and given["lines"][0]["reason"]
    rpms.publish("lab-conf", "1.1")
    refused = one.transact([bad], "t-missing")
    assert refused["outcome"] == "refused" and "not staged" in refused["error"]["what"]

    # signed by nobody that the host knows
    stranger = rpms.build("lab-slow", "1.3")
    rpms.publish(stranger)
    rpms.file("lab-slow", "1.3").write_bytes(stranger.path.read_bytes())
    rpms.republish()
    host.run("dnf -q -y makecache --refresh")
    given = one.acquire([line(one, "lab-slow", "1.3")])
    rpms.withdraw("lab-slow", "1.3")
    assert given["lines"][0]["status"] == "missing" and "sign" in given["lines"][0]["reason"], given

    # held by another process for as long as we wait
    host.lock_rpm()
    try:
        locked = one.transact([good], "t-locked", lock_timeout=2)
        health = look(one, "never")[0]["manager"]
    finally:
        host.unlock_rpm()
    assert locked["outcome"] == "failed" and "lock of the rpm database" in locked["error"]["what"]
    assert health == "locked"

    # a version lock that came after the plan
    host.write("/etc/dnf/plugins/versionlock.list", "lab-plain-0:1.0-1.*\n")
    kept = one.transact([good], "t-held")
    host.write("/etc/dnf/plugins/versionlock.list", "")
    assert kept["outcome"] == "nothing" and kept["kept_back"][0]["why"] == "held", kept
    assert host.version("lab-plain") == "1.0-1"

    host.write("/etc/lab-conf.conf", "setting = mine\n")
    rpms.republish()
    host.run("dnf -q -y makecache --refresh")
    conf = line(one, "lab-conf")
    assert one.acquire([good, conf])["lines"][1]["status"] == "staged"
    done = one.transact([good, conf], "t-good")
    assert done["outcome"] == "installed" and done["marks"]["equal"], done
    assert done["conffiles"] == [{"path": "/etc/lab-conf.conf", "new": "/etc/lab-conf.conf.rpmnew", "by": "rpm"}]
    assert (host.version("lab-plain"), host.version("lab-conf")) == ("1.1-1", "1.1-1")
    assert host.read("/etc/lab-conf.conf") == "setting = mine\n"
    events = look(one, "never")[1]["history"]["events"]
    assert {"lab-plain", "lab-conf"} <= {each["name"] for each in events if each["action"] == "upgrade"}
    assert one.request([], "x")["plan_id"] == PLAN
