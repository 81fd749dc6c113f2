# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Package files by dnf 4: its cache, repositories, credentials and proxy; signatures are verified on the way."""

import glob
from typing import Any, Dict, List, Optional, Tuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.state import Unknown
from ansible_collections.lockstep.patching.plugins.module_utils._model.transaction import Offered
from ansible_collections.lockstep.patching.plugins.module_utils._parse import rpm_output
from ansible_collections.lockstep.patching.plugins.module_utils._provider.contract import Files, Offer, Wanted
from ansible_collections.lockstep.patching.plugins.module_utils._provider.dnf import ask, bindings
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host
from ansible_collections.lockstep.patching.plugins.module_utils._provider.rpm import package


class DnfFiles(Files):
    """By ask.py."""

    name = "dnf"

    def _ask(self, question: Dict[str, Any]) -> Dict[str, Any]:
        python = bindings.interpreter(self.host)
        if python is None:
            raise Unknown("acquire", "dnf is not there any more", "install it again")
        run = self.host.run(bindings.command(python, ask, question), self.timeout, bindings.ENVIRONMENT)
        return bindings.answer(run, "acquire")

    def cached(self, wanted: Wanted) -> Optional[str]:
        name, arch, version = wanted
        pattern = "/var/cache/dnf/*/packages/" + glob.escape(rpm_output.nvra(name, arch, version)) + ".rpm"
        found = sorted(glob.glob(self.host.path(pattern)))
        return found[0] if found else None

    def offered(self, wanted: List[Wanted]) -> Dict[Wanted, Offer]:
        said = self._ask({"ask": "offered", "wanted": [list(each) for each in wanted]})
        return {(key[0], key[1], key[2]): Offer(sha256, size) for key, sha256, size in said["offered"]}

    def refresh(self) -> str:
        return str(self._ask({"ask": "refresh"})["problem"])

    def download(self, wanted: List[Wanted], folder: str) -> Tuple[Dict[Wanted, str], str]:
        said = self._ask({"ask": "download", "wanted": [list(each) for each in wanted], "folder": folder})
        return {(key[0], key[1], key[2]): path for key, path in said["came"]}, "; ".join(said["said"])

    @staticmethod
    def describe(host: Host, path: str) -> str:
        return package.describe(host, path)

    @staticmethod
    def read(text: str) -> Offered:
        return rpm_output.parse_package(text)
