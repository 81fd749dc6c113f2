# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have a plan's files, and those of the versions installed now, on this host before the window."""

import os
import shutil
import tempfile
from typing import Any, Dict, List, Set

from ansible_collections.lockstep.patching.plugins.module_utils._model.state import Unknown
from ansible_collections.lockstep.patching.plugins.module_utils._model.transaction import Line, line_from
from ansible_collections.lockstep.patching.plugins.module_utils._provider import control, writers
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host
from ansible_collections.lockstep.patching.plugins.module_utils._transaction import files, tokens
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.outcome import Stop
from ansible_collections.lockstep.patching.plugins.module_utils._transaction.places import Places

MARGIN = 64 * 1024 * 1024
LOCK = 600.0  # seconds to wait for another acquire on this host
NOT_OFFERED = "its repositories do not offer this version any more"


class Acquire(object):
    """One call. request: mode, plan_id, ledger_id, token, lines, wanted_old, max_bytes, timeout."""

    def __init__(self, request: Dict[str, Any], places: Places, host: Host) -> None:
        self.request = request
        self.places = places
        self.host = host
        manager = writers.manager_of(host)
        if manager is None:
            raise Unknown("acquire", "the host has no package manager that can carry out a plan", "retire it")
        self.manager = writers.files(manager, host, request["timeout"])
        self.lines = [line for line in map(line_from, request["lines"]) if line.action != "remove"]
        self.old = [(each["name"], each["arch"], each["version"]) for each in request["wanted_old"]]
        self.result = {
            "outcome": "done", "error": None, "changed": False, "files_dir": places.files, "lines": [], "old": [],
            "pruned": [], "bytes": 0,
        }  # fmt: skip
        self.note = ""

    def run(self, check: bool) -> Dict[str, Any]:
        """Return {outcome: done|failed|refused, error, changed, files_dir, lines, old, pruned, bytes}."""
        try:
            if check:
                tokens.check(self.places.token, self.request["ledger_id"], self.request["token"])
                self._look()
                return self.result
            self.places.make_cache()
            tokens.accept(self.places.token, self.request["ledger_id"], self.request["token"])
            with tokens.locked(os.path.join(self.places.cache, "lock"), timeout=LOCK):
                self._fetch()
        except tokens.Superseded as error:
            self._stop(
                Stop("refused", str(error), "the run with token %d" % error.highest, "nothing: the newer run goes on")
            )
        except tokens.Busy as error:
            self._stop(Stop("failed", str(error), self.places.cache, "let the other acquire end, then run again"))
        except OSError as error:
            where = error.filename or self.places.files
            self._stop(
                Stop("failed", "cannot stage files: %s" % error.strerror, where, "free some space, then run again")
            )
        except Stop as stop:
            self._stop(stop)
        return self.result

    def _stop(self, stop):
        self.result.update(outcome=stop.outcome, error=stop.error)

    def _look(self):
        """Check mode: what is there, by name and size."""
        for line in self.lines:
            there = bool(line.sha256) and os.path.exists(self.places.file(line.sha256))
            self._say(line, "staged" if there else "missing", "" if there else "would be fetched")
            self.result["changed"] = self.result["changed"] or not there

    def _fetch(self):
        needed: List[Line] = []
        for line in self.lines:
            if not line.sha256:
                self._say(line, "missing", "the plan has no checksum of it")
            elif files.is_whole(self.places, line.sha256, line.size):
                self._say(line, "staged", "")
            else:
                needed.append(line)
        adopt = self.request["mode"] == "adopt"
        old = self._known_old()
        for key in old if adopt else []:
            self._say_old(key, reason="it is not staged, and adopt does not fetch")
        self._make_room(needed, {})
        for line in needed if adopt else []:
            self._take(line, self.places.file(line.sha256) + ".part", "it was not handed over")
        if not adopt and (needed or old):
            folder = tempfile.mkdtemp(prefix=".fetch-", dir=self.places.files)
            try:
                os.chmod(folder, 0o755)
                self._from_host(needed, old, folder)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        for line in self.lines:
            if line.sha256 and os.path.exists(self.places.file(line.sha256)):
                self._keep(line.sha256)
        self.result["bytes"] = files.total(self.places)

    def _from_host(self, needed, old, folder):
        """The host's own caches first, then its repositories; indexes are refreshed when they do not know a version."""
        for line in list(needed):
            path = self.manager.cached((line.package, line.arch, line.version))
            if path and self._adopted(path, line.sha256, line.size, move=False):
                self._say(line, "staged", "")
                needed.remove(line)
        wanted = {(line.package, line.arch, line.version): line for line in needed}
        offered = self.manager.offered(list(wanted) + old) if wanted or old else {}
        if any(key not in offered for key in wanted):
            self.note = self.manager.refresh()
            offered = self.manager.offered(list(wanted) + old)
        fetch = [key for key, line in wanted.items() if key in offered and offered[key].sha256 == line.sha256]
        fetch_old = [key for key in old if key in offered and key not in wanted and not self.manager.cached(key)]
        self._make_room(needed, {key: offered[key] for key in fetch_old})
        came, said = self.manager.download(fetch + fetch_old, folder) if fetch or fetch_old else ({}, "")
        for key, line in wanted.items():
            if key not in offered:
                note = "; {0}: {1}".format(self.manager.words.update, self.note) if self.note else ""
                self._say(line, "missing", NOT_OFFERED + note)
            elif key not in fetch:
                reason = "its repositories offer this version with another SHA-256: {0}".format(offered[key].sha256)
                self._say(line, "mismatch", reason)
            else:
                self._take(line, came.get(key, ""), said or "it could not be fetched")
        for key in old:
            self._take_old(key, came.get(key) or self.manager.cached(key), offered.get(key), said)

    def _take(self, line, path, why):
        if not path or not os.path.exists(path):
            self._say(line, "missing", why)
            return
        try:
            files.adopt(self.places, path, line.sha256, line.size, move=True)
        except ValueError as error:
            self._say(line, "mismatch", str(error))
            return
        self.result["changed"] = True
        self._say(line, "staged", "")

    def _take_old(self, key, path, offer, said):
        if not path:
            self._say_old(key, reason=said if offer else "neither its repositories nor its caches have this version")
            return
        moved = path.startswith(self.places.files)
        try:
            found = files.adopt(self.places, path, offer.sha256 if offer else None, None, move=moved)
        except ValueError as error:
            self._say_old(key, reason=str(error))
            return
        self._keep(found.sha256)
        self.result["changed"] = True
        self._say_old(key, found.sha256, found.size)

    def _known_old(self):
        """Report the old versions that are staged already; return the others."""
        known = {}
        for sha256, text in files.known_controls(self.places).items():
            stanza = self.manager.read(text)
            known[(stanza.name, stanza.arch, stanza.version)] = sha256
        left = []
        for key in self.old:
            if key in known and files.is_whole(self.places, known[key], None):
                self._say_old(key, known[key], os.stat(self.places.file(known[key])).st_size)
            else:
                left.append(key)
        return left

    def _keep(self, sha256):
        control.keep(type(self.manager), self.host, sha256, self.places.files, self.places.control)

    def _adopted(self, path, sha256, size, move):
        try:
            files.adopt(self.places, path, sha256, size, move)
        except ValueError:
            return False
        self.result["changed"] = True
        return True

    def _make_room(self, needed, offers):
        """Prune what no plan line needs; Stop when the rest has no room under the limit or on the disk."""
        coming = sum(line.size or 0 for line in needed) + sum(offer.size for offer in offers.values())
        keep: Set[str] = {line.sha256 for line in self.lines if line.sha256} | {
            each["sha256"] for each in self.result["old"]
        }
        limit = self.request["max_bytes"]
        state = os.statvfs(self.places.files)
        free = state.f_bavail * state.f_frsize
        allowed = min(limit - coming, files.total(self.places) + free - coming - MARGIN)
        self.result["pruned"] += files.prune(self.places, keep, max(0, allowed))
        staged = files.total(self.places)
        if staged + coming > limit:
            what = "the files need %d MiB, the limit is %d MiB" % ((staged + coming) >> 20, limit >> 20)
            raise Stop("failed", what, self.places.files, "raise max_bytes")
        state = os.statvfs(self.places.files)
        free = state.f_bavail * state.f_frsize
        if coming and free < coming + MARGIN:
            what = "%d MiB free, %d MiB needed" % (free >> 20, (coming + MARGIN) >> 20)
            raise Stop("failed", what, self.places.files, "free some space, then run again")

    def _say(self, line: Line, status: str, reason: str) -> None:
        said = {"package": line.package, "arch": line.arch, "version": line.version, "sha256": line.sha256}
        path = self.places.file(line.sha256) if status == "staged" and line.sha256 else None
        self.result["lines"].append(dict(said, size=line.size, status=status, reason=reason[:600], path=path))

    def _say_old(self, key, sha256=None, size=None, reason=""):
        said = {"name": key[0], "arch": key[1], "version": key[2], "sha256": sha256, "size": size}
        self.result["old"].append(dict(said, path=self.places.file(sha256) if sha256 else None, reason=reason[:600]))
