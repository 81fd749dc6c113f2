# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What hosts are offered for a package, and how they use it, as findings name packages."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ansible_collections.lockstep.patching.plugins.module_utils._model.state import is_unknown
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.subjects import source_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.lots import Offer

SECTIONS = ("candidates", "holds", "use", "controls", "reboot")
_SAMPLES = 10  # package lists of a platform that are read to learn which binary package is of which source


class Offers:
    """Reads each distinct section once, however many hosts have it."""

    def __init__(self, ledger: Ledger, fleet: str, by_source: Collection[str]) -> None:
        """`by_source`: the hosts whose findings name source packages; those of the others name binary ones."""
        self.by_source = frozenset(by_source)
        self.digests = {row.host: row.digests for row in ledger.inventory(fleet, SECTIONS)}
        self.platforms = {row.host: row.platform or "" for row in ledger.inventory(fleet, ())}
        wanted = {digest for digests in self.digests.values() for digest in digests.values()}
        self.values: dict[str, Any] = dict(ledger.contents_of(wanted))
        self.sources = self._sources(ledger, fleet)
        self._offers: dict[tuple[bool, str, str], dict[str, Offer]] = {}
        self._security: dict[tuple[bool, str], dict[str, str]] = {}
        self._uses: dict[tuple[str, str, bool], dict[str, str]] = {}

    def _sources(self, ledger: Ledger, fleet: str) -> dict[tuple[str, str], str]:
        """(platform, binary package) -> source package."""
        found: dict[tuple[str, str], str] = {}
        samples: dict[str, set[str]] = {}
        for row in ledger.inventory(fleet, ("packages",)):
            known = samples.setdefault(row.platform or "", set())
            if "packages" in row.digests and len(known) < _SAMPLES:
                known.add(row.digests["packages"])
        contents = dict(ledger.contents_of({digest for digests in samples.values() for digest in digests}))
        for platform, digests in samples.items():
            for digest in digests:
                for package in _rows(contents.get(digest)):
                    found[platform, str(package.get("name"))] = source_of(package)
        for host, own in self.digests.items():
            for package in _rows(self.values.get(own.get("candidates", ""))):
                found.setdefault((self.platforms[host], str(package.get("name"))), source_of(package))
        return found

    def _section(self, host: str, name: str) -> Any:
        return self.values.get(self.digests.get(host, {}).get(name, ""))

    def of(self, host: str) -> Mapping[str, Offer]:
        """{package as findings name it: what the host is offered}; hosts that are offered the same share it."""
        digests = self.digests.get(host, {})
        key = (host in self.by_source, digests.get("candidates", ""), digests.get("holds", ""))
        if key not in self._offers:
            self._offers[key] = _offers(self._section(host, "candidates"), key[0])
        return self._offers[key]

    def security(self, host: str) -> Mapping[str, str]:
        """{package as findings name it: version on offer} of the host's pending security updates."""
        key = (host in self.by_source, self.digests.get(host, {}).get("candidates", ""))
        if key not in self._security:
            self._security[key] = {
                source_of(row) if key[0] else str(row["name"]): _version(row, key[0])
                for row in _rows(self._section(host, "candidates"))
                if row.get("security") and row.get("action") == "upgrade" and row.get("version")
            }
        return self._security[key]

    def in_use(self, host: str) -> Mapping[str, str]:
        """{package as findings name it: use}; a package that is not in it is `unknown`."""
        section = self._section(host, "use")
        if not isinstance(section, Mapping) or is_unknown(section):
            return {}
        by_source, platform = host in self.by_source, self.platforms.get(host, "")
        key = (self.digests[host]["use"], platform, by_source)
        if key not in self._uses:
            self._uses[key] = self._use(section, platform, by_source)
        return self._uses[key]

    def _use(self, section: Mapping[str, Any], platform: str, by_source: bool) -> dict[str, str]:
        used: dict[str, str] = {}
        whole = bool(section.get("complete"))
        for name, row in (section.get("packages") or {}).items():
            source = self.sources.get((platform, str(name))) if by_source else str(name)
            if source is None:
                whole = False  # of a source that nobody knows: it may be any
                continue
            word = "listening" if row.get("listening") else "running" if row.get("running") else "mapped"
            used[source] = min(used.get(source, word), word, key=("listening", "running", "mapped").index)
        if not whole:
            return used
        every = {source if by_source else name for (of, name), source in self.sources.items() if of == platform}
        return {**dict.fromkeys(every, "no"), **used}

    def controls(self, host: str) -> set[str]:
        """Controls that were found to be active on the host, by name."""
        section = self._section(host, "controls")
        if not isinstance(section, Mapping) or is_unknown(section):
            return set()
        return set(_controls(section))


def _rows(content: Any) -> Iterable[Mapping[str, Any]]:
    return content if isinstance(content, list) else ()


def _offers(candidates: Any, by_source: bool) -> dict[str, Offer]:
    found: dict[str, Offer] = {}
    for row in _rows(candidates):
        if row.get("action") != "upgrade" or not row.get("version"):
            continue
        source = source_of(row)
        offer = Offer(_version(row, by_source), str(row.get("kept_back") or ""), source)
        found.setdefault(source if by_source else str(row["name"]), offer)
    return found


def _version(row: Mapping[str, Any], by_source: bool) -> str:
    return str((row.get("source_version") if by_source else None) or row["version"])


def _controls(section: Mapping[str, Any]) -> Iterable[str]:
    """Names of what is on: `firewall`, `selinux`, `apparmor`, `encryption`, `livepatch` and the agents' own names."""
    known = {name: part for name, part in section.items() if isinstance(part, Mapping) and "unknown" not in part}
    if (known.get("firewall") or {}).get("active") is True:
        yield "firewall"
    if (known.get("selinux") or {}).get("mode") == "enforcing":
        yield "selinux"
    apparmor = known.get("apparmor") or {}
    if apparmor.get("enabled") is True and apparmor.get("enforce"):
        yield "apparmor"
    if (known.get("encryption") or {}).get("root") is True:
        yield "encryption"
    if (known.get("kernel") or {}).get("livepatches"):
        yield "livepatch"
    agents = section.get("agents")
    for agent in agents if isinstance(agents, list) else ():
        if agent.get("running") and agent.get("name"):
            yield str(agent["name"])
