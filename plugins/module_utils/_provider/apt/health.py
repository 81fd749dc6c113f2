# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether dpkg and apt can work: interrupted, locked or broken, and what to do then."""

import errno
import fcntl
import os
import struct

from ansible_collections.lockstep.patching.plugins.module_utils._provider.contract import Manager

# not the lists' lock: an update of the indexes, perhaps another run's, changes no package, and the refresh waits for it
LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/cache/apt/archives/lock")
_FLOCK = "hhqqi4x"  # struct flock: type, whence, start, length, pid


def look(host, version, packages, failed):
    """Return the Manager. packages: what is installed; failed: why a simulated upgrade failed, or None."""
    problems = []
    health = "ok"
    if failed:
        health = "broken" if "nmet dependencies" in failed or "broken" in failed.lower() else "unknown"
        problems.append(failed + (": run apt-get --fix-broken install" if health == "broken" else ""))
    odd = [package for package in packages if package.status != "installed"]
    if odd:
        health = "interrupted"
        names = ", ".join("{0} is {1}".format(package.name, package.status) for package in odd[:5])
        problems.append(
            "{0} packages are not properly installed ({1}): run dpkg --configure -a, then apt-get check".format(
                len(odd), names
            )
        )
    if _unfinished(host):
        health = "interrupted"
        problems.append("dpkg was interrupted (files in /var/lib/dpkg/updates): run dpkg --configure -a")
    holders = [text for text in (_holder(host, path) for path in LOCKS) if text]
    if holders:
        health = "locked"
        problems.extend(holders)
    return Manager("apt", version, health, problems)


def _unfinished(host):
    try:
        return any(name.isdigit() for name in os.listdir(host.path("/var/lib/dpkg/updates")))
    except OSError:
        return False


def _holder(host, path):
    try:
        descriptor = os.open(host.path(path), os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        # who may not open the lock cannot see its holder; who changes packages is root and can
        return None if error.errno in (errno.ENOENT, errno.EACCES) else "{0}: {1}".format(path, error.strerror)
    try:
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _whence, _start, _length, pid = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    except OSError:
        return None
    finally:
        os.close(descriptor)
    if kind == fcntl.F_UNLCK:
        return None
    name = host.read_or("/proc/{0}/comm".format(pid)).strip()[:50] or "a process that is not visible"
    return "{0} is locked by process {1} ({2}): wait until it ends".format(path, pid, name)
