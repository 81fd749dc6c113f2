# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is installed, and where zypp keeps what it knows beside: for both sides of the zypper provider."""

from typing import Dict, List, Set, Tuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.rpm_version import version_key
from ansible_collections.lockstep.patching.plugins.module_utils._model.state import Unknown
from ansible_collections.lockstep.patching.plugins.module_utils._parse import rpm_query
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host, Run
from ansible_collections.lockstep.patching.plugins.module_utils._provider.rpm import database

ZYPP_LOCK = "/run/zypp.pid"
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
            "packages",
            "rpm's database cannot be read: {0}".format(error),
            "run rpm -qa on the host, then rpmdb --rebuilddb",
        )
    return sorted(found, key=lambda each: (each.name, each.arch, version_key(each.version)))


def trouble(host: Host, rpms: List[rpm_query.Rpm]) -> Dict[Tuple[str, str], str]:
    """(name, arch) -> what an interrupted or failed change has left of it."""
    seen: Set[Tuple[str, str]] = set()
    twice: Set[str] = set()
    for each in rpms:
        twice.update({each.name} if (each.name, each.arch) in seen else ())
        seen.add((each.name, each.arch))
    beside = {name for name in twice if _may_be_there_twice(host, name)}
    rows = [
        {
            "name": each.name,
            "arch": each.arch,
            "version": each.version,
            "installed": each.installed_ms // 1000,
            "several": each.name in beside,
        }
        for each in rpms
    ]
    return database.trouble(host, rows)


def _may_be_there_twice(host: Host, name: str) -> bool:
    """Only asked of the few that are: what a kernel, or a module for one, provides says that zypp may keep several."""
    provides = host.run(["rpm", "-q", "--provides", name], timeout=60).out
    return rpm_query.is_kernel(name) or "multiversion(" in provides or "installonlypkg(" in provides
