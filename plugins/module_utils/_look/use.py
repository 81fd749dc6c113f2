# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which packages are in use: their programs run, their libraries are mapped, their sockets listen, and on what."""

import os
from typing import Any, Dict

from ansible_collections.lockstep.patching.plugins.module_utils._look.processes import interpreter, script_of
from ansible_collections.lockstep.patching.plugins.module_utils._parse import proc

LISTENING_LIMIT = 50  # sockets listed of one package
UNPACKAGED_LIMIT = 100  # programs of no package
NOWHERE, LOCAL, NETWORK = "no", "local", "network"
_WIDTH = (NOWHERE, LOCAL, NETWORK)
# Between this process and the daemon that started it: none of them is in use for anything but this look.
_CARRIERS = ("python", "platform-python", "sh", "bash", "dash", "sudo", "su", "doas", "ksh", "zsh", "env", "timeout")


class Uses(object):
    """Collects what one pass over /proc shows (``processes.Processes`` calls process() and socket())."""

    def __init__(self, host):
        self.host = host
        self._parents = {}
        self._programs = {}  # pid: [paths of its program and script]
        self._mapped = {}  # pid: paths
        self._sockets = {}  # pid: inodes
        self._listening = {}  # inode: (proto, address, port)

    def process(self, pid, base, maps, sockets):
        """Note a process. base: its folder in /proc; maps: bytes; sockets: the inodes that it listens on."""
        try:
            program = proc.real_path(os.readlink(base + "/exe"))
            programs = [proc.bounded(program, proc.PATH)]
            self._parents[pid] = proc.parent(self.host.read("/proc/{0}/stat".format(pid), 4096))
            script = script_of(self.host, pid) if interpreter(program) else None
            if script and os.path.isfile(self.host.path(script)):
                programs.append(proc.bounded(script, proc.PATH))
        except (OSError, ValueError):
            return  # it ended meanwhile
        self._programs[pid] = programs
        self._mapped[pid] = proc.mapped_files(maps)
        self._sockets[pid] = sockets

    def socket(self, inode, proto, address, port):
        """Note a listening socket."""
        self._listening[inode] = (proto, address, port)

    def section(self, owners, unreadable):
        """Return the section ``use``.

        owners: [paths] -> {path: package}; unreadable: why processes are missing, or None.
        """
        mine = self._own()
        pids = sorted(set(self._programs) - mine)
        paths = set().union(*[self._mapped[pid] for pid in pids], *[self._programs[pid] for pid in pids])
        package_of = owners(sorted(paths))
        packages: Dict[str, Any] = {}
        loose: Dict[str, Any] = {}
        for pid in pids:
            listening = {self._listening[inode] for inode in self._sockets[pid] if inode in self._listening}
            width = _width(listening)
            for path in self._programs[pid]:
                if path in package_of:
                    row = _row(packages, package_of[path])
                    row["running"] = True
                    row["listening"] |= listening
                else:
                    loose.setdefault(path, set()).update(listening)
            for path in self._mapped[pid].union(self._programs[pid]):
                if path in package_of:
                    row = _row(packages, package_of[path])
                    row["mapped"] = True
                    row["exposed"] = max(row["exposed"], width, key=_WIDTH.index)
        section = {
            "packages": {name: dict(row, listening=_sockets(row["listening"])) for name, row in packages.items()},
            "unpackaged": [{"path": path, "listening": _sockets(loose[path])} for path in sorted(loose)],
            "complete": unreadable is None,
            "reason": unreadable,
        }
        if len(loose) > UNPACKAGED_LIMIT:
            section["unpackaged"] = section["unpackaged"][:UNPACKAGED_LIMIT]
            more = "only {0} of {1} programs that belong to no package are listed".format(UNPACKAGED_LIMIT, len(loose))
            section["reason"] = "; ".join(text for text in (unreadable, more) if text)
        return section

    def _own(self):
        """This process, what it has started, and what carries it: they look, they are not in use."""
        own = os.getpid()
        mine, above = {own}, self._parents.get(own, 0)
        while above in self._programs:
            name = os.path.basename(self._programs[above][0]).rstrip("0123456789.")
            if name not in _CARRIERS:
                break
            mine.add(above)
            above = self._parents[above]
        return mine.union(pid for pid in self._programs if self._started_by(pid, own))

    def _started_by(self, pid, own):
        seen = set()
        while pid in self._parents and pid not in seen:
            seen.add(pid)
            pid = self._parents[pid]
            if pid == own:
                return True
        return False


def _row(packages, name):
    return packages.setdefault(name, {"running": False, "mapped": False, "listening": set(), "exposed": NOWHERE})


def _width(listening):
    if not listening:
        return NOWHERE
    return LOCAL if all(proc.local(address) for _proto, address, _port in listening) else NETWORK


def _sockets(found):
    rows = sorted(found)[:LISTENING_LIMIT]
    return [{"proto": proto, "address": address, "port": port} for proto, address, port in rows]
