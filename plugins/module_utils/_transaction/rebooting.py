# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reboot a host at most once for a plan: the journal remembers the boot id that the reboot was asked in."""

import os
import subprocess
import time
from typing import Any, Dict, List, Optional

from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host
from ansible_collections.lockstep.patching.plugins.module_utils._transaction import process, tokens
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.journal import Found, Journal, read
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.outcome import Stop, empty
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.places import Places
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.restart import systemd


def state() -> Dict[str, Any]:
    """{boot_id, uptime_ms, kernel}."""
    with open("/proc/uptime") as handle:
        uptime = handle.read().split()[0]
    whole, _dot, part = uptime.partition(".")
    return {
        "boot_id": process.boot_id(),
        "uptime_ms": int(whole) * 1000 + int((part + "000")[:3]),
        "kernel": os.uname().release,
    }


def decide(journals: List[Found], boot_id: str, owed_in: Optional[str] = None) -> str:
    """Pure. For a plan with these journals: reboot, done (it has rebooted since it was asked, or since the boot that it
    is owed in), or running."""
    if any(found.state == "running" for found in journals):
        return "running"
    asked = [record.data["boot_id"] for found in journals for record in found.records if record.step == "rebooting"]
    if owed_in:
        asked.append(owed_in)
    return "done" if any(each != boot_id for each in asked) else "reboot"


def reboot(request: Dict[str, Any], places: Places, host: Host, check: bool, clock: Any = time.time) -> Dict[str, Any]:
    """Return state() and {outcome: rebooting | already_rebooted | refused | failed | would_reboot, error, changed}."""
    result = dict(state(), outcome="rebooting", error=None, changed=True)
    try:
        if check:
            tokens.check(places.token, request["ledger_id"], request["token"])
            found = [found for _name, found in _of_plan(request, places)]
            if decide(found, result["boot_id"], request["boot_id"]) == "done":
                return dict(result, outcome="already_rebooted", changed=False)
            return dict(result, outcome="would_reboot")
        places.make()
        tokens.accept(places.token, request["ledger_id"], request["token"])
        with tokens.locked(places.lock, timeout=5):
            journals = _of_plan(request, places)
            action = decide([found for _name, found in journals], result["boot_id"], request["boot_id"])
            if action == "done":
                return dict(result, outcome="already_rebooted", changed=False)
            if action == "running":
                raise tokens.Busy("a transaction of this plan still runs")
            _note(request, places, journals[-1][0] if journals else None, result["boot_id"], int(clock() * 1000))
            _start(request["delay"], host)
    except tokens.Superseded as error:
        stop = Stop("refused", str(error), "the run with token %d" % error.highest, "nothing: the newer run goes on")
        result.update(outcome=stop.outcome, error=stop.error, changed=False)
    except (tokens.Busy, OSError) as error:
        stop = Stop(
            "failed", "the reboot was not started: %s" % error, places.state, "let what runs end, then run again"
        )
        result.update(outcome=stop.outcome, error=stop.error, changed=False)
    return result


def _of_plan(request, places):
    """[(transaction, Found)] of the plan, oldest first."""
    if not os.path.isdir(places.journals):
        return []
    found = [
        (name, read(places.journal(name), process.alive)) for name in os.listdir(places.journals) if name[0] != "."
    ]
    mine = [each for each in found if each[1].begin.get("plan_id") == request["plan_id"]]
    return sorted(mine, key=lambda each: each[1].records[0].ms)


def _note(request: Dict[str, Any], places: Places, transaction: Optional[str], boot_id: str, ms: int) -> None:
    """Write `rebooting` before the reboot is started; a plan without a journal here gets one."""
    data = {"boot_id": boot_id, "token": request["token"]}
    if transaction:
        journal = Journal.resume(places.journal(transaction))
    else:
        name = "reboot-" + request["plan_id"][:32]
        keys = ("ledger_id", "token", "plan_id")
        begin = {key: request[key] for key in keys}
        begin.update(transaction=name, boot_id=boot_id, before={}, auto=[], holds=[], lines=[])
        journal = Journal.create(places.journal(name), ms, begin)
        journal.append("result", empty(dict(request, transaction=name, attempt=0), "nothing"), ms)
    journal.append("rebooting", data, ms)
    journal.close()


def _start(delay, host):
    """Start the reboot apart from this process, after delay seconds."""
    if systemd():
        unit = "lockstep-reboot-{0}".format(int(time.time() * 1000))
        timer = ["--unit=" + unit]
        if delay:
            timer += ["--on-active={0}".format(delay), "--timer-property=AccuracySec=100ms"]
        run = host.run(["systemd-run", "--quiet", "--no-ask-password"] + timer + ["systemctl", "reboot"], 60)
        if run.rc:
            raise OSError("systemd-run: " + (run.err or run.out).strip()[-300:])
        return
    program = host.which("reboot") or host.which("shutdown")
    if not program:
        raise OSError("this host has neither reboot nor shutdown")
    command = [program] if program.endswith("reboot") else [program, "-r", "now"]
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(delay)
            subprocess.call(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os._exit(0)
    os.waitpid(child, 0)
