# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rpm database, whichever tool changes it: its lock, what an interrupted change left, kernels, reboots.

rpm has no state between installed and not installed: a package whose %post failed is installed, and nothing remembers
the failure. A change of ours remembers it, so that it is not read as fine afterwards.
"""

import json
import os
from typing import Any, Dict, Iterable, List, Optional, Set, Tuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.managers import words
from ansible_collections.lockstep.patching.plugins.module_utils._model.rpm_version import version_key
from ansible_collections.lockstep.patching.plugins.module_utils._model.state import Package
from ansible_collections.lockstep.patching.plugins.module_utils._parse import rpm_output
from ansible_collections.lockstep.patching.plugins.module_utils._provider.contract import Kernel, Manager, Signal
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host
from ansible_collections.lockstep.patching.plugins.module_utils._provider.logged import lock_holder

LOCKS = ("/var/lib/rpm/.rpm.lock", "/usr/lib/sysimage/rpm/.rpm.lock")
REBOOT_FOLDER = "/etc/dnf/plugins/needs-restarting.d"
FAILED = "/var/lib/lockstep/failed-scripts"
BATCH = 200  # paths that one command is asked about
KERNELS = ("kernel", "kernel-core", "kernel-uek-core", "kernel-rt-core", "kernel-64k-core", "kernel-default")

Key = Tuple[str, str]


def is_kernel(name: str) -> bool:
    """Does the package hold a kernel's image?"""
    return name in KERNELS or name.startswith("kernel-") and name.endswith("-core")


def locked_by(host: Host, more: Iterable[str] = ()) -> Optional[int]:
    """Process id that holds rpm's lock, or one of the lock files that hold a process id (more), or None."""
    for path in LOCKS:
        pid = lock_holder(host.path(path)) if host.is_root else None
        if pid:
            return pid
    for path in more:
        text = host.read_or(path).strip()
        if text.isdigit() and os.path.isdir(host.path("/proc/" + text)):
            return int(text)
    return None


def trouble(host: Host, rows: List[Dict[str, Any]]) -> Dict[Key, str]:
    """(name, arch) -> what is wrong with it. rows: {name, arch, version, installed (seconds), several (may be there in
    several versions)} of what is there."""
    versions: Dict[Key, Set[str]] = {}
    for row in rows:
        if not row["several"]:
            versions.setdefault((row["name"], row["arch"]), set()).add(row["version"])
    found = {
        key: "duplicated: " + ", ".join(sorted(several, key=version_key))
        for key, several in versions.items()
        if len(several) > 1
    }
    for name, arch, version, script, installed in _remembered(host):
        if any(_same(row, name, arch, version) and row["installed"] == installed for row in rows):
            found.setdefault((name, arch), script + " failed")
    return found


def _same(row, name, arch, version):
    return (row["name"], row["arch"], row["version"]) == (name, arch, version)


def _remembered(host):
    """[[name, arch, version, script, when it was installed (seconds)]] of scripts that failed."""
    try:
        listed = json.loads(host.read(FAILED))
        return [(str(a), str(b), str(c), str(d), int(e)) for a, b, c, d, e in listed]
    except (OSError, ValueError, TypeError):
        return []


def remember_scripts(host: Host, failed: Dict[str, Any]) -> None:
    """Remember scripts that failed, by name-version-release.arch, until that package is installed anew."""
    run = host.run(["rpm", "-qa", "--qf", r"%{NAME} %{ARCH} %{EVR} %{INSTALLTIME}\n"], timeout=120)
    rows = [line.split(" ") for line in run.out.splitlines() if line.count(" ") == 3]
    there = {rpm_output.nvra(name, arch, version): (name, arch, version, when) for name, arch, version, when in rows}
    kept = [list(each) for each in _remembered(host) if any([*each[:3], str(each[4])] == row for row in rows)]
    for spoken, script in sorted(failed.items()):
        if spoken in there and there[spoken][3].isdigit():
            name, arch, version, when = there[spoken]
            kept.append([name, arch, rpm_output.evr(version), script, int(when)])
    path = host.path(FAILED)
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    with open(path + ".new", "w", encoding="utf-8") as handle:
        json.dump(kept, handle)
        handle.flush()
        os.fsync(handle.fileno())
    os.rename(path + ".new", path)


def health(host: Host, name: str, version: str, packages: List[Package], more: Iterable[str] = ()) -> Manager:
    """The Manager of a tool on the rpm database."""
    said, problems, state = words(name), [], "ok"
    odd = [package for package in packages if package.status != "installed"]
    if odd:
        state = "interrupted"
        listed = ", ".join("{0} is {1}".format(package.name, package.status) for package in odd[:5])
        problems.append("{0} packages are not in order ({1}): run {2}".format(len(odd), listed, said.repair))
    holder = locked_by(host, more)
    if holder:
        state = "locked"
        comm = host.read_or("/proc/{0}/comm".format(holder)).strip()[:50] or "a process that is not visible"
        problems.append("the rpm database is locked by process {0} ({1}): wait until it ends".format(holder, comm))
    return Manager(name, version, state, problems)


def kernels(rows: List[Dict[str, Any]]) -> List[Kernel]:
    """The kernels among {name, arch, version}, newest last. A package kernel beside kernel-core only names it."""
    cores = {row["version"] for row in rows if row["name"].endswith("-core") and is_kernel(row["name"])}
    found = []
    for row in rows:
        if is_kernel(row["name"]) and not (row["name"] == "kernel" and row["version"] in cores):
            number = row["version"].rpartition(":")[2]
            extra = "+" + row["name"].split("-")[1] if row["name"].count("-") > 1 and "uek" not in row["name"] else ""
            release = "{0}.{1}{2}".format(number, row["arch"], extra)
            found.append(Kernel(release, row["version"], row["name"], row["name"]))
    return sorted(found, key=lambda each: version_key(each.version))


def reboot_names(host: Host, names: Set[str]) -> Set[str]:
    """names, and those that packages and admins have added for dnf needs-restarting."""
    wanted = set(names)
    try:
        listed = sorted(os.listdir(host.path(REBOOT_FOLDER)))
    except OSError:
        listed = []
    for each in listed:
        if each.endswith(".conf"):
            wanted.update(line.strip() for line in host.read_or(REBOOT_FOLDER + "/" + each).splitlines())
    return wanted


def reboot_signals(host: Host, rows: List[Dict[str, Any]], names: Set[str], booted: int) -> List[Signal]:
    """Packages that only a reboot brings into effect, installed since the boot. rows: {name, installed (seconds)};
    booted: seconds."""
    wanted = reboot_names(host, names)
    fresh = sorted({row["name"] for row in rows if row["name"] in wanted and row["installed"] > booted})
    if fresh:
        text = "installed since the boot, and in effect only after the next: {0}".format(", ".join(fresh[:10]))
        return [Signal("needs-restarting", "yes", text)]
    return [Signal("needs-restarting", "no", "no package that needs a reboot was installed since the boot")]


def owners(host: Host, paths: List[str]) -> Dict[str, str]:
    """The name of the installed package that each path belongs to."""
    found = {}
    for at in range(0, len(paths), BATCH):
        batch = paths[at : at + BATCH]
        run = host.run(["rpm", "-qf", "--qf", r"[%{=NAME}\t%{FILENAMES}\n]"] + batch, timeout=120)
        wanted = set(batch)
        for line in run.out.splitlines():
            name, _tab, path = line.partition("\t")
            if path in wanted:
                found[path] = name
    return found
