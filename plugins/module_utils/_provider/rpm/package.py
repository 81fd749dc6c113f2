# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""RPM package files: what they say of themselves, and the folder in which a tool finds them under their own names."""

import hashlib
import os
from typing import List, Type

from ansible_collections.lockstep.patching.plugins.module_utils._model.state import Unknown
from ansible_collections.lockstep.patching.plugins.module_utils._model.transaction import Line, Offered
from ansible_collections.lockstep.patching.plugins.module_utils._parse import rpm_output
from ansible_collections.lockstep.patching.plugins.module_utils._provider import control
from ansible_collections.lockstep.patching.plugins.module_utils._provider.contract import Files
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host

CHUNK = 1024 * 1024


def describe(host: Host, path: str) -> str:
    """Files.describe() of an RPM package."""
    run = host.run(["rpm", "-qp", "--nosignature", "--qf", rpm_output.FORMAT, path])
    if run.rc != 0:
        raise Unknown("the package file {0}".format(path), run.err.strip()[-300:], "remove it and run acquire again")
    return run.out


def stage(
    kind: Type[Files], host: Host, lines: List[Line], files_dir: str, control_dir: str, folder: str
) -> List[Offered]:
    """Link the lines' files into a folder, each NAME-VERSION.ARCH.rpm; raise Unknown for one that cannot be used.

    Nothing else checks them again: rpm verifies what a file says of itself, and not that it is the plan's.
    """
    os.makedirs(host.path(folder), exist_ok=True)
    for name in os.listdir(host.path(folder)):
        os.unlink(host.path(folder + "/" + name))
    found = []
    for line in lines:
        sha256 = str(line.sha256)
        text = control.control_of(kind, host, sha256, files_dir, control_dir)
        found.append(control.offered(kind, text, line, files_dir))
        if _sum(host.path(files_dir + "/" + sha256)) != sha256:
            raise Unknown(
                "the file of {0}".format(line.package),
                "{0}/{1} has another SHA-256 than its name".format(files_dir, sha256),
                "remove it and run acquire again",
            )
        name = rpm_output.nvra(line.package, line.arch, str(line.version)) + ".rpm"
        os.symlink(files_dir + "/" + sha256, host.path(folder + "/" + name))
    return found


def staged(host: Host, folder: str) -> List[str]:
    """Paths of what stage() has linked."""
    try:
        return sorted(folder + "/" + name for name in os.listdir(host.path(folder)) if name.endswith(".rpm"))
    except OSError:
        return []


def _sum(path):
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for chunk in iter(lambda: stream.read(CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()
