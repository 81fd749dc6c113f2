# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The transaction and reboot modules on real hosts: what they do, and what they leave when something goes wrong."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fleet import Lab
from modules import Modules

pytestmark = pytest.mark.lab

NAMES = ("lab-lib", "lab-web", "lab-app", "lab-conf", "lab-plain")
LIBRARY = ("lab-lib", "lab-app")  # the second needs exactly the first's version
SLOW = "2.0"
# bounded: only the host with a small disk of its own is filled by it
FILL = "dd if=/dev/zero of=/var/lab-filler bs=1M count=700 2>/dev/null || true"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """1.1 is the plan's, 1.2 is newer; lab-slow 2.0 takes 6 s, lab-broken 2.0 fails, lab-full 1.1 fills the disk."""
    with Lab(f"tx-{os.getpid()}") as made:
        made.up({"normal": {}})
        with made.repo.batch():
            made.repo.publish_standard("1.2")
            made.repo.publish("lab-slow", SLOW, postinst="sleep 6")
            made.repo.publish("lab-broken", SLOW, postinst="echo the reason is here; exit 7")
            made.repo.publish("lab-conf", "3.0", fields=(("Conflicts", "lab-plain"),))
            made.repo.publish("lab-full", "1.0")
            made.repo.publish("lab-full", "1.1", preinst=FILL, size=3_000_000)
        yield made


@pytest.fixture
def on(lab: Lab, tmp_path: Path) -> Iterator[Callable[..., Modules]]:
    """`on(name)` boots a host and refreshes its indexes; it is off after the test, so that few run at a time."""
    used: list[str] = []

    def boot(name: str, **options: str) -> Modules:
        lab.up({name: options})
        lab.refresh(name)
        used.append(name)
        return Modules(lab, name, tmp_path)

    yield boot
    for name in used:
        lab.host(name).power_off()


def records(modules: Modules, transaction: str = "t1") -> list[dict[str, Any]]:
    """The journal as it is on the host's disk."""
    content = modules.host.path(f"/var/lib/lockstep/journal/{transaction}").read_bytes()
    return [json.loads(line) for line in content.rstrip(b"\0").decode().splitlines()]


def wait_for(step: str, modules: Modules, transaction: str = "t1") -> dict[str, Any]:
    """Wait for a step in the journal and return its record."""
    for _attempt in range(300):
        try:
            found = [record for record in records(modules, transaction) if record["step"] == step]
        except FileNotFoundError:
            found = []
        if found:
            return found[-1]
        time.sleep(0.1)
    raise AssertionError(f"no step {step}")


def test_installs_exactly_the_plan(on: Callable[..., Modules]) -> None:
    host = on("normal")
    lines = host.lines("1.1", *NAMES)
    assert {line["status"] for line in host.acquire(lines)["lines"]} == {"staged"}
    host.host.write("/etc/lab-conf.conf", "the admin's\n")
    host.host.run("apt-mark hold lab-plain")
    marks = host.host.run("apt-mark showauto; apt-mark showhold").stdout

    before = host.host.run(
        "find /var/lib/lockstep /var/lib/dpkg /tmp /var/tmp -type f | grep -v ansible | sort | xargs sha256sum"
    ).stdout
    check = host.transact(lines, check=True)
    assert check["outcome"] == "would_install" and check["changed"]
    assert "lab-lib:all 1.0\n" in check["diff"]["before"] and "lab-lib:all 1.1\n" in check["diff"]["after"]
    assert (
        before
        == host.host.run(
            "find /var/lib/lockstep /var/lib/dpkg /tmp /var/tmp -type f | grep -v ansible | sort | xargs sha256sum"
        ).stdout
    )

    result = host.transact(lines)
    assert result["outcome"] == "installed" and result["error"] is None
    assert {item["name"]: (item["before"], item["after"]) for item in result["packages"]} == {
        name: ("1.0", "1.1") for name in NAMES if name != "lab-plain"
    }
    assert [(item["name"], item["why"]) for item in result["kept_back"]] == [("lab-plain", "held")]
    assert result["conffiles"] == [{"path": "/etc/lab-conf.conf", "new": "/etc/lab-conf.conf.dpkg-dist", "by": "dpkg"}]
    assert host.host.read("/etc/lab-conf.conf") == "the admin's\n"
    assert result["marks"] == {"equal": True, "restored": []}
    assert marks == host.host.run("apt-mark showauto; apt-mark showhold").stdout
    # the mirror offers 1.2, and apt itself would take it
    assert "lab-lib [1.1] (1.2" in host.host.run("apt-get -s full-upgrade").stdout
    assert host.host.version("lab-lib") == "1.1"
    assert [record["step"] for record in records(host)] == ["begin", "attempt", "apply", "result"]

    # asked again: by the same id, by another id of the same plan, and after somebody went on by hand
    assert host.transact(lines)["attached"] == "finished"
    again = host.transact(lines, transaction="t2")
    assert (again["transaction"], again["attached"], again["outcome"]) == ("t1", "finished", "installed")
    host.host.run("apt-get -y -o Dpkg::Options::=--force-confold install lab-lib lab-app=1.2 lab-web=1.2 lab-conf=1.2")
    newer = host.call("transaction", **{**host.request(lines, "t3"), "plan_id": "aa" * 32})
    assert newer["outcome"] == "nothing" and {item["name"] for item in newer["newer"]} == set(NAMES) - {"lab-plain"}
    assert host.host.version("lab-lib") == "1.2"


def test_restarts_what_uses_replaced_files(on: Callable[..., Modules]) -> None:
    host = on("boots")
    lines = host.lines("1.1", *LIBRARY)
    host.acquire(lines)
    pid = host.host.run("systemctl show -P MainPID lab-web").stdout
    result = host.transact(lines)
    assert result["outcome"] == "installed" and result["restarted"] == ["lab-web.service"]
    assert host.host.run("systemctl show -P MainPID lab-web").stdout != pid
    assert result["reboot_reasons"] == []


def test_reboots_once_for_a_plan(on: Callable[..., Modules]) -> None:
    host = on("boots")
    plan = {"plan_id": "0f" * 32, "ledger_id": "lab", "token": 1}
    first = host.call("reboot", mode="state")["boot_id"]
    assert host.call("reboot", check=True, **plan)["outcome"] == "would_reboot"
    assert host.call("reboot", **plan)["outcome"] == "rebooting"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if host.host.boot_id() != first:
                break
        except Exception:  # the lab cannot enter a host that is just going down
            pass
        time.sleep(0.2)
    host.host.wait_ssh()
    again = host.call("reboot", **plan)
    assert again["outcome"] == "already_rebooted" and again["boot_id"] != first
    assert host.call("reboot", **{**plan, "token": 0})["outcome"] == "refused"


def test_refuses_what_is_not_the_plan(on: Callable[..., Modules]) -> None:
    host = on("refuses")
    unstaged = host.transact(host.lines("1.1", "lab-lib"))
    assert unstaged["outcome"] == "refused" and "not staged: lab-lib:all 1.1" in unstaged["error"]["what"]

    removes = host.lines("3.0", "lab-conf")
    host.acquire(removes)
    result = host.transact(removes, transaction="t2")
    assert result["outcome"] == "refused" and "would remove lab-plain:all 1.0" in result["error"]["what"]

    alone = host.lines("1.1", "lab-app")  # it needs lab-lib 1.1, which is not in this plan
    host.acquire(alone)
    result = host.transact(alone, transaction="t3")
    assert result["outcome"] == "refused" and "lab-app:all 1.1" in result["error"]["what"]

    host.host.run("apt-mark hold lab-lib")
    both = host.lines("1.1", "lab-app", "lab-lib")
    host.acquire(both)
    result = host.transact(both, transaction="t4")
    assert result["outcome"] == "nothing" and {item["name"]: item["why"] for item in result["kept_back"]} == {
        "lab-lib": "held",
        "lab-app": "kept back with lab-lib, which is held",
    }
    assert {host.host.version(name) for name in NAMES} == {"1.0"}

    # a pin of the admin's that came after the plan was made
    host.host.run("apt-mark unhold lab-lib")
    host.host.write("/etc/apt/preferences.d/web", "Package: lab-web\nPin: version 1.0\nPin-Priority: 1001\n")
    web = host.lines("1.1", "lab-web")
    host.acquire(web)
    result = host.transact(web, transaction="t5")
    assert result["outcome"] == "nothing" and [item["name"] for item in result["kept_back"]] == ["lab-web"]
    assert host.host.version("lab-web") == "1.0"


def test_lower_token_starts_nothing(on: Callable[..., Modules]) -> None:
    host = on("tokens")
    lines = host.lines("1.1", "lab-plain")
    assert host.acquire(lines, token=12)["outcome"] == "done"
    assert host.acquire(lines, token=11)["outcome"] == "refused"
    result = host.transact(lines, token=11)
    assert result["outcome"] == "refused" and "newer run (token 12)" in result["error"]["what"]
    assert host.host.version("lab-plain") == "1.0"
    assert (
        host.call("transaction", **{**host.request(lines, "t2", token=1), "ledger_id": "another"})["outcome"]
        == "installed"
    )


def test_failing_script_is_named(on: Callable[..., Modules]) -> None:
    host = on("breaks")
    lines = [*host.lines("1.1", *LIBRARY, "lab-web"), *host.lines(SLOW, "lab-broken")]
    host.acquire(lines)
    result = host.transact(lines)
    assert result["outcome"] == "failed" and "the reason is here" in result["error"]["what"]
    failure = result["scripts_failed"][0]
    assert (failure["package"], failure["script"], failure["status"]) == ("lab-broken", "post-installation", "7")
    assert result["manager"] == ["lab-broken:all half-configured"]
    assert host.host.version("lab-web") == "1.1"
    assert host.transact(lines)["attached"] == "finished"
    host.host.run("sed -i 's/exit 7/exit 0/' /var/lib/dpkg/info/lab-broken.postinst")
    mended = host.transact(lines, attempt=2)
    assert (mended["outcome"], mended["repaired"], mended["attempt"]) == ("installed", True, 2)
    assert {item["before"] for item in mended["packages"]} == {"1.0"}


def test_waits_for_dpkg_and_names_who_holds_it(on: Callable[..., Modules]) -> None:
    host = on("locks")
    lines = host.lines("1.1", *LIBRARY)
    host.acquire(lines)
    host.host.lock_dpkg()
    result = host.transact(lines, lock_timeout=1)
    assert result["outcome"] == "failed" and not result["changed"]
    pid = host.host.run("systemctl show -P MainPID lab-dpkg-lock").stdout.strip()
    assert f"by process {pid} (" in result["error"]["what"] and "python3 -c" in result["error"]["what"]
    process, path = host.start("transaction", **host.request(lines, "t2", lock_timeout=60))
    wait_for("attempt", host, "t2")
    time.sleep(1)
    assert host.host.version("lab-lib") == "1.0"
    host.host.unlock_dpkg()
    process.wait()
    assert json.loads(path.read_text())["outcome"] == "installed"


def test_repairs_an_interrupted_dpkg(on: Callable[..., Modules], lab: Lab) -> None:
    host = on("interrupts")
    lines = host.lines("1.1", *LIBRARY, "lab-conf")
    host.acquire(lines)
    host.host.interrupt_dpkg(lab.repo.build("lab-plain", "1.1"))
    result = host.transact(lines)
    assert (result["outcome"], result["repaired"], result["manager"]) == ("installed", True, [])
    assert host.host.run("dpkg --audit").stdout == ""


def test_goes_on_after_the_runner_was_killed(on: Callable[..., Modules]) -> None:
    host = on("dies")
    lines = [*host.lines("1.1", *NAMES), *host.lines(SLOW, "lab-slow")]
    host.acquire(lines)
    process, path = host.start("transaction", **host.request(lines, "t1"))
    wait_for("apply", host)
    runner = wait_for("attempt", host)["data"]["pid"]
    host.host.run(f"sleep 1; kill -9 {runner}")
    process.wait()
    first = json.loads(path.read_text())
    assert first["outcome"] == "unknown" and "last step: apply" in first["error"]["what"]
    second = host.transact(lines, transaction="t2", token=2)
    assert (second["outcome"], second["transaction"], second["attempt"]) == ("installed", "t1", 2)
    assert {item["before"] for item in second["packages"]} == {"1.0"} and len(second["packages"]) == 6
    assert host.host.run("dpkg --audit").stdout == ""


def test_outlives_its_connection(on: Callable[..., Modules]) -> None:
    host = on("drops")
    lines = [*host.lines("1.1", *NAMES), *host.lines(SLOW, "lab-slow")]
    host.acquire(lines)
    process, path = host.start("transaction", **host.request(lines, "t1"))
    wait_for("apply", host)
    # not while another package's script talks to systemd: that would fail for the re-execution, not for the connection
    host.host.run("until pgrep -f '[l]ab-slow.postinst'; do sleep 0.05; done", timeout=60)
    host.host.drop_ssh()
    host.host.run("systemctl restart ssh; systemctl daemon-reexec")
    process.wait()
    assert not path.exists() or json.loads(path.read_text()).get("outcome") is None
    result = host.transact(lines)
    assert (result["outcome"], result["attached"], result["attempt"]) == ("installed", "running", 1), result["error"]
    assert [record["step"] for record in records(host)] == ["begin", "attempt", "apply", "result"]


def test_stops_a_script_that_hangs(on: Callable[..., Modules]) -> None:
    host = on("hangs")
    lines = host.lines(SLOW, "lab-slow")
    host.acquire(lines)
    result = host.transact(lines, timeout=2)
    assert result["outcome"] == "failed"
    assert "did not end within 2 s" in result["error"]["what"] and "lab-slow.postinst" in result["error"]["what"]
    assert "dpkg was interrupted" in result["manager"]
    assert host.host.run("pgrep -f [l]ab-slow.postinst", check=False).returncode == 1
    mended = host.transact(lines, attempt=2)
    assert (mended["outcome"], mended["repaired"]) == ("installed", True)


def test_disk_full_in_the_middle(on: Callable[..., Modules]) -> None:
    host = on("full", disk="700M")
    host.host.run("apt-get -y install lab-full=1.0")
    lines = host.lines("1.1", "lab-full", *LIBRARY, "lab-web", "lab-plain")
    host.acquire(lines)
    result = host.transact(lines)
    assert result["outcome"] == "failed" and "no space left" in result["error"]["what"]
    assert records(host)[-1]["step"] == "result"
    host.host.free_disk()
    # a script that fills the disk is the package's own fault: the next plan is without it
    lines = lines[1:]
    acquired = host.call("acquire", plan_id="bb" * 32, ledger_id="lab", token=2, lines=lines)
    assert {line["status"] for line in acquired["lines"]} == {"staged"}
    after = host.call("transaction", **{**host.request(lines, "t2", token=2), "plan_id": "bb" * 32})
    assert after["outcome"] in ("installed", "nothing"), after["error"]
    assert host.host.run("dpkg --audit").stdout == ""
    assert {host.host.version(name) for name in ("lab-lib", "lab-web", "lab-plain")} == {"1.1"}


def test_no_space_is_seen_before_anything_changes(on: Callable[..., Modules]) -> None:
    host = on("full", disk="700M")
    lines = host.lines("1.2", *LIBRARY, "lab-web", "lab-plain")
    host.call("acquire", plan_id="cc" * 32, ledger_id="lab", token=3, lines=lines)
    host.host.fill_disk(leave_bytes=20_000_000)
    result = host.call("transaction", **{**host.request(lines, "t3", token=3), "plan_id": "cc" * 32})
    assert result["outcome"] == "failed" and "not enough free space" in result["error"]["what"]
    assert host.host.version("lab-lib") == "1.1"
    host.host.free_disk()
