# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Restart the services that still use replaced files, and say what only a reboot can bring up to date."""

import os
import re
from typing import Any, Dict, List, NamedTuple, Optional

from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host

# restarting these cuts off users, consoles, the network or the message bus that everything else hangs on
NEVER = re.compile(
    r"\A(dbus|dbus-broker|systemd-logind|systemd-networkd|NetworkManager|networking|wpa_supplicant|ModemManager|"
    r"wickedd?|gdm3?|lightdm|sddm|display-manager|user@.*|getty@.*|serial-getty@.*|console-getty|container-getty@.*|"
    r"ifup@.*|docker|containerd|libvirtd|qemu-.*|xendomains|cloud-.*|lockstep-.*)\.service\Z"
)
FOLDERS = ("/usr/", "/lib", "/bin/", "/sbin/", "/opt/")
UNIT = re.compile(r"/system\.slice/(?:[^/]+\.slice/)*([^/]+\.service)(?:/|$)")
SESSION = re.compile(r"/(session-[^/]+\.scope|user@[^/]+\.service)(?:/|$)")


class Outdated(NamedTuple):
    """A process on replaced files. unit: its service; session: it belongs to a login, and ends with it."""

    pid: int
    name: str
    unit: Optional[str]
    session: bool
    files: List[str]


def parse_maps(text: str) -> List[str]:
    """Return the program and library files of /proc/PID/maps that are not on the disk any more, sorted."""
    found = set()
    for line in text.splitlines():
        if line.endswith(" (deleted)"):
            fields = line.split(None, 5)
            if len(fields) == 6 and fields[5].startswith(FOLDERS):
                found.add(fields[5][: -len(" (deleted)")])
    return sorted(found)


def parse_cgroup(text: str) -> Any:
    """/proc/PID/cgroup -> (service or None, belongs to a login)."""
    unit = UNIT.search(text)
    return (unit.group(1) if unit else None), bool(SESSION.search(text))


def outdated(proc: str = "/proc") -> List[Outdated]:
    """Return every other process of this host that still maps replaced files."""
    found = []
    own = os.stat(proc + "/self/root/.")
    for name in os.listdir(proc):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            other = os.stat(os.path.join(proc, name, "root/."))
            if (own.st_dev, own.st_ino) != (other.st_dev, other.st_ino):
                continue  # in a container or a chroot: its files are not this host's packages
            files = parse_maps(_read(proc, name, "maps"))
            if files:
                unit, session = parse_cgroup(_read(proc, name, "cgroup"))
                found.append(Outdated(int(name), _read(proc, name, "comm").strip(), unit, session, files[:5]))
        except OSError:
            continue
    return sorted(found)


def after_run(host: Host, wanted: bool) -> Dict[str, Any]:
    """As restart; where nothing may be restarted, only the reasons."""
    if wanted and systemd():
        return restart(host)
    return {
        "restarted": [],
        "restart_failed": [],
        "reboot_reasons": reasons([each for each in outdated() if not each.session]),
    }


def restart(host: Host, timeout: float = 120.0) -> Dict[str, Any]:
    """Restart what may be restarted; return {restarted: [unit], restart_failed: [{unit, detail}], reboot_reasons}."""
    first = outdated()
    if any(each.pid == 1 for each in first):
        host.run(["systemctl", "daemon-reexec"], timeout)
    units = sorted({each.unit for each in first if each.unit and not NEVER.match(each.unit)})
    failed = []
    if units and host.run(["systemctl", "restart"] + units, timeout).rc != 0:
        failed = [
            {"unit": unit, "detail": _why(host, unit)}
            for unit in units
            if host.run(["systemctl", "is-active", "--quiet", unit], 30).rc != 0
        ]
    left = [each for each in outdated() if not each.session] if first else []
    names = {each["unit"] for each in failed}
    return {
        "restarted": [unit for unit in units if unit not in names],
        "restart_failed": failed,
        "reboot_reasons": reasons(left),
    }


def reasons(left: List[Outdated]) -> List[Dict[str, str]]:
    """One reason for each service or process that stays on replaced files."""
    found = {}
    for each in left:
        why = "may not be restarted" if each.unit and NEVER.match(each.unit) else "still runs"
        found.setdefault(
            each.unit or each.name,
            "{0} {1} on replaced files: {2}".format(
                each.unit or "process {0} ({1})".format(each.pid, each.name), why, ", ".join(each.files)
            ),
        )
    return [{"signal": "services", "text": found[key]} for key in sorted(found)]


def systemd(root: str = "/run/systemd/system") -> bool:
    """Is systemd this host's PID 1?"""
    return os.path.isdir(root)


def _read(proc, pid, name):
    with open(os.path.join(proc, pid, name), "rb") as handle:
        return handle.read().decode("utf-8", "replace")


def _why(host, unit):
    show = host.run(["systemctl", "show", "--property=ActiveState,SubState,Result,ExecMainStatus", unit], 30)
    return " ".join(show.out.split())[:300]
