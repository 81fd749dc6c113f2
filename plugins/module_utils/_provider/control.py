# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What staged package files say of themselves: read once when they are staged, and kept beside them."""

import hashlib
import os
from typing import Type

from ansible_collections.lockstep.patching.plugins.module_utils._model.state import Unknown
from ansible_collections.lockstep.patching.plugins.module_utils._model.transaction import Line, Offered
from ansible_collections.lockstep.patching.plugins.module_utils._provider.contract import Files
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host


def control_of(kind: Type[Files], host: Host, sha256: str, files_dir: str, control_dir: str) -> str:
    """The text of a staged file, as kind.describe() gives it; raise Unknown for a file that cannot be read."""
    text = host.read_or(control_dir + "/" + sha256)
    return text or kind.describe(host, files_dir + "/" + sha256)


def keep(kind: Type[Files], host: Host, sha256: str, files_dir: str, control_dir: str) -> None:
    """Keep the text of a staged file."""
    path = host.path(control_dir + "/" + sha256)
    if not os.path.exists(path):
        text = control_of(kind, host, sha256, files_dir, control_dir)
        with open(path + ".new", "w", encoding="utf-8") as handle:
            handle.write(text)
        os.rename(path + ".new", path)


def check(host: Host, line: Line, files_dir: str) -> None:
    """Compare the checksum of a line's staged file, for a package manager that does not; raise Unknown."""
    digest = hashlib.sha256()
    with open(host.path("{0}/{1}".format(files_dir, line.sha256)), "rb") as package:
        for chunk in iter(lambda: package.read(1 << 20), b""):
            digest.update(chunk)
    if digest.hexdigest() != line.sha256:
        raise Unknown("the file of " + line.package, "its SHA-256 is " + digest.hexdigest(), "run acquire again")


def offered(kind: Type[Files], text: str, line: Line, files_dir: str) -> Offered:
    """The values of the text of a line's file; raise Unknown when it is another package or version."""
    found = kind.read(text)
    if (found.name, found.arch, found.version) != (line.package, line.arch, line.version):
        raise Unknown(
            "the file of {0}".format(line.package),
            "it holds {0} {1} {2}".format(found.name, found.arch, found.version),
            "remove {0}/{1} and run acquire again".format(files_dir, line.sha256),
        )
    return found
