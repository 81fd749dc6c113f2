# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which security controls protect the host. Each is its content, {"unknown": why} or {"not_applicable": why}."""

import ctypes
import os
from typing import Any, Dict

from ansible_collections.lockstep.patching.plugins.module_utils._look.host_facts import container
from ansible_collections.lockstep.patching.plugins.module_utils._model.state import Unknown
from ansible_collections.lockstep.patching.plugins.module_utils._parse import firewall, settings
from ansible_collections.lockstep.patching.plugins.module_utils._parse.proc import bounded

COMMANDS = {
    "nft": ["nft", "-j", "list", "ruleset"],
    "iptables": ["iptables", "-S"],
    "ip6tables": ["ip6tables", "-S"],
    "sshd": ["sshd", "-T"],
    "apt": ["apt-config", "dump"],
}
UNIT_PROPERTIES = "--property=Id,LoadState,ActiveState,UnitFileState"
TIME_ERROR = 5  # what adjtimex returns while the clock is not synchronised
MOUNTS = 50
SLAVES = 8  # layers of device mapper below a filesystem


def section(host, commands, rules):
    """Return {firewall, selinux, apparmor, sshd, updates, kernel, encryption, agents, time}."""
    agents = rules.get("agents") or []
    wanted = sorted({str(rule["unit"]) for rule in agents if rule.get("unit")})
    names = sorted(settings.TIMERS) + list(settings.TIME_UNITS) + wanted
    asked = host.start(["systemctl", "show", "--no-pager", UNIT_PROPERTIES, "--"] + names, timeout=10)
    inside = container(host)
    found = {
        "firewall": _told("firewall", lambda: _firewall(commands)),
        "selinux": _told("selinux", lambda: _selinux(host)),
        "apparmor": _told("apparmor", lambda: _apparmor(host, inside)),
        "sshd": _told("sshd", lambda: _sshd(commands)),
        "kernel": _told("kernel", lambda: _kernel(host, inside)),
        "encryption": _told("encryption", lambda: _encryption(host, inside)),
    }
    run = asked.result(max(0.1, commands.left()))
    units = settings.parse_units(run.out) if run.rc == 0 else None
    found["updates"] = _told("updates", lambda: _updates(host, commands, _known(units)))
    found["agents"] = _told("agents", lambda: _agents(host, agents, _known(units)))
    found["time"] = _told("time", lambda: _time(_known(units), inside))
    return found


class _NotHere(Exception):
    """The question makes no sense on this host."""


def _told(what, work):
    try:
        return work()
    except _NotHere as here:
        return {"not_applicable": str(here)}
    except Unknown as unknown:
        return {"unknown": unknown.why}
    except (OSError, ValueError) as error:
        return {"unknown": bounded("{0}: {1}: {2}".format(what, type(error).__name__, error), 300)}


def _known(units):
    if units is None:
        raise Unknown("controls", "systemd does not answer, so no unit says whether it runs", "look at systemctl")
    return units


def _said(run):
    return bounded(" ".join((run.err or run.out).split())[-200:] or "exit status {0}".format(run.rc), 200)


def _firewall(commands):
    """{active, tool, input: {ip, ip6}}"""
    nft = commands.result("nft")
    if nft is not None:
        if nft.rc:
            raise Unknown("firewall", "nft list ruleset failed: " + _said(nft), "look with become: true")
        told = firewall.parse_nft(nft.out)
        if told["active"] or not commands.has("iptables"):
            return told
    rules4, rules6 = commands.result("iptables"), commands.result("ip6tables")
    if rules4 is None:
        if nft is not None:
            return firewall.parse_nft(nft.out)
        raise Unknown("firewall", "neither nft nor iptables is installed to read the packet filter with", "install nft")
    failed = next((run for run in (rules4, rules6) if run is not None and run.rc), None)
    if failed:
        raise Unknown("firewall", "iptables -S failed: " + _said(failed), "look with become: true")
    return firewall.parse_iptables(rules4.out, rules6.out if rules6 is not None else None)


def _selinux(host):
    """{mode: enforcing, permissive, disabled, or None where SELinux is not installed}"""
    enforce = _read(host, "/sys/fs/selinux/enforce")
    return {"mode": settings.parse_selinux(enforce, _read(host, "/etc/selinux/config"))}


def _apparmor(host, inside):
    """{enabled, enforce, complain}: how many profiles are in which mode; None where nothing tells"""
    enabled = _read(host, "/sys/module/apparmor/parameters/enabled")
    if enabled is None and inside:
        raise _NotHere("the host is a container ({0}): its profiles are the machine's".format(inside))
    if enabled is None or enabled.strip() != "Y":
        return {"enabled": False, "enforce": 0, "complain": 0}
    path = "/sys/kernel/security/apparmor/profiles"
    profiles = settings.parse_profiles(host.read(path))
    return dict(profiles, enabled=True)


def _sshd(commands):
    """{setting: value}, or None where no sshd is installed"""
    run = commands.result("sshd")
    if run is None:
        return None
    if run.rc:
        raise Unknown("sshd", "sshd -T failed: " + _said(run), "look with become: true")
    return settings.parse_sshd(run.out)


def _updates(host, commands, units):
    apt = commands.result("apt")
    if apt is not None and apt.rc:
        raise Unknown("updates", "apt-config dump failed: " + _said(apt), "run it on the host")
    config = host.read_or("/etc/dnf/automatic.conf") or host.read_or("/etc/dnf/dnf5-plugins/automatic.conf")
    applies = settings.parse_ini_value(config, "commands", "apply_updates")
    values = settings.parse_apt_config(apt.out) if apt is not None else None
    told = settings.automatic(units, values, applies)
    if host.which("unattended-upgrade") is None:
        for row in told["tools"]:
            if row["tool"] == "unattended-upgrades" and row["installs"]:
                row.update(installs=False, why="unattended-upgrades is not installed")
        busy = any(row["installs"] for row in told["tools"])
        told.update(installs=busy, fights=told["fights"] if busy else None)
    return told


def _kernel(host, inside):
    """{lockdown: none, integrity, confidentiality, or None (not in this kernel); livepatches: [active ones]}"""
    if inside:
        raise _NotHere("the host is a container ({0}): its kernel is the machine's".format(inside))
    text = _read(host, "/sys/kernel/security/lockdown")
    folder = "/sys/kernel/livepatch"
    try:
        names = sorted(os.listdir(host.path(folder)))
    except OSError:
        names = []
    on = [name for name in names if (_read(host, "{0}/{1}/enabled".format(folder, name)) or "").strip() == "1"]
    return {"lockdown": settings.parse_lockdown(text) if text else None, "livepatches": [bounded(name) for name in on]}


def _encryption(host, inside):
    """{root: bool, mounts: [{path, encrypted: bool}]} of the filesystems that are on a disk"""
    if inside:
        raise _NotHere("the host is a container ({0}): its disk is the machine's".format(inside))
    mounts = {}
    for path, device, _kind, source in settings.parse_mounts(host.read("/proc/self/mountinfo")):
        if device.startswith("0:"):  # btrfs: the kernel's number is no block device's
            number = os.stat(host.path(source)).st_rdev
            device = "{0}:{1}".format(os.major(number), os.minor(number))
        mounts[path] = _encrypted(host, "/sys/dev/block/" + device, SLAVES)
    if "/" not in mounts:
        raise Unknown("encryption", "the root filesystem is on no disk that the kernel names (ZFS, network?)", "")
    rows = [{"path": bounded(path, 300), "encrypted": mounts[path]} for path in sorted(mounts)][:MOUNTS]
    return {"root": mounts["/"], "mounts": rows}


def _encrypted(host, device, depth):
    """Is a block device, or everything below it, dm-crypt?"""
    if (_read(host, device + "/dm/uuid") or "").startswith("CRYPT-"):
        return True
    try:
        below = sorted(os.listdir(host.path(device + "/slaves")))
    except OSError:
        below = []
    return (
        bool(below)
        and depth > 0
        and all(_encrypted(host, "/sys/class/block/" + os.path.basename(name), depth - 1) for name in below)
    )


def _agents(host, rules, units):
    """[{name, kind, running}] of the rules' agents that are installed"""
    processes = _process_names(host) if any(rule.get("process") for rule in rules) else set()
    found: Dict[str, Any] = {}
    for rule in rules:
        unit = units.get(str(rule.get("unit")))
        process = str(rule.get("process") or "")
        there = bool(rule.get("path")) and os.path.exists(host.path(str(rule["path"])))
        running = bool(unit and unit["active"]) or bool(process) and process[:15] in processes
        if running or there or unit is not None and unit["loaded"]:
            key = bounded(str(rule["name"]))
            row = found.setdefault(key, {"name": key, "kind": bounded(str(rule.get("kind") or "")), "running": False})
            row["running"] = row["running"] or running
    return [found[name] for name in sorted(found)]


def _process_names(host):
    names = set()
    for pid in os.listdir(host.path("/proc")):
        if pid.isdigit():
            names.add((_read(host, "/proc/{0}/comm".format(pid)) or "").strip())
    return names


def _time(units, inside):
    """{tool: unit name or None, synchronised: bool}"""
    tool = next((name for name in settings.TIME_UNITS if units.get(name, {}).get("active")), None)
    if inside:
        raise _NotHere("the host is a container ({0}): its clock is the machine's".format(inside))
    return {"tool": tool, "synchronised": _synchronised()}


def _synchronised():
    """Ask the kernel, as timedatectl does, without starting a service for it."""
    libc = ctypes.CDLL(None, use_errno=True)
    answer = libc.adjtimex(ctypes.create_string_buffer(512))  # a struct timex of zeros asks and sets nothing
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer != TIME_ERROR


def _read(host, path):
    try:
        return host.read(path, 1048576)
    except OSError:
        return None
