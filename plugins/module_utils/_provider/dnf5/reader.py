# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Looks at a host that has dnf 5: one question to its bindings, asked once. Changes nothing."""

from typing import Any, List, Optional

from ansible_collections.lockstep.patching.plugins.module_utils._parse import dnf_settings
from ansible_collections.lockstep.patching.plugins.module_utils._provider.dnf.reader import DnfReader
from ansible_collections.lockstep.patching.plugins.module_utils._provider.dnf5 import ask, bindings
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host
from ansible_collections.lockstep.patching.plugins.module_utils._provider.rpm import history

VERSIONLOCK = "/etc/dnf/versionlock.toml"


class Dnf5Reader(DnfReader):
    """As dnf 4, but for the script, the version locks and the history."""

    name = "dnf5"
    script: Any = ask
    lock_files = ()

    @classmethod
    def detect(cls, host: Host) -> "Optional[Dnf5Reader]":
        """Return a reader where dnf 5 is the host's dnf, else None."""
        python = bindings.interpreter(host)
        return cls(host, python) if python else None

    def _version_locks(self) -> List[dnf_settings.Lock]:
        text = self.host.read_or(VERSIONLOCK)
        return dnf_settings.toml_locks(self._answer()["locks"], text, VERSIONLOCK)

    def history(self, since_ms: int, now_ms: int) -> Any:
        return history.dnf5(self.host, since_ms, now_ms)

    def cache_paths(self) -> List[str]:
        return ["/var/cache/libdnf5"]
