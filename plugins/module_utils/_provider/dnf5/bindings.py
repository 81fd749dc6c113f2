# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which Python has libdnf5's bindings: the system's own; dnf 5 itself is no Python script."""

from typing import Optional

from ansible_collections.lockstep.patching.plugins.module_utils._provider.dnf import bindings
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host


def interpreter(host: Host) -> Optional[str]:
    """The interpreter to ask, or None where dnf 5 is not there, or is a tool beside the host's dnf 4."""
    if not host.which("dnf5") or bindings.interpreter(host):
        return None
    return "/usr/bin/python3"
