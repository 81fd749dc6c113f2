# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the fault tests ask of a fleet, and how they prove it: on the hosts' own dpkg, and in the ledger against it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

from fleet import Fleet, Result

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger

HOSTS = ("test1", "prod1", "prod2")


def offer(fleet: Fleet, version: str, *names: str, **changes: Any) -> None:
    """Publish packages of the catalogue in a version; changes are those of `Repository.publish`."""
    with fleet.lab.repo.batch():
        for name in names:
            fleet.lab.repo.publish(name, version, **changes)


def expect(result: Result, word: str, *texts: str) -> None:
    """The closing line is the last one, begins with the word, and holds the texts; the exit status agrees with it."""
    assert result.closing.startswith(f"{word}: "), result.output
    assert (result.status == 0) == (word != "stopped"), f"exit status {result.status}\n{result.output}"
    for text in texts:
        assert text in result.closing, f"{text!r} is not in the closing line\n{result.output}"


def installed(fleet: Fleet, package: str, hosts: tuple[str, ...] = HOSTS) -> dict[str, str]:
    """What dpkg has on the hosts themselves."""
    return {host: fleet.versions(host, package) for host in hosts}


def ledger_of(fleet: Fleet) -> Ledger:
    return Ledger.open(fleet.ledger_url, create=False)


def plan_of(fleet: Fleet) -> dict[str, Any]:
    """The newest plan."""
    ledger = ledger_of(fleet)
    return ledger.plan(ledger.plans("default", 1)[0]["plan_id"])


def statuses(fleet: Fleet) -> dict[str, str]:
    """`{host: status}` of the newest plan, unreachable ones with their phase."""
    rows = ledger_of(fleet).host_statuses(plan_of(fleet)["plan_id"])
    return {host: " ".join(filter(None, (row["status"], row["phase"]))) for host, row in rows.items()}


def reason(fleet: Fleet, host: str) -> str:
    """What the ledger says of a host in the newest plan."""
    return str(ledger_of(fleet).host_statuses(plan_of(fleet)["plan_id"], [host])[host]["reason"])


def results(fleet: Fleet, host: str) -> list[dict[str, Any]]:
    """Final results of the newest plan's transactions on a host, as evidence has them."""
    rows = ledger_of(fleet).evidence("default", subject=host)
    plan = plan_of(fleet)["plan_id"]
    return [row for row in rows if row["kind"] == "transaction_recorded" and row["body"]["plan"] == plan]


def sound(fleet: Fleet) -> None:
    """The chain holds, and what the ledger calls verified is true on the host: the plan's versions, a whole dpkg."""
    assert ledger_of(fleet).verify_chain().ok
    lines = {line["package"]: line["version"] for line in plan_of(fleet)["body"]["lines"]}
    verified = [host for host, status in statuses(fleet).items() if status == "verified"]
    for host in verified:
        have = fleet.lab.host(host).versions()
        assert {name: have.get(name) for name in lines} == lines, f"{host} is called verified"
        assert not fleet.lab.host(host).run("dpkg --audit").stdout, f"{host} is called verified"


def until(what: str, ask: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait for a true answer. A host that is off, or a file that is not there yet, is a no."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            answer = ask()
        except (OSError, RuntimeError, ValueError):  # ValueError: a record of a journal is being written
            answer = None
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds:g} s in vain for: {what}")


def journals(fleet: Fleet, host: str) -> list[list[dict[str, Any]]]:
    """Records of every journal on the host's disk."""
    folder = fleet.lab.host(host).path("/var/lib/lockstep/journal")
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        lines = path.read_bytes().rstrip(b"\0").splitlines()
        found.append([json.loads(line) for line in lines])
    return found


def steps(fleet: Fleet, host: str) -> list[str]:
    """All steps of all journals of the host."""
    return [record["step"] for records in journals(fleet, host) for record in records]


def runs_script(fleet: Fleet, host: str, name: str) -> bool:
    """Whether a maintainer script of a package is at work on the host now."""
    return fleet.lab.host(host).run(["pgrep", "-f", f"/var/lib/dpkg/info/{name}.postinst"], check=False).returncode == 0


def kill_controller(process: subprocess.Popen[str]) -> None:
    """SIGKILL to the whole process group, as a machine's out-of-memory killer or an impatient person would do it."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)


def ended(fleet: Fleet, process: subprocess.Popen[str], playbook: str, timeout: float = 180) -> Result:
    """Wait for a started playbook and return what it left."""
    process.wait(timeout)
    return Result(process.returncode, (fleet.folder / f"{playbook}.log").read_text())


def configured(fleet: Fleet, host: str, package: str, version: str) -> int:
    """How often dpkg brought a package to a version, by dpkg's own log."""
    wanted = f" configure {package}:all {version} "
    return sum(wanted in line for line in fleet.lab.host(host).read("/var/log/dpkg.log").splitlines())


def reboots(fleet: Fleet, host: str) -> int:
    """How often the host has rebooted since the lab made it."""
    return fleet.lab.host(host).log.read_text(errors="replace").count("systemd-nspawn ended with 133")
