# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the repositories' own metadata says of some versions: checksum, source, vendor, dates and advisories."""

from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.rpm_version import newer
from ansible_collections.lockstep.patching.plugins.module_utils._model.state import Advisory
from ansible_collections.lockstep.patching.plugins.module_utils._parse import rpm_md, zypper_output
from ansible_collections.lockstep.patching.plugins.module_utils._provider.zypper.indexes import Indexes

Nevra = Tuple[str, str, str]


class Advisories(object):
    """records: of the wanted versions and of retracted ones; repo_of: which repository offers them, the preferred one
    where several do; retracted: versions that their vendor took back -> the advisory's id."""

    def __init__(self, indexes: Indexes, wanted: Iterable[Nevra], installed: Mapping[Tuple[str, str], Any]) -> None:
        """Read what is needed of each repository once; raise Unknown."""
        self.records: Dict[Nevra, rpm_md.Record] = {}
        self.repo_of: Dict[Nevra, zypper_output.Repo] = {}
        self.retracted: Dict[Nevra, str] = {}
        self._told: Dict[Tuple[str, str], List[Tuple[str, Advisory]]] = {}
        self._without: Dict[str, bool] = {}
        wanted = set(wanted)
        names = {name for name, _arch, _version in wanted}
        present = {name for name, _arch in installed}
        for repo in indexes.repos():
            try:
                there = indexes.has_advisories(repo)
            except (OSError, ValueError):
                continue  # an index that cannot be read shows in its state, and makes the answer unknown
            self._without[repo.alias] = not there
            for update in indexes.updates(repo, names, present) if there else ():
                self._note(update)
            back = {nevra for nevra in self.retracted if self._is_newer(nevra, installed)}
            for record in indexes.records(repo, names | {name for name, _arch, _version in back}):
                nevra = (record.name, record.arch, record.version)
                if nevra in wanted or nevra in back:
                    self.records.setdefault(nevra, record)
                    self.repo_of.setdefault(nevra, repo)

    def _is_newer(self, nevra, installed):
        old = installed.get((nevra[0], nevra[1]))
        return old is not None and newer(nevra[2], old.version)

    def _note(self, update):
        said = Advisory(update.id, update.type, update.severity, update.cves, update.issued_ms)
        for name, arch, version in update.packages:
            if update.retracted:
                self.retracted[(name, arch, version)] = update.id
            else:
                self._told.setdefault((name, arch), []).append((version, said))

    def advisories(self, nevra: Nevra, installed: Optional[str]) -> Optional[List[Advisory]]:
        """Those that name a version after the installed one up to this one; of a new package those of its own version.

        None where nothing names it and its repository has no advisory data at all.
        """
        name, arch, version = nevra
        found = {}
        for fixed, advisory in self._told.get((name, arch), []):
            behind = installed is not None and not newer(fixed, installed)
            if not behind and not newer(fixed, version) and (installed is not None or fixed == version):
                found[advisory.id] = advisory
        repo = self.repo_of.get(nevra)
        if not found and (repo is None or self._without.get(repo.alias, True)):
            return None
        return [found[key] for key in sorted(found)]

    def gap(self) -> Optional[str]:
        """Why nothing says of some updates whether they are for security."""
        aliases = sorted({repo.alias for repo in self.repo_of.values() if self._without.get(repo.alias)})
        if not aliases:
            return None
        return "no advisory data (updateinfo) in repository {0}: nothing says what its updates are for".format(
            ", ".join(aliases[:5])
        )

    def age_ms(self, nevra: Nevra, now_ms: int) -> Optional[int]:
        """The age by the advisory that names just this version, else by when the package was built."""
        name, arch, version = nevra
        dates = [
            advisory.issued_ms
            for fixed, advisory in self._told.get((name, arch), [])
            if fixed == version and advisory.issued_ms is not None
        ]
        record = self.records.get(nevra)
        since = min(dates) if dates else record.built_ms if record else None
        return max(0, now_ms - since) if since else None
