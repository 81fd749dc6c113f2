# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The process that carries a transaction through, apart from the connection that asked for it.

It runs from a copy of its own code, imports nothing of Ansible, and says all that it has to say in the journal.
"""

import json
import os
import signal
import time
from typing import Any, Dict

from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host
from ansible_collections.lockstep.patching.plugins.module_utils._transaction import tokens
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.carry import Carry
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.journal import Journal, read
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.outcome import Stop
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.places import Places
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.process import alive, myself


def now_ms():
    return int(time.time() * 1000)


def _go_on(_number: int, _frame: Any) -> None:
    """What a signal does: nothing."""


def main(path: str) -> int:
    """path: the request, JSON as `launch` writes it. The exit status says only whether a result was recorded."""
    # a shutdown or a stop of the unit waits until the package manager is done; a killed one must not be left behind.
    # A handler, because children would inherit that a signal is ignored, and could then not be stopped.
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _go_on)
    with open(path, encoding="utf-8") as handle:
        request = json.load(handle)
    places = Places(*request["places"])
    journal_path = places.journal(request["transaction"])
    try:
        with tokens.locked(places.work(request["transaction"]) + "/lock"):
            return work(request, places, journal_path)
    except tokens.Busy:
        return 0  # another runner carries this very transaction, and records its result


def work(request: Dict[str, Any], places: Places, journal_path: str) -> int:
    found = read(journal_path, alive)
    if found.state == "finished" and found.attempt >= request["attempt"]:
        return 0
    host = Host()
    carry = Carry(request, places, host, now_ms)
    if found.state == "none":
        journal = Journal.create(journal_path, now_ms(), carry.begin())
    else:
        journal = Journal.resume(journal_path)
    journal.append("attempt", dict(myself()._asdict(), attempt=request["attempt"], token=request["token"]), now_ms())
    carry.journal = journal
    try:
        with tokens.locked(places.lock, timeout=request["lock_timeout"]):
            tokens.accept(places.token, request["ledger_id"], request["token"])
            result = carry.run()
    except tokens.Superseded as error:
        result = carry.stopped(
            Stop(
                "refused",
                str(error),
                "the run with token %d" % error.highest,
                "nothing: the newer run goes on with this host",
            )
        )
    except tokens.Busy:
        result = carry.stopped(
            Stop(
                "failed",
                "another transaction has held this host's lock for %d s" % request["lock_timeout"],
                places.lock,
                "look at the newest journal in %s, then run again" % places.journals,
            )
        )
    except Stop as stop:
        result = carry.stopped(stop)
    except Exception as error:  # whatever it was, the journal must end with what is known
        result = carry.stopped(
            Stop(
                "failed",
                "%s: %s" % (type(error).__name__, error),
                "the runner of the transaction",
                "look at %s" % os.path.join(places.work(request["transaction"]), "log"),
            )
        )
    carry.record_result(result)
    return 0
