# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which host this is: system, boot and free space."""

import os
import platform

from ansible_collections.lockstep.patching.plugins.module_utils._parse.proc import bounded, parse_os_release


def system(host, arch):
    """Return the section ``os``. arch: the package manager's name for it, or empty."""
    fields = parse_os_release(host.read_or("/etc/os-release") or host.read_or("/usr/lib/os-release"))
    return {
        "id": fields.get("ID", "linux"),
        "id_like": fields.get("ID_LIKE", ""),
        "version": fields.get("VERSION_ID", ""),
        "codename": fields.get("VERSION_CODENAME", ""),
        "name": fields.get("PRETTY_NAME", ""),
        "arch": arch or platform.machine(),
        "hostname": bounded(platform.node()),
        "machine_id": bounded(host.read_or("/etc/machine-id").strip()),
        "python": platform.python_version(),
    }


def boot(host, kernels):
    """Return the section ``boot`` without the kernel's verdict (kernel_state() adds it). kernels: Reader.kernels()."""
    booted = None
    for line in host.read_or("/proc/stat").split("\n"):
        if line.startswith("btime "):
            booted = int(line.split()[1]) * 1000
    # in a container btime is the machine's; PID 1's own start is this host's
    start = process_start_ms(host, 1, booted)
    section = {
        "boot_id": host.read_or("/proc/sys/kernel/random/boot_id").strip() or None,
        "booted_ms": start if start is not None else booted,
        "kernel_running": bounded(platform.release()),
        "init": bounded(host.read_or("/proc/1/comm").strip()) or None,
    }
    section.update(
        kernel_state(
            section["kernel_running"],
            kernels,
            container(host),
            host.read_or("/proc/version"),
            host.read_or("/proc/version_signature"),
        )
    )
    return section


def process_start_ms(host, pid, booted_ms):
    """Return when a process started (UTC ms), or None when it is not to be read."""
    text = host.read_or("/proc/{0}/stat".format(pid))
    try:
        ticks = int(text.rpartition(")")[2].split()[19])
        return booted_ms + ticks * 1000 // os.sysconf("SC_CLK_TCK")
    except (IndexError, ValueError, TypeError):
        return None


def container(host):
    """Return the kind of container that the host is, or empty."""
    kind = host.read_or("/run/systemd/container").strip()
    if kind:
        return bounded(kind)
    for path, kind in (("/.dockerenv", "docker"), ("/run/.containerenv", "podman")):
        if os.path.exists(host.path(path)):
            return kind
    return ""


def kernel_state(running, kernels, kind, version, signature):
    """Return {kernel, kernel_reason, kernel_newest, kernel_current}.

    kernels: Reader.kernels(), newest last; kind: of container, or empty; version, signature: the
    texts of /proc/version and /proc/version_signature. kernel_current: True, False (another one is due) or None.
    """
    owned = [row for row in kernels if row.release == running]
    same = [row for row in kernels if row.flavour == owned[-1].flavour] if owned else kernels
    newest = same[-1] if same else None
    result = {"kernel_newest": newest.release if newest else None, "kernel": "own", "kernel_current": None}
    if kind:
        return dict(
            result,
            kernel="not_applicable",
            kernel_reason="the host is a container ({0}): its kernel is the machine's".format(kind),
        )
    if not owned:
        if kernels:
            return dict(
                result,
                kernel="unknown",
                kernel_reason="the running kernel {0} belongs to no package, though others do".format(running),
            )
        return dict(
            result,
            kernel="not_applicable",
            kernel_reason="the running kernel {0} belongs to no package".format(running),
        )
    if newest and newest.release != running:
        reason = "{0} runs, {1} is installed".format(running, newest.release)
        return dict(result, kernel_current=False, kernel_reason=reason)
    package_version = owned[-1].version
    if package_version in version.split() or "Ubuntu " not in signature and "Debian " not in version:
        return dict(result, kernel_current=True, kernel_reason="the newest installed kernel runs")
    if "Ubuntu " in signature:  # "Ubuntu 5.15.0-91.101-generic 5.15.131": the package has 5.15.0-91.101
        spoken = signature.split()[1].rpartition("-")[0] if len(signature.split()) > 1 else ""
        current = package_version == spoken
    else:
        current = False
    rebuilt = "the same kernel release was rebuilt: package version {0} does not run yet".format(package_version)
    return dict(
        result, kernel_current=current, kernel_reason="the newest installed kernel runs" if current else rebuilt
    )


def space(host, cache_paths):
    """Return the section ``space``: bytes and inodes free where packages, boot files and state go."""
    wanted = [("/", "root"), ("/boot", "boot"), ("/var/lib/lockstep", "state")]
    wanted += [(path, "packages") for path in cache_paths]
    found = []
    for path, what in sorted(wanted):
        there = path
        while not os.path.isdir(host.path(there)):
            there = os.path.dirname(there)
        stat = os.statvfs(host.path(there))
        found.append(
            {
                "path": path,
                "what": what,
                "free": stat.f_bavail * stat.f_frsize,
                "total": stat.f_blocks * stat.f_frsize,
                "inodes_free": stat.f_favail,
            }
        )
    return found
