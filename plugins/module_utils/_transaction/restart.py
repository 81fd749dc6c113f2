# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Restart the services that still use replaced files, and say what only a reboot can bring up to date."""

import os
import re
from typing import Any, Dict, List

from ansible_collections.lockstep.patching.plugins.module_utils._look.processes import Processes
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host

# restarting these cuts off users, consoles, the network, or what everything else hangs on
NEVER = re.compile(
    r"\A(dbus|dbus-broker|systemd-logind|systemd-networkd|NetworkManager|networking|wpa_supplicant|ModemManager|"
    r"wickedd?|gdm3?|lightdm|sddm|display-manager|user@.*|getty@.*|serial-getty@.*|console-getty|container-getty@.*|"
    r"ifup@.*|docker|containerd|libvirtd|qemu-.*|xendomains|cloud-.*|lockstep-.*)\.service\Z"
)
Process = Dict[str, Any]  # {pid, process, unit, user, files}


def outdated(host: Host) -> List[Process]:
    """Return the processes on replaced files, as the host state lists them, less logins and this transaction's own."""
    return [
        each
        for each in Processes(host).scan().outdated
        if each["pid"] != os.getpid()
        and not (each["unit"] or "").startswith("lockstep-")
        and not is_login(host.read_or("/proc/{0}/cgroup".format(each["pid"])))
    ]


def is_login(cgroup: str) -> bool:
    """Does this text of /proc/PID/cgroup belong to a user's session or manager? Its units are not the system's."""
    return "/user.slice/" in cgroup


def restartable(found: List[Process]) -> List[str]:
    """Units of the found processes that may be restarted."""
    units = {each["unit"] or "" for each in found}
    return sorted(unit for unit in units if unit.endswith(".service") and not NEVER.match(unit))


def stuck(found: List[Process]) -> List[Process]:
    """Processes that neither a restart of their unit nor systemd's re-execution renews."""
    curable = restartable(found)
    return [each for each in found if each["pid"] != 1 and (each["unit"] or "") not in curable]


def after_run(host: Host, wanted: bool, owed: bool = False, reboot_follows: bool = False) -> Dict[str, Any]:
    """Restart what may be restarted (wanted), and name what stays on replaced files.

    A host that is rebooted anyway (owed, or for what restarting does not renew, and reboot_follows) is spared the
    interruption twice. Return {restarted: [unit], restart_failed: [{unit, detail}], reboot_reasons: [{signal, text}]}.
    """
    found = outdated(host)
    spared = reboot_follows and (owed or bool(stuck(found)))
    if not found or not wanted or spared or not systemd():
        return {"restarted": [], "restart_failed": [], "reboot_reasons": reasons(found)}
    return restart(host, found)


def restart(host: Host, found: List[Process], timeout: float = 120.0) -> Dict[str, Any]:
    if any(each["pid"] == 1 for each in found):
        host.run(["systemctl", "daemon-reexec"], timeout)
    units = restartable(found)
    failed = []
    if units and host.run(["systemctl", "restart"] + units, timeout).rc != 0:
        failed = [
            {"unit": unit, "detail": _why(host, unit)}
            for unit in units
            if host.run(["systemctl", "is-active", "--quiet", unit], 30).rc != 0
        ]
    gone = {each["unit"] for each in failed}
    return {
        "restarted": [unit for unit in units if unit not in gone],
        "restart_failed": failed,
        "reboot_reasons": reasons(outdated(host)),
    }


def reasons(left: List[Process]) -> List[Dict[str, str]]:
    """One reason for each service or process that stays on replaced files."""
    found: Dict[str, str] = {}
    for each in left:
        name = each["unit"] or "process {0} ({1})".format(each["pid"], each["process"])
        why = "may not be restarted and" if NEVER.match(each["unit"] or "") else "still"
        found.setdefault(name, "{0} {1} uses replaced files: {2}".format(name, why, ", ".join(each["files"][:5])))
    return [{"signal": "services", "text": found[key][:600]} for key in sorted(found)]


def systemd(root: str = "/run/systemd/system") -> bool:
    """Is systemd this host's PID 1?"""
    return os.path.isdir(root)


def _why(host: Host, unit: str) -> str:
    show = host.run(["systemctl", "show", "--property=ActiveState,SubState,Result,ExecMainStatus", unit], 30)
    return " ".join(show.out.split())[:300]
