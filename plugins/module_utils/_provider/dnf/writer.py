# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The writing side of dnf 4: its bindings, given the plan's files and no repository."""

import time
from typing import Any, Dict, List, Optional, Set

from ansible_collections.lockstep.patching.plugins.module_utils._model import rpm_version
from ansible_collections.lockstep.patching.plugins.module_utils._model.state import Unknown
from ansible_collections.lockstep.patching.plugins.module_utils._model.transaction import (
    Installed,
    Key,
    Line,
    Offered,
    Said,
    Snapshot,
    Step,
)
from ansible_collections.lockstep.patching.plugins.module_utils._parse import dnf_settings, rpm_output
from ansible_collections.lockstep.patching.plugins.module_utils._provider.contract import Ended, Simulated, Writer
from ansible_collections.lockstep.patching.plugins.module_utils._provider.dnf import bindings, change
from ansible_collections.lockstep.patching.plugins.module_utils._provider.dnf.files import DnfFiles
from ansible_collections.lockstep.patching.plugins.module_utils._provider.dnf.reader import (
    LOCK_FILES,
    REBOOT,
    VERSIONLOCK,
)
from ansible_collections.lockstep.patching.plugins.module_utils._provider.logged import run_logged, tail
from ansible_collections.lockstep.patching.plugins.module_utils._provider.rpm import database, package


class DnfWriter(Writer):
    """By change.py: what it simulates and what it does is one piece of code."""

    name = "dnf"
    lock = database.LOCKS[0]

    def _command(self, question: Dict[str, Any]) -> List[str]:
        python = bindings.interpreter(self.host)
        if python is None:
            raise Unknown("dnf", "dnf is not there any more", "install it again")
        return bindings.command(python, change, question)

    def _ask(self, question: Dict[str, Any], what: str) -> Dict[str, Any]:
        return bindings.answer(self.host.run(self._command(question), env=bindings.ENVIRONMENT), what)

    def snapshot(self) -> Snapshot:
        rows = self._ask({"ask": "snapshot"}, "packages")["installed"]
        wrong = database.trouble(self.host, rows)
        locks = [
            entry.pattern
            for entry in dnf_settings.parse_versionlock(self.host.read_or(VERSIONLOCK), VERSIONLOCK)
            if entry.kind == "lock"
        ]
        installed: Dict[Key, Installed] = {}
        auto = set()
        for row in sorted(rows, key=lambda each: rpm_version.version_key(each["version"])):
            key = (row["name"], row["arch"])
            held = any(dnf_settings.names(pattern, row["name"]) for pattern in locks)
            state = wrong.get(key, "installed")
            installed[key] = Installed(row["version"], held, state, row["size"], set(row["related"]))
            if row["auto"]:
                auto.add(key)
        trouble = sorted("{0}:{1} {2}".format(name, arch, what) for (name, arch), what in wrong.items())
        return Snapshot(installed, auto, trouble, _native(rows), "noarch")

    def newer(self, left: str, right: str) -> bool:
        return rpm_version.newer(left, right)

    def stage(self, lines: List[Line], work_dir: str) -> List[Offered]:
        return package.stage(DnfFiles, self.host, lines, self.files_dir, self.control_dir, work_dir + "/repo")

    def _question(self, work_dir: str, removals: bool, commit: bool) -> Dict[str, Any]:
        files = package.staged(self.host, work_dir + "/repo")
        return {"ask": "change", "files": files, "removals": removals, "commit": commit}

    goes_back = True

    def simulate_back(self, work_dir: str, lines: List[Line], snapshot: Snapshot) -> Simulated:
        said = self._ask(self._back(work_dir, lines, False), "the simulated way back")
        return Simulated(said["rc"], [Step(*each) for each in said["steps"]], [], said["reasons"][:20])

    def apply_back(
        self, work_dir: str, lines: List[Line], log_path: str, timeout: float, lock_timeout: float, tick: Any = None
    ) -> Ended:
        return self._run(self._back(work_dir, lines, True), log_path, timeout, tick)

    def _back(self, work_dir: str, lines: List[Line], commit: bool) -> Dict[str, Any]:
        remove = [[line.package, line.arch] for line in lines if line.action == "remove"]
        question = self._question(work_dir, bool(remove), commit)
        return dict(question, back=True, remove=remove)

    def simulate(self, work_dir: str, snapshot: Snapshot, fix: bool = False) -> Simulated:
        if fix:
            return Simulated(0, [], [], [])  # what is wrong is put right by installing it anew, with the rest
        said = self._ask(self._question(work_dir, True, False), "the simulated upgrade")
        return Simulated(said["rc"], [Step(*each) for each in said["steps"]], [], said["reasons"][:20])

    def apply(
        self,
        work_dir: str,
        log_path: str,
        timeout: float,
        lock_timeout: float,
        removals: bool,
        fix: bool = False,
        tick: Any = None,
    ) -> Ended:
        if fix:
            return Ended(0, [])
        return self._run(self._question(work_dir, removals, True), log_path, timeout, tick)

    def _run(self, question: Dict[str, Any], log_path: str, timeout: float, tick: Any) -> Ended:
        command = self._command(question)
        ended = run_logged(self.host, command, bindings.ENVIRONMENT, log_path, timeout, tick)
        database.remember_scripts(self.host, {each.package: each.script for each in _failed(tail(log_path))})
        return ended

    def configure(self, log_path: str, timeout: float, tick: Any = None) -> Ended:
        """rpm leaves nothing unpacked that waits to be configured."""
        return Ended(0, [])

    def said(self, log_text: str, ended: Ended) -> Said:
        failures = _failed(log_text) if ended.rc != 0 else []
        errors = [line[len("Error: ") :] for line in log_text.splitlines() if line.startswith("Error: ")]
        return Said(failures, errors, rpm_output.out_of_space(log_text))

    def conffiles(self, log_text: str, begin_ms: int) -> List[Dict[str, str]]:
        return rpm_output.parse_kept(log_text)

    def is_kernel(self, name: str) -> bool:
        return database.is_kernel(name)

    def reboot_reasons(self, steps: List[Step]) -> List[Dict[str, str]]:
        found = super(DnfWriter, self).reboot_reasons(steps)
        names = database.reboot_names(self.host, REBOOT)
        changed = sorted({step.name for step in steps if step.name in names and step.version is not None})
        if changed:
            text = "in effect only after a reboot: " + ", ".join(changed[:10])
            found.append({"signal": "needs-restarting", "text": text})
        return found

    def mark(self, auto: Set[Key], manual: Set[Key], hold: Set[Key], unhold: Set[Key]) -> None:
        """Version locks are a file of the admin's that no transaction changes: only marks are put back."""
        for verb, keys in (("remove", auto), ("install", manual)):
            if keys:
                names = sorted("{0}.{1}".format(*key) for key in keys)
                self.host.run(["dnf", "-q", "-y", "--disablerepo=*", "mark", verb] + names)

    def wait_for_locks(self, timeout: float, sleep: Any = time.sleep, clock: Any = time.monotonic) -> Optional[int]:
        end = clock() + timeout
        while True:
            holder = database.locked_by(self.host, LOCK_FILES)
            if holder is None or clock() >= end:
                return holder
            sleep(0.1)


def _failed(log_text):
    return rpm_output.parse_scripts(log_text)


def _native(rows):
    return next((row["arch"] for row in rows if row["arch"] != "noarch"), "")
