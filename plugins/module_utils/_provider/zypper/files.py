# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Package files from the host's own zypper: its caches, repositories, credentials and proxy."""

import glob
import os
from typing import Dict, List, Optional, Tuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.state import Unknown
from ansible_collections.lockstep.patching.plugins.module_utils._model.transaction import Offered
from ansible_collections.lockstep.patching.plugins.module_utils._parse import rpm_output, zypper_output
from ansible_collections.lockstep.patching.plugins.module_utils._provider.contract import Files, Offer, Wanted
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host
from ansible_collections.lockstep.patching.plugins.module_utils._provider.rpm import package
from ansible_collections.lockstep.patching.plugins.module_utils._provider.zypper.indexes import WAIT, Indexes

PACKAGES = "/var/cache/zypp/packages"
BATCH = 200  # packages a command


class ZypperFiles(Files):
    """zypper download, the repositories' metadata, and rpm's queries."""

    name = "zypper"

    def cached(self, wanted: Wanted) -> Optional[str]:
        """Path of the file in zypp's own cache, or None."""
        found = self._files(PACKAGES, wanted)
        return found[0] if found else None

    def _files(self, folder: str, wanted: Wanted) -> List[str]:
        """Paths of the file below a cache folder: zypp keeps each below its repository, as the repository has it."""
        base = self.host.path(folder)
        name = glob.escape(rpm_output.nvra(*wanted) + ".rpm")
        depths = ["/*/", "/*/*/", "/*/*/*/"]
        found = [path for depth in depths for path in sorted(glob.glob(glob.escape(base) + depth + name))]
        return [folder + path[len(base) :] for path in found]

    def offered(self, wanted: List[Wanted]) -> Dict[Wanted, Offer]:
        """What of it the repositories' signed metadata lists now."""
        found: Dict[Wanted, Offer] = {}
        indexes = Indexes(self.host)
        names = {name for name, _arch, _version in wanted}
        for repo in indexes.repos():
            try:
                for record in indexes.records(repo, names):
                    key = (record.name, record.arch, record.version)
                    if record.sha256 and record.size is not None:
                        found.setdefault(key, Offer(record.sha256, record.size))
            except (OSError, ValueError, Unknown):
                continue  # what it offers is missing then, with the reason that refresh() gives
        return {key: found[key] for key in wanted if key in found}

    def refresh(self) -> str:
        """zypper refresh; why it failed, or an empty text."""
        command = ["zypper", "--non-interactive", "--xmlout", "refresh"]
        run = self.host.run(command, self.timeout, env=WAIT)
        problems = zypper_output.parse_refresh(run.out)
        if problems:
            return "; ".join("{0}: {1}".format(alias, text) if alias else text for alias, text in problems.items())
        if run.rc not in zypper_output.FINE:
            return zypper_output.meaning(run.rc)
        return ""

    def download(self, wanted: List[Wanted], folder: str) -> Tuple[Dict[Wanted, str], str]:
        """Fetch into an empty folder; zypp compares each file with the metadata's checksum."""
        said: List[str] = []
        ordered = sorted(wanted)
        for at in range(0, len(ordered), BATCH):
            specs = ["{0}.{1}={2}".format(*each) for each in ordered[at : at + BATCH]]
            command = ["zypper", "--non-interactive", "--xmlout", "--no-refresh", "--pkg-cache-dir", folder, "download"]
            run = self.host.run(command + specs, self.timeout, env=WAIT)
            if run.rc not in zypper_output.FINE:
                told = zypper_output.parse_messages(run.out) or [run.err.strip()[-300:]]
                said.append("zypper download: {0}: {1}".format(zypper_output.meaning(run.rc), "; ".join(told[:3])))
        paths = {each: (self._files(folder, each) or [""])[0] for each in wanted}
        return {each: path for each, path in paths.items() if path and os.path.isfile(path)}, "; ".join(said)

    @staticmethod
    def describe(host: Host, path: str) -> str:
        return package.describe(host, path)

    @staticmethod
    def read(text: str) -> Offered:
        return rpm_output.parse_package(text)
