# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The package managers that can be looked at, in the order in which they are tried."""

from typing import Optional

from ansible_collections.lockstep.patching.plugins.module_utils._provider.apt.reader import AptReader
from ansible_collections.lockstep.patching.plugins.module_utils._provider.contract import Reader
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host

READERS = (AptReader,)


def reader(host: Host) -> Optional[Reader]:
    """Return the reader of this host's package manager, or None when none of them fits."""
    return next((found for found in (kind.detect(host) for kind in READERS) if found is not None), None)
