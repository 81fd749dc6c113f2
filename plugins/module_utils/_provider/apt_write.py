# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The writing side of apt: stage, simulate, apply, repair, each from the plan's private index only."""

import os
import time
from typing import Any, Dict, List, Optional, Set

from ansible_collections.lockstep.patching.plugins.module_utils._model.deb_version import newer
from ansible_collections.lockstep.patching.plugins.module_utils._model.transaction import (
    Key,
    Line,
    Offered,
    Said,
    Snapshot,
    Step,
    find,
)
from ansible_collections.lockstep.patching.plugins.module_utils._parse import apt_steps, dpkg_output, dpkg_state
from ansible_collections.lockstep.patching.plugins.module_utils._parse.apt_output import parse_simulation
from ansible_collections.lockstep.patching.plugins.module_utils._parse.dpkg_status import parse_auto
from ansible_collections.lockstep.patching.plugins.module_utils._provider import apt_write_index
from ansible_collections.lockstep.patching.plugins.module_utils._provider.contract import Ended, Simulated, Writer
from ansible_collections.lockstep.patching.plugins.module_utils._provider.logged import lock_holder, run_logged

STATUS = "/var/lib/dpkg/status"
MARKS = "/var/lib/apt/extended_states"
UPDATES = "/var/lib/dpkg/updates"
UCF_FILES = "/var/lib/ucf/hashfile"
LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock")
# the admin's configuration files stay (confnew in the host's own settings is taken back), and nothing asks
DPKG = ["--refuse-confnew", "--force-confdef", "--force-confold"]
ENVIRONMENT = {
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBIAN_PRIORITY": "critical",
    "DEBCONF_NONINTERACTIVE_SEEN": "true",
    "UCF_FORCE_CONFFOLD": "1",
    "APT_LISTCHANGES_FRONTEND": "none",
    "APT_LISTBUGS_FRONTEND": "none",
    # services on replaced libraries are restarted after the run, with or without needrestart, so that it never asks
    "NEEDRESTART_SUSPEND": "1",
    "NEEDRESTART_MODE": "l",
}


class AptWriter(Writer):
    """apt-get and dpkg. work_dir is a folder of this transaction; nothing outside it is used as a package source."""

    name = "apt"
    lock = LOCKS[0]

    def snapshot(self) -> Snapshot:
        status = dpkg_state.parse_status(self.host.read(STATUS))
        trouble = dpkg_state.trouble(status)
        if any(name.isdigit() for name in os.listdir(self.host.path(UPDATES))):
            trouble.append("dpkg was interrupted")
        native = dpkg_state.native_name(status)
        # apt writes its own architecture for packages of architecture "all"
        marked = (find(status, name, arch, native, "all") for name, arch in parse_auto(self.host.read_or(MARKS)))
        return Snapshot(dpkg_state.plain(status), {key for key in marked if key}, trouble, native, "all")

    def newer(self, left: str, right: str) -> bool:
        return newer(left, right)

    def stage(self, lines: List[Line], work_dir: str) -> List[Offered]:
        return apt_write_index.build(self.host, lines, self.files_dir, self.control_dir, work_dir)

    def simulate(self, work_dir: str, snapshot: Snapshot, fix: bool = False) -> Simulated:
        return self._simulated(work_dir, ["-f", "install"] if fix else ["full-upgrade"], snapshot)

    goes_back = True

    def simulate_back(self, work_dir: str, lines: List[Line], snapshot: Snapshot) -> Simulated:
        return self._simulated(work_dir, _back(lines), snapshot)

    def apply_back(
        self, work_dir: str, lines: List[Line], log_path: str, timeout: float, lock_timeout: float, tick: Any = None
    ) -> Ended:
        removals = any(line.action == "remove" for line in lines)
        return self._run(work_dir, _back(lines), log_path, timeout, lock_timeout, removals, tick)

    def _simulated(self, work_dir, command, snapshot):
        run = self.host.run(["apt-get", "-s"] + apt_write_index.options(work_dir) + command)
        simulation = parse_simulation(run.out)
        return Simulated(
            run.rc,
            apt_steps.steps_of(simulation, snapshot.native, snapshot.installed),
            simulation.kept,
            apt_steps.parse_reasons(run.out + "\n" + run.err),
        )

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
        """Run it for real. removals: the plan removes something; without it apt is told to refuse any removal."""
        command = ["-f", "install"] if fix else ["full-upgrade"]
        return self._run(work_dir, command, log_path, timeout, lock_timeout, removals, tick)

    def _run(self, work_dir, wanted, log_path, timeout, lock_timeout, removals, tick):
        command = ["apt-get", "-q", "-y"] + apt_write_index.options(work_dir)
        for option in DPKG:
            command += ["-o", "Dpkg::Options::=" + option]
        command += ["-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout={0}".format(int(max(1, lock_timeout)))]
        command += [] if removals else ["--no-remove"]
        command += wanted
        return run_logged(self.host, command, ENVIRONMENT, log_path, timeout, tick)

    def configure(self, log_path: str, timeout: float, tick: Any = None) -> Ended:
        """Finish what was unpacked and not configured."""
        return run_logged(self.host, ["dpkg"] + DPKG + ["--configure", "-a"], ENVIRONMENT, log_path, timeout, tick)

    def said(self, log_text: str, ended: Ended) -> Said:
        failures = dpkg_output.parse_failures(log_text) if ended.rc != 0 else []
        errors = [line for line in log_text.splitlines() if line.startswith("E: ")]
        return Said(failures, errors, dpkg_output.out_of_space(log_text))

    def conffiles(self, log_text: str, begin_ms: int) -> List[Dict[str, str]]:
        """What dpkg and ucf left beside the admin's files."""
        found = [
            {"path": path, "new": path + ".dpkg-dist", "by": "dpkg"} for path in dpkg_output.parse_conffiles(log_text)
        ]
        for line in self.host.read_or(UCF_FILES).splitlines():
            path = line.split(None, 1)[-1].strip()
            try:
                changed = os.stat(self.host.path(path + ".ucf-dist")).st_ctime * 1000 >= begin_ms
            except (OSError, ValueError):
                continue
            if changed:
                found.append({"path": path, "new": path + ".ucf-dist", "by": "ucf"})
        return found

    def is_kernel(self, name: str) -> bool:
        return name.startswith("linux-image-")

    def reboot_reasons(self, steps: List[Step]) -> List[Dict[str, str]]:
        """Kernels, and what packages asked for."""
        found = super(AptWriter, self).reboot_reasons(steps)
        if os.path.exists(self.host.path("/run/reboot-required")):
            names = sorted(set(self.host.read_or("/run/reboot-required.pkgs").split()))
            more = " and {0} more".format(len(names) - 10) if len(names) > 10 else ""
            by = "; ".join(names[:10]) + more or "a package"
            found.append({"signal": "reboot-required", "text": "asked for by " + by})
        return found

    def mark(self, auto: Set[Key], manual: Set[Key], hold: Set[Key], unhold: Set[Key]) -> None:
        """Put marks and holds back."""
        for verb, keys in (("auto", auto), ("manual", manual), ("hold", hold), ("unhold", unhold)):
            if keys:
                self.host.run(["apt-mark", verb] + sorted("{0}:{1}".format(*key) for key in keys))

    def wait_for_locks(self, timeout: float, sleep: Any = time.sleep, clock: Any = time.monotonic) -> Optional[int]:
        """Wait until dpkg's locks are free; return None, or the holder's process id when the time is over."""
        end = clock() + timeout
        while True:
            holder = next((pid for pid in (lock_holder(self.host.path(path)) for path in LOCKS) if pid), None)
            if holder is None or clock() >= end:
                return holder
            sleep(0.1)


def _back(lines: List[Line]) -> List[str]:
    """apt-get's words for exactly these versions; a hyphen at the end removes."""
    wanted = [
        "{0}:{1}{2}".format(line.package, line.arch, "-" if line.action == "remove" else "=" + str(line.version))
        for line in lines
    ]
    return ["--allow-downgrades", "install"] + wanted
