# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Processes that still use files which were replaced, and who listens on which port."""

import os
import re

from ansible_collections.lockstep.patching.plugins.module_utils._look.host_facts import process_start_ms
from ansible_collections.lockstep.patching.plugins.module_utils._model.state import Unknown
from ansible_collections.lockstep.patching.plugins.module_utils._parse import proc

OUTDATED_LIMIT = 500  # processes reported
SCRIPT_CTIME_SLACK_MS = 2000
_INTERPRETER = re.compile(r"^(?:python[\d.]*|perl[\d.]*|ruby[\d.]*|php[\d.]*|node|bash|dash|sh)$")
PROTOCOLS = ("tcp", "tcp6", "udp", "udp6")


class Processes(object):
    """One pass over /proc. User names are those of the local passwd file: no directory service is asked."""

    def __init__(self, host, uses=None):
        """uses: a ``use.Uses`` that is told of every process, or None."""
        self.host = host
        self.uses = uses
        self.outdated = []
        self.unreadable = 0
        self.ports = []
        self._sockets = {}
        self._users = {}
        self._nested = False

    def scan(self):
        """Read all processes of this host; those of containers on it are not its own."""
        for line in self.host.read_or("/etc/passwd").split("\n"):
            fields = line.split(":")
            if len(fields) > 2:
                self._users.setdefault(fields[2], proc.bounded(fields[0]))
        booted = None
        for line in self.host.read_or("/proc/stat").split("\n"):
            if line.startswith("btime "):
                booted = int(line.split()[1]) * 1000
        sockets = [
            (name, row) for name in PROTOCOLS for row in proc.listening(self.host.read_or("/proc/net/" + name), name)
        ]
        wanted = {row[2] for _name, row in sockets}
        try:
            own = os.readlink(self.host.path("/proc/self/ns/pid"))
        except OSError:
            own = None
        # where the host is a container itself, all of its processes look like a container's
        self._nested = proc.in_container(self.host.read_or("/proc/1/cgroup"))
        for pid in sorted(int(name) for name in os.listdir(self.host.path("/proc")) if name.isdigit()):
            self._one(pid, own, booted, wanted)
        for name, (address, port, inode) in sockets:
            self.ports.append(
                {"proto": name[:3], "address": address, "port": port, "process": self._sockets.get(inode, "")}
            )
            if self.uses is not None:
                self.uses.socket(inode, name[:3], address, port)
        unique = {(port["proto"], port["address"], port["port"], port["process"]): port for port in self.ports}
        self.ports = [unique[key] for key in sorted(unique)]
        return self

    def _one(self, pid, own, booted, wanted):
        base = self.host.path("/proc/{0}".format(pid))
        try:
            if not os.path.exists(base):
                return
            uid = os.stat(base).st_uid
            with open(base + "/cgroup", "rb") as stream:
                cgroup = stream.read(65536).decode("utf-8", "replace")
            name = proc.bounded(self.host.read("/proc/{0}/comm".format(pid), 200).strip())
            with open(base + "/maps", "rb") as stream:
                maps = stream.read()
            if own is not None and os.readlink(base + "/ns/pid") != own:
                return
            if not self._nested and proc.in_container(cgroup):
                return
        except OSError:
            if os.path.exists(base):
                self.unreadable += 1
            return
        files = proc.deleted_files(maps.decode("utf-8", "replace")) if b" (deleted)" in maps else []
        script = self._changed_script(pid, booted)
        if script and script not in files:
            files.append(script)
        if files:
            self.outdated.append(
                {
                    "pid": pid,
                    "process": name,
                    "unit": proc.unit_of(cgroup),
                    "user": self._users.get(str(uid), str(uid)),
                    "files": files[:50],
                }
            )
        sockets = self._find_sockets(base, name, wanted) if wanted else set()
        if self.uses is not None and maps:
            self.uses.process(pid, base, maps, sockets)

    def _find_sockets(self, base, name, wanted):
        found = set()
        try:
            for descriptor in os.listdir(base + "/fd"):
                target = os.readlink(base + "/fd/" + descriptor)
                if target.startswith("socket:[") and target[8:-1] in wanted:
                    self._sockets.setdefault(target[8:-1], name)
                    found.add(target[8:-1])
        except OSError:
            pass  # it ended, or is another user's: the port stays without a process
        return found

    def _changed_script(self, pid, booted):
        """Return the packaged script that an interpreter runs and that was replaced after it started, or None."""
        try:
            if not interpreter(os.readlink(self.host.path("/proc/{0}/exe".format(pid)))):
                return None
            script = script_of(self.host, pid, "/usr/")
            started = process_start_ms(self.host, pid, booted)
            if script is None or started is None:
                return None
            changed = int(os.stat(self.host.path(script)).st_ctime * 1000)
        except (OSError, ValueError):
            return None
        return proc.bounded(script, proc.PATH) if changed > started + SCRIPT_CTIME_SLACK_MS else None

    def services(self):
        """Return the section ``services``."""
        reason = None
        if self.unreadable:
            why = "something on the host forbids it even to root" if self.host.is_root else "run it as root"
            reason = "processes that could not be read: {0}; {1}".format(self.unreadable, why)
        elif len(self.outdated) > OUTDATED_LIMIT:
            reason = "only the first {0} of {1} are listed".format(OUTDATED_LIMIT, len(self.outdated))
        return {"outdated": self.outdated[:OUTDATED_LIMIT], "complete": reason is None, "reason": reason}


def interpreter(program):
    """Say whether a program runs scripts, so that what matters is the script."""
    return _INTERPRETER.match(os.path.basename(program)) is not None


def script_of(host, pid, below="/"):
    """Return the path of the script that an interpreter's process runs, or None."""
    words = host.read("/proc/{0}/cmdline".format(pid), 4096).split("\0")
    return next((word for word in words[1:6] if word.startswith(below)), None)


def units(host, started):
    """Return (units, failed unit names); started: the systemctl command under way. Raise Unknown when it failed."""
    run = started.result()
    if run.rc and not os.path.isdir(host.path("/run/systemd/system")):
        raise Unknown(
            "health", "systemd is not PID 1 here, so no unit says whether it runs", "use the policy's health checks"
        )
    if run.rc:
        why = "systemctl show failed: {0}".format(proc.bounded(" ".join(run.err.split()), 200))
        raise Unknown("health", why, "look at systemctl on the host")
    rows = [unit for unit in proc.parse_units(run.out) if unit["active"] != "inactive"]
    return rows, [unit["name"] for unit in rows if unit["active"] == "failed"]


def start_units(host):
    """Start to ask systemd for its services."""
    return host.start(
        ["systemctl", "show", "--no-pager", "--property=Id,ActiveState,SubState,Result", "*.service"], timeout=30
    )
