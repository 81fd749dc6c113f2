# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Looks at a host that has dnf 4: one question to its bindings, asked once. Changes nothing."""

import os
import platform
from typing import Any, Dict, List, Optional, Tuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.rpm_version import version_key
from ansible_collections.lockstep.patching.plugins.module_utils._model.state import (
    Advisory,
    Candidate,
    Hold,
    Index,
    Origin,
    Package,
    Unknown,
)
from ansible_collections.lockstep.patching.plugins.module_utils._parse import dnf_settings
from ansible_collections.lockstep.patching.plugins.module_utils._parse.proc import bounded
from ansible_collections.lockstep.patching.plugins.module_utils._provider.contract import (
    Kernel,
    Manager,
    Reader,
    Signal,
)
from ansible_collections.lockstep.patching.plugins.module_utils._provider.dnf import ask, bindings, repositories
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host, Started
from ansible_collections.lockstep.patching.plugins.module_utils._provider.rpm import database, history

LOCK_FILES = ("/var/lib/dnf/rpmdb_lock.pid",)
VERSIONLOCK = "/etc/dnf/plugins/versionlock.list"
EXCLUDED = "excluded by the host's own settings"
MODULAR = "hidden by a module stream that is enabled, or by one that is not"
BLOCKED = "an upgrade would need packages that dnf cannot install or may not remove"
# what dnf needs-restarting knows by itself; packages add names below needs-restarting.d
REBOOT = {"kernel", "kernel-core", "kernel-rt", "glibc", "linux-firmware", "systemd", "dbus", "dbus-broker"}
REBOOT |= {"dbus-daemon", "microcode_ctl"}


class DnfReader(Reader):
    """dnf 4 by its Python bindings; what dnf 5 does otherwise is in a class of its own."""

    name = "dnf"
    script: Any = ask
    lock_files: Tuple[str, ...] = LOCK_FILES

    def __init__(self, host: Host, python: str) -> None:
        self.host = host
        self.python = python
        self._started: Optional[Started] = None
        self._said: Optional[Dict[str, Any]] = None
        self._max_age_s = 0
        self._now_ms = 0

    @classmethod
    def detect(cls, host: Host) -> "Optional[DnfReader]":
        """Return a reader where dnf is a Python script, else None."""
        python = bindings.interpreter(host)
        return cls(host, python) if python else None

    def refresh(self, mode: str, max_age_s: int, now_ms: int) -> None:
        """As the contract says; the one question is under way while the rest of the host is read."""
        self._max_age_s, self._now_ms = max_age_s, now_ms
        question = {"ask": "look", "refresh": mode, "max_age_s": max_age_s}
        self._started = self.host.start(
            bindings.command(self.python, self.script, question), timeout=900, env=bindings.ENVIRONMENT
        )

    def _answer(self) -> Dict[str, Any]:
        if self._said is None:
            if self._started is None:
                self.refresh("never", 0, 0)
            started: Any = self._started
            self._said = bindings.answer(started.result(), "candidates")
        return self._said

    def close(self) -> None:
        if self._started is not None:
            self._started.result()

    def manager(self) -> Manager:
        return database.health(
            self.host, self.name, str(self._answer().get("version", "")), self.packages(), self.lock_files
        )

    def arch(self) -> str:
        return platform.machine()

    def packages(self) -> List[Package]:
        rows = self._answer()["installed"]
        broken = database.trouble(self.host, rows)
        found = [
            Package(
                row["name"],
                row["arch"],
                row["version"],
                row["source"],
                row["source_version"],
                row["auto"],
                broken.get((row["name"], row["arch"]), "installed"),
            )
            for row in rows
        ]
        return sorted(found, key=lambda each: (each.name, each.arch, version_key(each.version)))

    def candidates(self) -> List[Candidate]:
        said = self._answer()
        if said["failed"]:
            why = "dnf cannot simulate an upgrade: " + bounded(said["failed"], 400)
            raise Unknown("candidates", why, "run dnf upgrade --assumeno on the host and repair what it says")
        found = [self._candidate(row) for row in said["candidates"]]
        return sorted(found, key=lambda each: each[:4])

    def _candidate(self, row: Dict[str, Any]) -> Candidate:
        listed = row["advisories"]
        advisories = None if listed is None else [Advisory(**each) for each in listed]
        security = None if advisories is None else any(each.type == "security" for each in advisories)
        kept = None
        if row["kept"] == "blocked":
            kept = "; ".join([BLOCKED] + row.get("rules", []))
        elif row["kept"]:
            kept = next((hold.reason for hold in self._holds(row)), MODULAR)
        repo = self._answer()["repos"].get(row["repo"]) or {}
        return Candidate(
            row["name"],
            row["arch"],
            row["action"],
            row["installed"],
            row["version"],
            row["source"],
            row["source_version"],
            [Origin(row["repo"], repo.get("name") or row["repo"], "", "", "")] if row["repo"] else [],
            False if row["action"] == "remove" else security,
            row["size"],
            row["sha256"],
            row["filename"],
            None,
            bounded(kept, 600) if kept else None,
            None,
            advisories,
        )

    def advisory_gap(self) -> Optional[str]:
        names = sorted(name for name, repo in self._answer()["repos"].items() if not repo["advisories"])
        return "no advisory data (updateinfo) in: " + ", ".join(names) if names else None

    def holds(self) -> List[Hold]:
        """Version locks of installed packages, and what excludes hide a newer version."""
        said, found = self._answer(), []
        for row in said["installed"]:
            found += [hold for hold in self._locks(row) if hold.kind == "hold"]
        for row in said["candidates"]:
            if row["kept"] == "excluded":
                found += self._holds(row) or [Hold(row["name"], row["arch"], "exclude", MODULAR, "dnf module list")]
        return sorted(set(found))

    def _holds(self, row: Dict[str, Any]) -> List[Hold]:
        """What keeps the host from the version of a hidden candidate."""
        found = self._locks(row)
        for entry in self._excludes():
            named = dnf_settings.matches(entry.pattern, row["name"], row["arch"], row["version"])
            if named is (entry.kind == "exclude"):
                reason = "{0}: {1} ({2})".format(EXCLUDED, bounded(entry.pattern, 100), entry.kind)
                found.append(Hold(row["name"], row["arch"], "exclude", reason, entry.where))
        return found

    def _version_locks(self) -> List[dnf_settings.Lock]:
        return dnf_settings.parse_versionlock(self.host.read_or(VERSIONLOCK), VERSIONLOCK)

    def _locks(self, row: Dict[str, Any]) -> List[Hold]:
        found = []
        for entry in self._version_locks():
            if entry.kind == "lock" and dnf_settings.names(entry.pattern, row["name"]):
                reason = "locked by dnf versionlock: " + bounded(entry.pattern, 100)
                found.append(Hold(row["name"], row["arch"], "hold", reason, entry.where))
            elif entry.kind == "exclude" and dnf_settings.matches(
                entry.pattern, row["name"], row["arch"], row["version"]
            ):
                reason = "excluded by dnf versionlock: " + bounded(entry.pattern, 100)
                found.append(Hold(row["name"], row["arch"], "exclude", reason, entry.where))
        return found

    def _excludes(self) -> List[dnf_settings.Lock]:
        return [
            entry
            for path in repositories.setting_files(self.host)
            for entry in dnf_settings.parse_excludes(self.host.read_or(path), path)
        ]

    def indexes(self) -> List[Index]:
        return repositories.states(self.host, self._answer(), self._max_age_s, self._now_ms)

    def history(self, since_ms, now_ms):
        return history.dnf4(self.host, since_ms, now_ms)

    def owners(self, paths: List[str]) -> Dict[str, str]:
        return database.owners(self.host, paths)

    def reboot_signals(self) -> List[Signal]:
        try:
            booted = int(os.stat(self.host.path("/proc/1")).st_mtime)
        except OSError as error:
            return [Signal("needs-restarting", "unknown", "the boot time cannot be read: {0}".format(error.strerror))]
        return database.reboot_signals(self.host, self._answer()["installed"], REBOOT, booted)

    def kernels(self) -> List[Kernel]:
        return database.kernels(self._answer()["installed"])

    def cache_paths(self) -> List[str]:
        return ["/var/cache/dnf"]
