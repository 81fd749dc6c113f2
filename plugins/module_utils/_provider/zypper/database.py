# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""rpm's database and the locks on it, as both sides of the zypper provider need them."""

import os
from typing import List, Optional, Tuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.rpm_version import version_key
from ansible_collections.lockstep.patching.plugins.module_utils._model.state import Unknown
from ansible_collections.lockstep.patching.plugins.module_utils._parse import rpm_query
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host, Run
from ansible_collections.lockstep.patching.plugins.module_utils._provider.logged import lock_holder

ZYPP_LOCK = "/run/zypp.pid"
RPM_LOCKS = ("/usr/lib/sysimage/rpm/.rpm.lock", "/var/lib/rpm/.rpm.lock")
LOCKS = "/etc/zypp/locks"
AUTO = "/var/lib/zypp/AutoInstalled"


def installed(run: Run) -> List[rpm_query.Rpm]:
    """The packages of a finished ``rpm -qa``, sorted by name, architecture and version; raise Unknown."""
    try:
        if run.rc:
            raise ValueError((run.err or run.out).strip()[-200:] or "rpm ended with {0}".format(run.rc))
        found = rpm_query.parse(run.out)
        if not found:
            raise ValueError("it has no package at all")
    except ValueError as error:
        raise Unknown(
            "packages", "rpm's database cannot be read: {0}".format(error), "run rpm -qa, then rpmdb --rebuilddb on it"
        )
    return sorted(found, key=lambda each: (each.name, each.arch, version_key(each.version)))


def half_done(host: Host, rpms: List[rpm_query.Rpm]) -> List[Tuple[str, List[rpm_query.Rpm]]]:
    """Packages that are there in several versions and may not be: what an interrupted rpm leaves behind."""
    several = rpm_query.twice(rpms)
    if not several:
        return []
    allowed = set()
    for name in sorted({key.partition(":")[0] for key in several}):
        provides = host.run(["rpm", "-q", "--provides", name], timeout=60).out
        if rpm_query.is_kernel(name) or "multiversion(" in provides or "installonlypkg(" in provides:
            allowed.add(name)
    return [(key, several[key]) for key in sorted(several) if key.partition(":")[0] not in allowed]


def holder(host: Host) -> Tuple[Optional[int], str]:
    """(process id, lock) of whoever changes packages now (-1: in another container), or (None, "")."""
    text = host.read_or(ZYPP_LOCK).strip()
    if text.isdigit() and os.path.isdir(host.path("/proc/" + text)) and int(text) != os.getpid():
        return int(text), ZYPP_LOCK
    for path in RPM_LOCKS:
        try:
            pid = lock_holder(host.path(path))
        except OSError:
            continue  # who may not open the lock cannot see its holder; who changes packages is root and can
        if pid:
            return pid, path
    return None, ""
