# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One transaction on this host, step by step, under the host's lock."""

import os
import time
from typing import Any, Dict, List

from ansible_collections.lockstep.patching.plugins.module_utils._model.transaction import Snapshot, line_from
from ansible_collections.lockstep.patching.plugins.module_utils._provider import writers
from ansible_collections.lockstep.patching.plugins.module_utils._provider.contract import Ended
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host
from ansible_collections.lockstep.patching.plugins.module_utils._provider.logged import tail
from ansible_collections.lockstep.patching.plugins.module_utils._transaction import (
    after,
    prepare,
    process,
    restart,
    space,
)
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.journal import Journal, JournalFull
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.outcome import Stop, empty, shrink
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.places import Places


class Carry(object):
    """Steps of one attempt. The caller sets `journal` before run()."""

    journal: Journal

    def __init__(self, request: Dict[str, Any], places: Places, host: Host, clock: Any) -> None:
        self.request = request
        self.places = places
        self.host = host
        self.clock = clock
        self.lines = [line_from(line) for line in request["lines"]]
        self.work = places.work(request["transaction"])
        self.log = os.path.join(self.work, "log.{0}".format(request["attempt"]))
        self.writer = writers.writer(request["manager"], host, places.files, places.control)
        self.result = empty(request, "unknown")
        self.result.update(log=self.log, boot_id=process.boot_id(), started_ms=clock())
        self._since = time.monotonic()

    def begin(self) -> Dict[str, Any]:
        """Data of the journal's first record: what was there before anything changed."""
        snapshot = self.writer.snapshot()
        return dict(
            ((key, self.request[key]) for key in ("ledger_id", "token", "plan_id", "transaction")),
            boot_id=process.boot_id(),
            before=after.versions(snapshot, self.lines),
            auto=_texts(snapshot.auto),
            holds=_texts(snapshot.holds),
            lines=[[line.package, line.arch, line.action, line.version, line.sha256] for line in self.lines],
        )

    def run(self) -> Dict[str, Any]:
        """Carry the transaction through and return its result; Stop for an end before or without a change."""
        holder = self.writer.wait_for_locks(self.request["lock_timeout"])
        if holder is not None:
            raise Stop(
                "failed",
                "the lock of {0} was held for {1} s by process {2} ({3})".format(
                    self.writer.words.database,
                    self.request["lock_timeout"],
                    holder,
                    process.command(holder) or "of another container",
                ),
                self.writer.lock,
                "let it end, or end it, then run again; nothing was changed",
            )
        self._time("lock")
        self.request["pinned"] = prepare.pins(self.host)
        snapshot = self.writer.snapshot()
        staged = prepare.stage(self.writer, self.places, snapshot, self.lines, self.request, self.work)
        self._time("index")
        if snapshot.trouble:
            snapshot = self._repair(snapshot)
            self._time("repair")
        expected = prepare.expected_of(self.writer, snapshot, self.lines, self.request)
        prepared = self._prepared(snapshot, staged, expected)
        self.result.update(newer=expected.newer, kept_back=[each._asdict() for each in prepared.kept])
        self._time("simulate")
        ended = Ended(0, [])
        if prepared.steps:
            ended = self._apply(snapshot, staged, prepared)
            self._time("apply")
        return self._finish(prepared, ended)

    def _prepared(self, snapshot, staged, expected):
        if self.request.get("back"):
            return prepare.prepare_back(self.writer, snapshot, staged, expected, self.lines, self.work)
        return prepare.prepare(self.writer, snapshot, staged, expected, self.work)

    def stopped(self, stop: Stop) -> Dict[str, Any]:
        """The result of an end by Stop; after a repair the host may have changed all the same."""
        self.result.update(outcome=stop.outcome, error=stop.error)
        if self.result["repaired"]:
            self._changes(self.writer.snapshot())
        return self.result

    def record_result(self, result: Dict[str, Any]) -> None:
        result["finished_ms"] = self.clock()
        try:
            self.journal.append("result", result, self.clock())
        except JournalFull:
            self.journal.append("result", shrink(result), self.clock())

    def _apply(self, snapshot: Snapshot, staged: prepare.Staged, prepared: prepare.Prepared) -> Ended:
        sizes = {"{0}:{1}".format(each.name, each.arch): each.size for each in staged.stanzas}
        before = {"{0}:{1}".format(*key): each.size for key, each in snapshot.installed.items()}
        lacking = space.lacking(space.needs(prepared.steps, sizes, before, self.writer.is_kernel, *space.boot_facts()))
        if lacking:
            raise Stop(
                "failed",
                "not enough free space: " + "; ".join(lacking),
                lacking[0].split(":")[0],
                "free some, then run again; nothing was changed",
            )
        self.journal.append("apply", {"steps": [list(step) for step in prepared.steps][:2000]}, self.clock())
        if prepared.back:
            timeout, lock_timeout = self.request["timeout"], self.request["lock_timeout"]
            return self.writer.apply_back(self.work, prepared.back, self.log, timeout, lock_timeout)
        return self.writer.apply(
            self.work,
            self.log,
            self.request["timeout"],
            self.request["lock_timeout"],
            removals=any(step.action == "remove" for step in prepared.steps),
        )

    def _repair(self, snapshot: Snapshot) -> Snapshot:
        """Finish what an earlier run left behind: configure it, and what that does not mend, from the private index
        alone."""
        self.result["repaired"] = True
        self.journal.append("repair", {"trouble": snapshot.trouble[:200]}, self.clock())
        self.writer.configure(self.log, self.request["timeout"])
        found = self.writer.snapshot()
        if found.trouble:
            fix = self.writer.simulate(self.work, found, fix=True)
            allowed = prepare.expected_of(self.writer, found, self.lines, self.request)
            verdict = prepare.judge(allowed, fix.steps, {})
            if fix.rc == 0 and not verdict.unexpected:
                self.writer.apply(
                    self.work, self.log, self.request["timeout"], self.request["lock_timeout"], False, fix=True
                )
                found = self.writer.snapshot()
        # what the upgrade itself will replace may stay as it is: a package that is unpacked anew is whole again
        if found.trouble:
            fatal = [text for text in found.trouble if text.split(" ")[0] not in self._planned()]
            if fatal:
                raise Stop(
                    "failed",
                    "{0} was interrupted and is not to be repaired from the plan's files: {1}".format(
                        self.writer.words.database, prepare.some(fatal)
                    ),
                    self.log,
                    self.writer.words.repair + " on the host; then run again",
                )
        return found

    def _planned(self):
        return {"{0}:{1}".format(line.package, line.arch) for line in self.lines}

    def _finish(self, prepared: prepare.Prepared, ended: Ended) -> Dict[str, Any]:
        now = self.writer.snapshot()
        if now.trouble and ended.rc not in (0, None):
            # what a failed package kept from being configured may still be finished
            self.writer.configure(self.log, self.request["timeout"])
            now = self.writer.snapshot()
        begin = self.journal.records[0].data
        self._changes(now)
        self.result.update(
            marks=after.keep_marks(self.writer, now, begin),
            manager=now.trouble[:50],
            conffiles=self.writer.conffiles(tail(self.log), self.journal.records[0].ms),
        )
        wrong = after.wrong(prepared, now)
        error = after.problem(self.writer, ended, now, wrong, self.result, self.log, self.request["timeout"])
        self.result.update(outcome=after.outcome(error, self.result["packages"]), error=error)
        if error:
            self.result["log_tail"] = after.last_lines(self.log)
        self._time("check")
        if self.result["changed"]:
            owed = self.writer.reboot_reasons(prepared.steps)
            wanted, follows = self.request["restart_services"], self.request["reboot_follows"]
            self.result.update(restart.after_run(self.host, wanted, bool(owed), follows))
            self.result["reboot_reasons"].extend(owed)
            self._time("restart")
        return self.result

    def _changes(self, now: Snapshot) -> None:
        begin = self.journal.records[0].data
        upgrade = "downgrade" if self.request.get("back") else "upgrade"
        packages = after.changes(begin["before"], after.versions(now, self.lines), begin["lines"], upgrade)
        self.result.update(packages=packages, changed=bool(packages) or self.result["repaired"])

    def _time(self, name):
        now = time.monotonic()
        self.result["timings"][name] = int((now - self._since) * 1000)
        self._since = now


def _texts(keys: Any) -> List[str]:
    return sorted("{0}:{1}".format(*key) for key in keys)
