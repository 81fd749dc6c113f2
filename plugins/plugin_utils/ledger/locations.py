# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a ledger and a content store are by default, and whether such a place would vanish with a job's container. Pure
functions."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Mapping

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.errors import LedgerError

_JOB_SIGNS = ("AWX_PRIVATE_DATA_DIR", "AWX_ISOLATED_DATA_DIR", "LAUNCHED_BY_RUNNER", "KUBERNETES_SERVICE_HOST")
_CONTAINERS = ("podman", "docker", "oci", "kube")
_PASSING = ("overlay", "aufs", "fuse-overlayfs", "fuse.fuse-overlayfs", "tmpfs", "ramfs", "rootfs")
_RUNNER = "/runner"
_RUNNER_PARTS = (
    "artifacts",
    "project",
    "inventory",
    "env",
    "cp",
    "tmp",
    "fact_cache",
    "requirements_collections",
    "requirements_roles",
)


def default_url(env: Mapping[str, str], home: str, mountinfo: str = "") -> str:
    """The ledger's URL where the user names none: `sqlite:///<XDG_DATA_HOME or ~/.local/share>/lockstep/ledger.db`.

    mountinfo: the text of /proc/self/mountinfo; with it a place that `vanishes` raises LedgerError. home must be free
    of symbolic links.
    """
    path = posixpath.join(_data(env, home), "ledger.db")
    refuse_vanishing(path, "ledger", mountinfo, env)
    return "sqlite:///" + path


def default_store(env: Mapping[str, str], home: str, mountinfo: str = "") -> str:
    """The folder of the content store where the user names none; otherwise like `default_url`."""
    path = posixpath.join(_data(env, home), "store")
    refuse_vanishing(path, "content store", mountinfo, env)
    return path


def read_mountinfo() -> str:
    """This process's mounts; empty where the system does not tell (then nothing is refused)."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as handle:
            return handle.read()
    except OSError:
        return ""


def environment(env: Mapping[str, str], root: str = "/") -> dict[str, str]:
    """env with `container` also where only a file says that this is one: podman and docker do not always set it.

    Whether what is written there vanishes is still decided by the file system.
    """
    marks = {"docker": ".dockerenv", "podman": "run/.containerenv"}
    found = [name for name, path in marks.items() if os.path.exists(os.path.join(root, path))]
    return {**({"container": found[-1]} if found else {}), **env}


def refuse_vanishing(path: str, what: str, mountinfo: str, env: Mapping[str, str]) -> None:
    """Raise LedgerError with the way out when a default place of `what` (ledger or content store) would vanish with the
    job."""
    reason = vanishes(path, mountinfo, env)
    if not reason:
        return
    if what == "ledger":
        way = (
            "set lockstep_ledger=postgresql://USER@SERVER/DATABASE or lockstep_ledger=sqlite:////mounted/path/ledger.db"
        )
    else:
        way = "set lockstep_store=/mounted/path/store"
    raise LedgerError(
        f"the default {what} would vanish with this job's container: {reason}",
        path,
        f"{way} (a path on a volume that is mounted into the execution environment)",
    )


def vanishes(path: str, mountinfo: str, env: Mapping[str, str]) -> str:
    """Why what is written to path is gone when this job's container ends; empty when it stays, or this is no job
    container.

    Both are needed: the environment of a job (AWX, automation controller, ansible-runner, podman, Kubernetes) and a
    file system that goes with it. A /.dockerenv says nothing: a machine may carry one and have a real disk. path:
    absolute, free of symbolic links. mountinfo: text of /proc/self/mountinfo.
    """
    sign = _job_sign(env)
    if not sign:
        return ""
    path = posixpath.normpath(path)
    point, kind = _mount_of(path, mountinfo)
    if not point:
        return ""
    if kind in _PASSING:
        return f"{point} is {kind} ({sign})"
    for folder in sorted({_RUNNER, posixpath.normpath(env.get("AWX_PRIVATE_DATA_DIR") or _RUNNER)}):
        own_mount = (
            _inside(point, folder)
            and point != folder
            and posixpath.relpath(point, folder).split("/")[0] not in _RUNNER_PARTS
        )
        if _inside(path, folder) and not own_mount:
            return f"{folder} is the private folder of the job ({sign})"
    return ""


def _data(env: Mapping[str, str], home: str) -> str:
    base = env.get("XDG_DATA_HOME") or ""
    if not os.path.isabs(base):  # the XDG rules: a relative path is to be ignored
        base = posixpath.join(home, ".local/share")
    return posixpath.join(base, "lockstep")


def _job_sign(env: Mapping[str, str]) -> str:
    for name in _JOB_SIGNS:
        if env.get(name):
            return f"{name} is set"
    if env.get("JOB_ID") and (
        env.get("AWX_HOST") or env.get("INVENTORY_ID")
    ):  # JOB_ID alone is also a batch scheduler's
        return "JOB_ID is set"
    container = env.get("container", "")
    return f"container={container}" if container in _CONTAINERS else ""


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _mount_of(path: str, mountinfo: str) -> tuple[str, str]:
    """Mount point and file system type of the last and longest mount that covers path."""
    best = ("", "")
    for line in mountinfo.splitlines():
        mounts, separator, source = line.partition(" - ")
        fields = mounts.split(" ")
        if not separator or len(fields) < 5:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), fields[4])
        if _inside(path, point) and len(point) >= len(best[0]):
            best = (point, source.split(" ")[0])
    return best
