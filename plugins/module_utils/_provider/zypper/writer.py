# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The writing side of zypper: stage, simulate, apply, repair, each from a private repository of the plan's files only.

The repository is a plain folder of rpm files (zypp's type plaindir), with a cache of its own, so neither the host's
repositories nor their priorities take part; locks, vendors and marks stay the host's own.
"""

import hashlib
import os
import time
from typing import Any, Dict, List, Optional, Set

from ansible_collections.lockstep.patching.plugins.module_utils._model.rpm_version import newer
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
from ansible_collections.lockstep.patching.plugins.module_utils._parse import rpm_query, zypp_files, zypper_output
from ansible_collections.lockstep.patching.plugins.module_utils._provider import control
from ansible_collections.lockstep.patching.plugins.module_utils._provider.contract import Ended, Simulated, Writer
from ansible_collections.lockstep.patching.plugins.module_utils._provider.logged import run_logged
from ansible_collections.lockstep.patching.plugins.module_utils._provider.zypper import database
from ansible_collections.lockstep.patching.plugins.module_utils._provider.zypper.files import ZypperFiles

REPO = """\
[lockstep-plan]
name=lockstep-plan
enabled=1
autorefresh=0
baseurl=dir://{0}/repo
type=plaindir
gpgcheck=0
"""
# gpgcheck: the files are those of the plan by their SHA-256, which the host's own signed metadata has given
OPTIONS = ["--no-recommends", "--auto-agree-with-licenses"]
TWICE = "twice"
CHUNK = 1024 * 1024


class ZypperWriter(Writer):
    """zypper and rpm. work_dir is a folder of this transaction; nothing outside it is used as a package source."""

    name = "zypper"
    lock = database.ZYPP_LOCK

    def snapshot(self) -> Snapshot:
        rpms = database.installed(self.host.run(["rpm", "-qa", "--qf", rpm_query.FORMAT]))
        half = {key for key, _group in database.half_done(self.host, rpms)}
        locks = zypp_files.parse_locks(self.host.read_or(database.LOCKS), database.LOCKS)
        auto = zypp_files.parse_auto(self.host.read_or(database.AUTO))
        installed: Dict[Key, Installed] = {}
        for each in rpms:  # the newest comes last
            state = TWICE if "{0}:{1}".format(each.name, each.arch) in half else "installed"
            held = any(lock.holds(each.name) for lock in locks)
            installed[(each.name, each.arch)] = Installed(each.version, held, state, each.size // 1024, each.needs)
        native = self.host.run(["rpm", "--eval", "%{_arch}"], timeout=30).out.strip()
        trouble = ["{0} is there in two versions".format(key) for key in sorted(half)]
        return Snapshot(installed, {key for key in installed if key[0] in auto}, trouble, native, "noarch")

    def newer(self, left: str, right: str) -> bool:
        return newer(left, right)

    def stage(self, lines: List[Line], work_dir: str) -> List[Offered]:
        for name in ("repo", "repos.d", "cache"):
            os.makedirs(self.host.path(work_dir + "/" + name), exist_ok=True)
        offered = []
        for line in lines:
            path = self.files_dir + "/" + str(line.sha256)
            if _sha256(self.host.path(path)) != line.sha256:
                raise Unknown("the file of {0}".format(line.package), "it has changed", "remove {0}".format(path))
            text = control.control_of(ZypperFiles, self.host, str(line.sha256), self.files_dir, self.control_dir)
            offered.append(control.offered(ZypperFiles, text, line, self.files_dir))
            # without the epoch: its colon would have to be quoted
            version = str(line.version).rpartition(":")[2]
            link = self.host.path("{0}/repo/{1}-{2}.{3}.rpm".format(work_dir, line.package, version, line.arch))
            if os.path.islink(link):
                os.unlink(link)
            os.symlink(path, link)
        with open(self.host.path(work_dir + "/repos.d/plan.repo"), "w", encoding="utf-8") as handle:
            handle.write(REPO.format(work_dir))
        run = self.host.run(self._command(work_dir) + ["--xmlout", "refresh", "--force"])
        if run.rc not in zypper_output.FINE:
            said = (zypper_output.parse_messages(run.out) or [run.err.strip()[-300:]])[0]
            why = "{0}: {1}".format(zypper_output.meaning(run.rc), said)
            raise Unknown("the private repository", why[:500], "look at {0}".format(work_dir))
        return offered

    def _command(self, work_dir: str) -> List[str]:
        return [
            "zypper",
            "--non-interactive",
            "--reposd-dir",
            work_dir + "/repos.d",
            "--cache-dir",
            work_dir + "/cache",
            "--no-gpg-checks",
        ]

    def _action(self, work_dir: str, snapshot: Optional[Snapshot], fix: bool, options: List[str]) -> List[str]:
        if not fix:
            return ["update"] + OPTIONS + options
        # the plan's version once more: its scripts run to their end, and what is there beside it goes
        broken = self._broken(work_dir, snapshot or self.snapshot())
        return ["install", "--force"] + OPTIONS + options + broken

    def _broken(self, work_dir, snapshot):
        """The files of the repository whose packages are there in two versions."""
        found = []
        for name, arch in sorted(key for key, each in snapshot.installed.items() if each.state == TWICE):
            version = snapshot.installed[(name, arch)].version.rpartition(":")[2]
            if os.path.lexists(self.host.path("{0}/repo/{1}-{2}.{3}.rpm".format(work_dir, name, version, arch))):
                found.append("{0}.{1}={2}".format(name, arch, snapshot.installed[(name, arch)].version))
        return found

    def simulate(self, work_dir: str, snapshot: Snapshot, fix: bool = False) -> Simulated:
        if fix and not self._broken(work_dir, snapshot):
            return Simulated(4, [], [], ["the plan has no file of what is there in two versions"])
        command = (
            self._command(work_dir)
            + ["--xmlout", "--no-refresh"]
            + self._action(work_dir, snapshot, fix, ["--dry-run"])
        )
        run = self.host.run(command)
        reasons = zypper_output.parse_problems(run.out) + zypper_output.parse_messages(run.out)
        if run.rc not in zypper_output.FINE:
            return Simulated(run.rc, [], [], ([zypper_output.meaning(run.rc)] + reasons)[:10])
        try:
            solvables = zypper_output.parse_summary(run.out)
        except ValueError as error:
            return Simulated(1, [], [], [str(error)])
        # of a package that is there in two versions one is replaced, and zypper says that the other one is removed
        coming = {(each.name, each.arch) for each in solvables if each.action != "remove"}
        steps = [
            self._step(each, snapshot)
            for each in solvables
            if each.action != "remove" or (each.name, each.arch) not in coming
        ]
        return Simulated(0, steps, [], reasons[:10])

    def _step(self, each, snapshot):
        key = snapshot.find(each.name, each.arch)
        old = each.old or (snapshot.installed[key].version if key else None)
        return Step(each.action, each.name, each.arch, old, None if each.action == "remove" else each.version)

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
        """Run it for real. zypper has no order to refuse removals: the simulation has shown that there are none."""
        command = self._command(work_dir) + ["--no-refresh"] + self._action(work_dir, None, fix, [])
        environment = {"ZYPP_LOCK_TIMEOUT": str(int(max(1, lock_timeout)))}
        ended = run_logged(self.host, command, environment, log_path, timeout, tick)
        return Ended(0, []) if ended.rc in zypper_output.FINE else ended

    def configure(self, log_path: str, timeout: float, tick: Any = None) -> Ended:
        """rpm has nothing that waits to be configured; a lock file of a dead process keeps nobody."""
        return Ended(0, [])

    def said(self, log_text: str, ended: Ended) -> Said:
        failures = zypper_output.parse_failures(log_text) if ended.rc != 0 else []
        errors = [line for line in log_text.splitlines() if line.startswith(("Problem: ", "error: ", "Error: "))]
        if ended.rc:
            errors.insert(0, zypper_output.meaning(ended.rc))
        full = "No space left on device" in log_text or "needs " in log_text and " on the / filesystem" in log_text
        return Said(failures, errors, full)

    def conffiles(self, log_text: str, begin_ms: int) -> List[Dict[str, str]]:
        return zypper_output.parse_conffiles(log_text)

    def is_kernel(self, name: str) -> bool:
        return rpm_query.is_kernel(name)

    def reboot_reasons(self, steps: List[Step]) -> List[Dict[str, str]]:
        """Kernels, and what zypper says."""
        found = super(ZypperWriter, self).reboot_reasons(steps)
        run = self.host.run(["zypper", "--non-interactive", "--no-refresh", "--xmlout", "needs-rebooting"])
        if run.rc == 102:
            said = " ".join(zypper_output.parse_messages(run.out, "info"))[:600]
            found.append({"signal": "needs-rebooting", "text": said or "zypper needs-rebooting says so"})
        return found

    def mark(self, auto: Set[Key], manual: Set[Key], hold: Set[Key], unhold: Set[Key]) -> None:
        """Put marks and locks back."""
        if auto or manual:
            path = self.host.path(database.AUTO)
            text = self.host.read_or(database.AUTO)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path + ".new", "w", encoding="utf-8") as handle:
                handle.write(zypp_files.with_auto(text, {key[0] for key in auto}, {key[0] for key in manual}))
            os.rename(path + ".new", path)
        for verb, keys in (("addlock", hold), ("removelock", unhold)):
            if keys:
                self.host.run(["zypper", "--non-interactive", verb] + sorted({key[0] for key in keys}))

    def wait_for_locks(self, timeout: float, sleep: Any = time.sleep, clock: Any = time.monotonic) -> Optional[int]:
        """Wait until zypp's and rpm's locks are free; return None, or the holder's process id when the time is over."""
        end = clock() + timeout
        while True:
            pid, path = database.holder(self.host)
            if pid is None or clock() >= end:
                self.lock = path or database.ZYPP_LOCK
                return pid
            sleep(0.1)


def _sha256(path):
    found = hashlib.sha256()
    with open(path, "rb") as handle:
        for chunk in iter(lambda: handle.read(CHUNK), b""):
            found.update(chunk)
    return found.hexdigest()
