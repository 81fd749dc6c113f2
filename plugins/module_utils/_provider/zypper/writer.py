# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The writing side of zypper: stage, simulate, apply, each from a private repository of the plan's files only.

The repository is a plain folder of rpm files (zypp's type plaindir), with a cache of its own, so neither the host's
repositories nor their priorities take part; locks, vendors and marks stay the host's own.
"""

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
from ansible_collections.lockstep.patching.plugins.module_utils._parse import (
    rpm_output,
    rpm_query,
    zypp_files,
    zypper_output,
)
from ansible_collections.lockstep.patching.plugins.module_utils._provider.contract import Ended, Simulated, Writer
from ansible_collections.lockstep.patching.plugins.module_utils._provider.logged import run_logged, tail
from ansible_collections.lockstep.patching.plugins.module_utils._provider.rpm import database as rpm
from ansible_collections.lockstep.patching.plugins.module_utils._provider.rpm import package
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


class ZypperWriter(Writer):
    """zypper and rpm. work_dir is a folder of this transaction; nothing outside it is used as a package source."""

    name = "zypper"
    lock = rpm.LOCKS[0]

    def snapshot(self) -> Snapshot:
        rpms = database.installed(self.host.run(["rpm", "-qa", "--qf", rpm_query.FORMAT]))
        wrong = database.trouble(self.host, rpms)
        locks = zypp_files.parse_locks(self.host.read_or(database.LOCKS), database.LOCKS)
        auto = zypp_files.parse_auto(self.host.read_or(database.AUTO))
        installed: Dict[Key, Installed] = {}
        for each in rpms:  # the newest comes last
            key = (each.name, each.arch)
            held = any(lock.holds(each.name) for lock in locks)
            state = wrong.get(key, "installed")
            installed[key] = Installed(each.version, held, state, each.size // 1024, each.needs)
        native = self.host.run(["rpm", "--eval", "%{_arch}"], timeout=30).out.strip()
        trouble = sorted("{0}:{1} {2}".format(name, arch, what) for (name, arch), what in wrong.items())
        return Snapshot(installed, {key for key in installed if key[0] in auto}, trouble, native, "noarch")

    def newer(self, left: str, right: str) -> bool:
        return newer(left, right)

    def stage(self, lines: List[Line], work_dir: str) -> List[Offered]:
        offered = package.stage(ZypperFiles, self.host, lines, self.files_dir, self.control_dir, work_dir + "/repo")
        os.makedirs(self.host.path(work_dir + "/repos.d"), exist_ok=True)
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
            "--no-gpg-checks",
            "--reposd-dir",
            work_dir + "/repos.d",
            "--cache-dir",
            work_dir + "/cache",
        ]

    def _actions(self, work_dir: str, snapshot: Snapshot, options: List[str]) -> List[List[str]]:
        """What is to be run: the update, and once more the plan's version of what an earlier change left behind."""
        actions = [["update"] + OPTIONS + options]
        broken = []
        for (name, arch), each in sorted(snapshot.installed.items()):
            file = "{0}/repo/{1}.rpm".format(work_dir, rpm_output.nvra(name, arch, each.version))
            if each.state != "installed" and os.path.lexists(self.host.path(file)):
                broken.append("{0}.{1}={2}".format(name, arch, each.version))
        # its scripts run to their end, and what is there beside it goes
        return actions + ([["install", "--force"] + OPTIONS + options + broken] if broken else [])

    def _simulate(self, work_dir: str, actions: List[List[str]], snapshot: Snapshot) -> Simulated:
        steps: List[Step] = []
        told: List[str] = []
        for action in actions:
            run = self.host.run(self._command(work_dir) + ["--xmlout", "--no-refresh"] + action)
            reasons = zypper_output.parse_problems(run.out) + zypper_output.parse_messages(run.out)
            if run.rc not in zypper_output.FINE:
                return Simulated(run.rc, [], [], ([zypper_output.meaning(run.rc)] + reasons)[:10])
            try:
                found = zypper_output.parse_summary(run.out)
            except ValueError as error:
                return Simulated(1, [], [], [str(error)])
            # of a package that is there in two versions one is replaced, and zypper says that the other is removed
            coming = {(each.name, each.arch) for each in found if each.action != "remove"}
            steps += [
                self._step(each, snapshot)
                for each in found
                if each.action != "remove" or (each.name, each.arch) not in coming
            ]
            told += reasons
        return Simulated(0, steps, [], told[:10])

    def simulate(self, work_dir: str, snapshot: Snapshot, fix: bool = False) -> Simulated:
        if fix:
            return Simulated(0, [], [], [])  # what is wrong is put right by installing it anew, with the rest
        return self._simulate(work_dir, self._actions(work_dir, snapshot, ["--dry-run"]), snapshot)

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
        if fix:
            return Ended(0, [])
        return self._run(work_dir, self._actions(work_dir, self.snapshot(), []), log_path, timeout, lock_timeout, tick)

    def _run(
        self, work_dir: str, actions: List[List[str]], log_path: str, timeout: float, lock_timeout: float, tick: Any
    ) -> Ended:
        environment = {"ZYPP_LOCK_TIMEOUT": str(int(max(1, lock_timeout)))}
        ended = Ended(0, [])
        for action in actions:
            command = self._command(work_dir) + ["--no-refresh"] + action
            ended = run_logged(self.host, command, environment, log_path, timeout, tick)
            failed = {each.package: each.script for each in rpm_output.parse_scripts(tail(log_path))}
            rpm.remember_scripts(self.host, failed)
            if ended.rc not in zypper_output.FINE:
                return ended
        return Ended(0, [])

    goes_back = True

    def _back(self, work_dir: str, lines: List[Line], options: List[str]) -> List[List[str]]:
        wanted = []
        for line in sorted(lines):
            name = "{0}.{1}".format(line.package, line.arch)
            wanted.append("-" + name if line.action == "remove" else "{0}={1}".format(name, line.version))
        return [["install", "--oldpackage"] + OPTIONS + options + ["--"] + wanted]

    def simulate_back(self, work_dir: str, lines: List[Line], snapshot: Snapshot) -> Simulated:
        return self._simulate(work_dir, self._back(work_dir, lines, ["--dry-run"]), snapshot)

    def apply_back(
        self, work_dir: str, lines: List[Line], log_path: str, timeout: float, lock_timeout: float, tick: Any = None
    ) -> Ended:
        return self._run(work_dir, self._back(work_dir, lines, []), log_path, timeout, lock_timeout, tick)

    def configure(self, log_path: str, timeout: float, tick: Any = None) -> Ended:
        """rpm leaves nothing unpacked that waits to be configured."""
        return Ended(0, [])

    def said(self, log_text: str, ended: Ended) -> Said:
        failures = rpm_output.parse_scripts(log_text) if ended.rc != 0 else []
        errors = [line for line in log_text.splitlines() if line.startswith(("Problem: ", "error: ", "Error: "))]
        return Said(
            failures,
            ([zypper_output.meaning(ended.rc)] if ended.rc else []) + errors,
            rpm_output.out_of_space(log_text),
        )

    def conffiles(self, log_text: str, begin_ms: int) -> List[Dict[str, str]]:
        return rpm_output.parse_kept(log_text)

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
            holder = rpm.locked_by(self.host, [database.ZYPP_LOCK])
            if holder is None or clock() >= end:
                return holder
            sleep(0.1)
