# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Package files from the host's own package manager: its caches, repositories, credentials and proxy."""

import os
import pwd
import time
from typing import Dict, List, Optional, Tuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.state import Unknown
from ansible_collections.lockstep.patching.plugins.module_utils._model.transaction import Offered
from ansible_collections.lockstep.patching.plugins.module_utils._parse.apt_output import without_secrets
from ansible_collections.lockstep.patching.plugins.module_utils._parse.deb822 import stanzas
from ansible_collections.lockstep.patching.plugins.module_utils._parse.dpkg_state import parse_stanza
from ansible_collections.lockstep.patching.plugins.module_utils._provider.contract import Files, Offer, Wanted
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host

ARCHIVES = "/var/cache/apt/archives"
BATCH = 200  # packages a command
LISTS_LOCK = 60.0  # seconds to wait for another apt-get update


class AptFiles(Files):
    """apt-cache, apt-get download and dpkg-deb."""

    name = "apt"

    def cached(self, wanted: Wanted) -> Optional[str]:
        """Path of the file in apt's own cache, or None."""
        path = "{0}/{1}".format(ARCHIVES, file_name(wanted))
        return path if os.path.isfile(self.host.path(path)) else None

    def offered(self, wanted: List[Wanted]) -> Dict[Wanted, Offer]:
        """What of it the host's indexes offer now."""
        found: Dict[Wanted, Offer] = {}
        for some in _batches(wanted):
            run = self.host.run(["apt-cache", "show"] + [_spoken(each) for each in some], self.timeout)
            for stanza in stanzas(run.out):
                key = (stanza.get("Package", ""), stanza.get("Architecture", ""), stanza.get("Version", ""))
                if stanza.get("SHA256") and stanza.get("Size", "").isdigit():
                    found.setdefault(key, Offer(stanza["SHA256"], int(stanza["Size"])))
        return found

    def refresh(self) -> str:
        """apt-get update; why it failed, or an empty text."""
        end = time.monotonic() + LISTS_LOCK
        while True:
            run = self.host.run(["apt-get", "-qq", "update"], self.timeout)
            if run.rc == 0 or "Could not get lock" not in run.err or time.monotonic() >= end:
                return without_secrets(run.err) if run.rc else ""
            time.sleep(1)

    def download(self, wanted: List[Wanted], folder: str) -> Tuple[Dict[Wanted, str], str]:
        """Fetch into an empty folder; return the paths of what came, and what apt said of the rest."""
        self._give_to_fetcher(folder)
        said: List[str] = []
        for some in _batches(wanted):
            command = ["env", "-C", folder, "apt-get", "-q", "-o", "Acquire::Retries=2", "download"]
            run = self.host.run(command + [_spoken(each) for each in some], self.timeout)
            if run.rc:
                said.extend(line for line in run.err.splitlines() if line.startswith("E: "))
        paths = {each: os.path.join(folder, file_name(each)) for each in wanted}
        return {each: path for each, path in paths.items() if os.path.isfile(path)}, without_secrets("; ".join(said))

    @staticmethod
    def describe(host: Host, path: str) -> str:
        """The control stanza."""
        run = host.run(["dpkg-deb", "-f", path])
        if run.rc != 0:
            raise Unknown(
                "the package file {0}".format(path), run.err.strip()[-300:], "remove it and run acquire again"
            )
        return run.out

    @staticmethod
    def read(text: str) -> Offered:
        return parse_stanza(text)

    def _give_to_fetcher(self, folder):
        """apt fetches as its own user, where the host has one."""
        try:
            os.chown(folder, pwd.getpwnam("_apt").pw_uid, -1)
        except KeyError:
            pass


def file_name(wanted: Wanted) -> str:
    """The name that apt gives the file."""
    name, arch, version = wanted
    return "{0}_{1}_{2}.deb".format(name, version.replace(":", "%3a"), arch)


def _spoken(wanted):
    name, arch, version = wanted
    return "{0}={1}".format(name, version) if arch == "all" else "{0}:{1}={2}".format(name, arch, version)


def _batches(wanted):
    ordered = sorted(wanted)
    return [ordered[at : at + BATCH] for at in range(0, len(ordered), BATCH)]
