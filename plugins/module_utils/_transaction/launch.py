# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module's side: find what is already there, start a runner when one is needed, wait for the journal."""

import json
import os
import shutil
import tempfile
import time
from typing import Any, Dict, List, Optional, Tuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.transaction import line_from
from ansible_collections.lockstep.patching.plugins.module_utils._provider import writers
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host
from ansible_collections.lockstep.patching.plugins.module_utils._transaction import detach, prepare, runner, tokens
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.journal import Found, read
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.outcome import Stop, empty
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.places import Places, make_folder
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.process import alive

DONE = ("installed", "nothing")
START = 30.0  # seconds until a started runner has written its first record
KEEP = 20  # work folders


def transact(
    request: Dict[str, Any], places: Places, host: Host, sleep: Any = time.sleep, clock: Any = time.monotonic
) -> Dict[str, Any]:
    """Return the transaction's result: of one that is finished, of one that runs (after waiting for it), or of a new
    one."""
    places.make()
    try:
        tokens.accept(places.token, request["ledger_id"], request["token"])
    except tokens.Superseded as error:
        stop = Stop(
            "refused",
            str(error),
            "the run with token %d" % error.highest,
            "nothing: the newer run goes on with this host",
        )
        return dict(empty(request, "refused"), error=stop.error)
    try:
        request = dict(request, manager=manager(host))
    except Stop as refused:
        return dict(empty(request, refused.outcome), error=refused.error)
    # loaded here, so that it is part of the runner's copy of the code
    writers.writer(request["manager"], host, places.files, places.control)
    transaction, found = earlier(request, places)
    request = dict(request, transaction=transaction)
    if found.state == "finished" and not _again(request, found, host, places):
        return dict(found.result or {}, attached="finished")
    if found.state == "running":
        result = wait(request, places, found.attempt, "running", sleep, clock)
        found = read(places.journal(transaction), alive)
        if not _refused_for(request, found):
            return result
    request["attempt"] = max(request["attempt"], found.attempt + 1)
    try:
        _start(request, places, host)
    except OSError as error:
        stop = Stop(
            "failed",
            "the runner could not be started: %s" % error,
            places.work(transaction),
            "mend that, then run again",
        )
        return dict(empty(request, "failed"), error=stop.error)
    return wait(request, places, request["attempt"], None, sleep, clock)


def manager(host: Host) -> str:
    """The host's package manager; Stop when it has none that can carry out a plan."""
    found = writers.manager_of(host)
    if found is None:
        raise Stop("refused", "the host has no package manager that can carry out a plan", "the host", "retire it")
    return found


def earlier(request: Dict[str, Any], places: Places) -> Tuple[str, Found]:
    """The transaction that this request is about: its own, or an earlier one of the same plan that must be finished
    first."""
    own = read(places.journal(request["transaction"]), alive)
    if own.state != "none":
        return request["transaction"], own
    best: Optional[Tuple[str, Found]] = None
    for name in sorted(os.listdir(places.journals)):
        found = None if name.startswith(".") else read(places.journal(name), alive)
        if not found or found.begin.get("plan_id") != request["plan_id"]:
            continue
        if found.state in ("running", "interrupted"):
            return name, found
        if (
            found.result
            and found.result["outcome"] in DONE
            and (not best or found.records[0].ms > best[1].records[0].ms)
        ):
            best = name, found
    if best and not _again(request, best[1], None, places):
        return best
    return request["transaction"], own


def _again(request: Dict[str, Any], found: Found, host: Optional[Host], places: Places) -> bool:
    """Has a finished transaction to be carried through once more?"""
    outcome = (found.result or {}).get("outcome")
    if outcome not in DONE:
        return bool(request["attempt"] > found.attempt) or _refused_for(request, found)
    # its own id: the answer was given; another id: only while the host still has what it installed
    if found.begin.get("transaction") == request["transaction"]:
        return False
    writer = writers.writer(request["manager"], host or Host(), places.files, places.control)
    return bool(
        prepare.expected_of(writer, writer.snapshot(), [line_from(line) for line in request["lines"]], request).must
    )


def _refused_for(request: Dict[str, Any], found: Found) -> bool:
    """Was the last attempt refused because this request's run, or one before it, had taken over from the run that made
    it? Nothing was done then."""
    attempts = [record for record in found.records if record.step == "attempt"]
    outcome = (found.result or {}).get("outcome")
    return bool(attempts) and outcome == "refused" and bool(attempts[-1].data["token"] < request["token"])


def wait(
    request: Dict[str, Any], places: Places, attempt: int, attached: Optional[str], sleep: Any, clock: Any
) -> Dict[str, Any]:
    """Follow the journal until this attempt has ended; `unknown` when it died or takes longer than it may."""
    path = places.journal(request["transaction"])
    started = clock()
    limit = request["timeout"] * 2 + request["lock_timeout"] * 2 + 300
    pause = 0.02
    while True:
        found = read(path, alive)
        if found.attempt >= attempt and found.state == "finished":
            return dict(found.result or {}, attached=attached)
        waited = clock() - started
        if found.attempt >= attempt and found.state == "interrupted":
            return _unknown(request, found, "the runner has died without a result", attached)
        if found.attempt < attempt and waited > START:
            return _unknown(
                request, found, "the runner has not begun within %d s%s" % (START, _errors(places, request)), attached
            )
        if waited > limit:
            return _unknown(request, found, "the transaction still runs after %d s" % limit, attached)
        sleep(pause)
        pause = min(pause * 1.1, 0.2)


def _unknown(request: Dict[str, Any], found: Found, why: str, attached: Optional[str]) -> Dict[str, Any]:
    step = found.records[-1].step if found.records else "none"
    stop = Stop(
        "unknown",
        "%s (last step: %s)" % (why, step),
        "journal of %s" % request["transaction"],
        "run again: it looks at the host, repairs what was left half done and goes on",
    )
    return dict(empty(request, "unknown"), error=stop.error, attached=attached)


def _start(request: Dict[str, Any], places: Places, host: Host) -> None:
    work = places.work(request["transaction"])
    _prune(os.path.dirname(work))
    make_folder(work, 0o700)
    path = os.path.join(work, "request.{0}.json".format(request["attempt"]))
    with open(path, "w", encoding="utf-8") as handle:
        json.dump(dict(request, places=list(places)), handle)
    code = os.path.join(work, "runner.zip")
    detach.bundle(code, runner.__name__)
    detach.start(host, "lockstep-{0}-{1}".format(request["transaction"], request["attempt"]), code, path)


def _prune(folder: str) -> None:
    """Keep the newest work folders; journals stay."""
    paths = [os.path.join(folder, name) for name in os.listdir(folder)]
    for path in sorted(paths, key=os.path.getmtime)[:-KEEP]:
        shutil.rmtree(path, ignore_errors=True)


def _errors(places: Places, request: Dict[str, Any]) -> str:
    try:
        with open(
            os.path.join(places.work(request["transaction"]), "runner.err"), encoding="utf-8", errors="replace"
        ) as handle:
            last = handle.read()[-2000:].strip().splitlines()[-1:]
    except OSError:
        last = []
    return ": " + last[0] if last else ""


def rehearse(request: Dict[str, Any], places: Places, host: Host) -> Tuple[Dict[str, Any], Dict[str, str]]:
    """Check mode: (result with outcome would_install, nothing, refused or failed; diff). Leaves nothing behind."""
    result = empty(request, "nothing")
    lines = [line_from(line) for line in request["lines"]]
    before: List[str] = []
    now: List[str] = []
    work = tempfile.mkdtemp(prefix="lockstep-check-")
    try:
        tokens.check(places.token, request["ledger_id"], request["token"])
        writer = writers.writer(manager(host), host, places.files, places.control)
        request = dict(request, pinned=prepare.pins(host))
        snapshot = writer.snapshot()
        staged = prepare.stage(writer, places, snapshot, lines, request, work)
        if request.get("back"):
            prepared = prepare.prepare_back(writer, snapshot, staged, staged.expected, lines, work)
        else:
            prepared = prepare.prepare(writer, snapshot, staged, staged.expected, work)
        result.update(
            newer=prepared.expected.newer,
            kept_back=[each._asdict() for each in prepared.kept],
            manager=snapshot.trouble,
        )
        for step in sorted(prepared.steps, key=lambda each: (each.name, each.arch)):
            result["packages"].append(
                {
                    "name": step.name,
                    "arch": step.arch,
                    "action": step.action,
                    "before": step.installed,
                    "after": step.version,
                    "planned": step.version,
                }
            )
            before.append("{0}:{1} {2}".format(step.name, step.arch, step.installed or "(not installed)"))
            now.append("{0}:{1} {2}".format(step.name, step.arch, step.version or "(removed)"))
        result.update(outcome="would_install" if prepared.steps else "nothing", changed=bool(prepared.steps))
    except tokens.Superseded as error:
        result.update(
            outcome="refused",
            error={"what": str(error), "where": "the run with token %d" % error.highest, "next": "nothing"},
        )
    except Stop as stop:
        result.update(outcome=stop.outcome, error=stop.error)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return result, {"before": "\n".join(before) + "\n" if before else "", "after": "\n".join(now) + "\n" if now else ""}
