# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Looks at a host that has apt. Changes nothing."""

import os
import re
from typing import Dict, List, Optional, Set, Tuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.deb_version import version_key
from ansible_collections.lockstep.patching.plugins.module_utils._model.state import (
    Candidate,
    Hold,
    Origin,
    Package,
    Unknown,
)
from ansible_collections.lockstep.patching.plugins.module_utils._model.transaction import Pin
from ansible_collections.lockstep.patching.plugins.module_utils._parse import apt_output, apt_sources, dpkg_status
from ansible_collections.lockstep.patching.plugins.module_utils._parse.deb822 import stanzas
from ansible_collections.lockstep.patching.plugins.module_utils._provider.apt import health, logs
from ansible_collections.lockstep.patching.plugins.module_utils._provider.apt.indexes import Indexes
from ansible_collections.lockstep.patching.plugins.module_utils._provider.apt.owners import owners
from ansible_collections.lockstep.patching.plugins.module_utils._provider.contract import Kernel, Reader, Signal
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host, Started

NO_PINS = ["-o", "Dir::Etc::preferences=/dev/null", "-o", "Dir::Etc::preferencesparts=/dev/null"]
_SECURITY = re.compile(r"security$", re.IGNORECASE)
# Asked for its lists, apt-get takes half the time of a simulation, which also orders every step. It never gets to act:
# the answer is no, whatever the host's own settings say of that, and if it were not, it would only download.
LISTING = ["-q", "-V", "-o", "quiet=1", "-o", "Debug::NoLocking=true", "-o", "APT::Get::Assume-No=true"]
LISTING += ["-o", "APT::Get::Assume-Yes=false", "-o", "APT::Get::Force-Yes=false"]
LISTING += ["-o", "APT::Get::Download-Only=true", "full-upgrade"]
BLOCKED = "an upgrade would need packages that apt cannot install or may not remove"
PHASED = "phased: offered to {0} % of hosts, not to this one yet"
BATCH = 400  # packages that one apt-cache command is asked about


class AptReader(Reader):
    """apt and dpkg, by their command lines: the same answer with and without Python bindings, and as fast."""

    name = "apt"

    def __init__(self, host: Host) -> None:
        self.host = host
        self._indexes = Indexes(host)
        self._status: Optional[Tuple[List[Package], List[Tuple[str, str]]]] = None
        self._started: Optional[Started] = None
        self._stamp: Optional[List[Tuple[str, int, int]]] = None
        self._native = ""
        self._simulated: Optional[apt_output.Simulation] = None
        self._policies: Dict[str, apt_output.Policy] = {}
        self._recorded: Set[str] = set()
        self._stanzas: Dict[Tuple[str, str, str], Dict[str, str]] = {}

    @classmethod
    def detect(cls, host: Host) -> "Optional[AptReader]":
        """Return a reader where there are apt-get and dpkg's status, else None."""
        if host.which("apt-get") and os.path.exists(host.path("/var/lib/dpkg/status")):
            return cls(host)
        return None

    def refresh(self, mode: str, max_age_s: int, now_ms: int) -> None:
        """As the contract says; then start the simulated upgrade, which runs while the rest is read."""
        try:
            self._indexes.refresh(mode, max_age_s, now_ms)
        finally:
            self._stamp = self._indexes.stamp()
            self._started = self.host.start(["apt-get"] + self._indexes.options + LISTING)

    def moved(self) -> bool:
        return self._stamp is not None and self._indexes.stamp() != self._stamp

    def close(self) -> None:
        if self._started is not None:
            self._started.result()
        self._indexes.close()

    def indexes(self):
        return self._indexes.states()

    def packages(self) -> List[Package]:
        return self._read_status()[0]

    def _read_status(self):
        if self._status is None:
            try:
                text = self.host.read("/var/lib/dpkg/status")
            except OSError as error:
                raise Unknown(
                    "packages",
                    "dpkg's status file cannot be read: {0}".format(error.strerror),
                    "repair /var/lib/dpkg/status (a copy is in /var/backups)",
                )
            auto = dpkg_status.parse_auto(self.host.read_or("/var/lib/apt/extended_states"))
            native = re.search(r"^Package: dpkg\n(?:.+\n)*?Architecture: (\S+)$", text, re.MULTILINE)
            self._native = native.group(1) if native else ""
            self._status = dpkg_status.parse_status(text, auto, self._native)
        return self._status

    def arch(self) -> str:
        """Return dpkg's own architecture, empty when it is not known."""
        self._read_status()
        return self._native

    def manager(self):
        try:
            self._simulation()
            failed = None
        except Unknown as unknown:
            failed = unknown.why
        version = next((package.version for package in self.packages() if package.name == "apt"), "")
        return health.look(self.host, version, self.packages(), failed)

    def _simulation(self) -> apt_output.Simulation:
        if self._simulated is None:
            if self._started is None:
                self._started = self.host.start(["apt-get"] + self._indexes.options + LISTING)
            run = self._started.result()
            listed = apt_output.parse_listing(run.out) if run.rc in (0, 1) else None
            if listed is not None:
                self._simulated = self._with_arch(listed)
                return self._simulated
            run = self.host.run(["apt-get"] + self._indexes.options + ["-s", "-q", "full-upgrade"])
            if run.rc:
                why = next((line[3:] for line in run.err.split("\n") if line.startswith("E: ")), run.err[-200:])
                raise Unknown(
                    "candidates",
                    "apt-get cannot simulate an upgrade: " + apt_output.without_secrets(why),
                    "run apt-get -s full-upgrade on the host and repair what it says",
                )
            try:
                self._simulated = apt_output.parse_simulation(run.out)
            except ValueError as error:
                raise Unknown("candidates", str(error), "report this output of apt-get as a fault of Lockstep")
        return self._simulated

    def _with_arch(self, listed: apt_output.Simulation) -> apt_output.Simulation:
        """The same with the architecture that the candidate, or for a removal the installed package, really has."""
        installed = {(package.name, package.arch) for package in self.packages()}
        unsaid = [
            (each.name, "", each.version) for each in listed.actions if not each.arch and each.version is not None
        ]
        archs = {(name, version): arch for name, arch, version in self._records(unsaid)}
        actions = []
        for each in listed.actions:
            arch = each.arch or archs.get((each.name, each.version or ""), "")
            if each.version is None and not arch:
                arch = next((here for here in (self._native, "all") if (each.name, here) in installed), "")
            actions.append(each._replace(arch=arch))
        return listed._replace(actions=actions)

    def _ask_policy(self, names: Set[str]) -> Dict[str, apt_output.Policy]:
        missing = sorted(names - set(self._policies))
        for at in range(0, len(missing), BATCH):
            run = self.host.run(["apt-cache"] + self._indexes.options + ["policy"] + missing[at : at + BATCH])
            if run.rc:
                raise Unknown(
                    "candidates",
                    "apt-cache policy failed: " + apt_output.without_secrets(run.err),
                    "run apt-cache policy on the host",
                )
            self._policies.update(apt_output.parse_policy(run.out))
        return self._policies

    def _records(self, wanted: List[Tuple[str, str, str]]) -> Dict[Tuple[str, str, str], Dict[str, str]]:
        """apt's records of versions [(name, arch, version)], by real (name, arch, version); each asked once."""
        spoken = sorted({self._spoken(name, arch) + "=" + version for name, arch, version in wanted} - self._recorded)
        for at in range(0, len(spoken), BATCH):
            names = spoken[at : at + BATCH]
            run = self.host.run(["apt-cache"] + self._indexes.options + ["show", "--no-all-versions"] + names)
            for stanza in stanzas(run.out):
                key = (stanza.get("Package", ""), stanza.get("Architecture", ""), stanza.get("Version", ""))
                self._stanzas.setdefault(key, stanza)
        self._recorded.update(spoken)
        return self._stanzas

    def _spoken(self, name, arch):
        # the name as apt-cache prints it: the native architecture is left out
        return name if arch in ("", "all", self._native) else name + ":" + arch

    def candidates(self) -> List[Candidate]:
        installed = {(package.name, package.arch): package for package in self.packages()}
        actions = list(self._simulation().actions)
        kept = self._kept(installed)
        self._ask_policy({self._spoken(action.name, action.arch) for action in actions} | set(kept))
        rows: List[Tuple[apt_output.Action, Optional[str]]] = [(action, None) for action in actions]
        for spoken in sorted(kept):
            policy = self._policies.get(spoken)
            if policy is None or policy.candidate is None or policy.candidate == policy.installed:
                continue
            why = kept[spoken]
            if policy.phased is not None and why == BLOCKED:
                why = PHASED  # apt 2.6 lists these with what it keeps back for other reasons
            name, _colon, arch = spoken.partition(":")
            arch = arch or next(
                (found.arch for key, found in installed.items() if key[0] == name and key[1] in (self._native, "all")),
                self._native,
            )
            action = "upgrade" if policy.installed else "install"
            rows.append(
                (
                    apt_output.Action(action, name, arch, policy.installed, policy.candidate),
                    why.format(policy.phased if policy.phased is not None else "some"),
                )
            )
        records = self._records(
            [(action.name, action.arch, action.version) for action, _kept in rows if action.version is not None]
        )
        return sorted(
            (self._candidate(action, why, records, installed) for action, why in rows),
            key=lambda candidate: candidate[:4],
        )

    def _kept(self, installed: Dict[Tuple[str, str], Package]) -> Dict[str, str]:
        simulation = self._simulation()
        held = {self._spoken(name, arch) for name, arch in self._read_status()[1]}
        why = {name: "held" if name in held else BLOCKED for name in simulation.kept}
        why.update((name, PHASED) for name in simulation.phased)
        return why

    def _candidate(self, action, kept, records, installed):
        record = records.get((action.name, action.arch, action.version)) or {}
        known = [package for key, package in installed.items() if key[0] == action.name]
        arch = action.arch or (known[0].arch if known else self._native)
        if action.version is None:
            old = next((package for package in known if package.arch == arch or not action.arch), None)
            source, source_version = (old.source, old.source_version) if old else (action.name, "")
            return Candidate(
                action.name,
                old.arch if old else arch,
                "remove",
                action.installed,
                None,
                source,
                source_version,
                [],
                False,
                None,
                None,
                None,
                None,
                None,
                None,
            )
        origins = self._origins(action)
        source, source_version = dpkg_status.source_of(action.name, action.version, record.get("Source"))
        policy = self._policies.get(self._spoken(action.name, action.arch))
        phased = record.get("Phased-Update-Percentage", "")
        size = record.get("Size", "")
        return Candidate(
            action.name,
            arch,
            action.action,
            action.installed,
            action.version,
            source,
            source_version,
            origins,
            any(is_security(origin) for origin in origins),
            int(size) if size.isdigit() else None,
            record.get("SHA256") or None,
            record.get("Filename") or None,
            int(phased) if phased.isdigit() else (policy.phased if policy else None),
            kept,
            None,
        )

    def _origins(self, action: apt_output.Action) -> List[Origin]:
        by_description = {target.description: target.origin for target in self._indexes.targets()}
        policy = self._policies.get(self._spoken(action.name, action.arch))
        texts = (
            [text for version, places in policy.versions if version == action.version for text in places]
            if policy
            else []
        )
        return sorted({by_description[text] for text in texts if text in by_description})

    def holds(self) -> List[Hold]:
        found = [
            Hold(name, arch, "hold", "held by hand (apt-mark hold)", "/var/lib/dpkg/status")
            for name, arch in self._read_status()[1]
        ]
        return sorted(found + self._pinned())

    def _preference_files(self):
        folder = "/etc/apt/preferences.d"
        try:
            names = sorted(os.listdir(self.host.path(folder)))
        except OSError:
            names = []
        return [
            path
            for path in ["/etc/apt/preferences"]
            + [folder + "/" + name for name in names if "." not in name or name.endswith(".pref")]
            if os.path.isfile(self.host.path(path))
        ]

    def _pinned(self):
        pins = [
            pin
            for path in self._preference_files()
            for pin in apt_sources.parse_preferences(self.host.read_or(path), path)
        ]
        if not pins:
            return []
        packages = {self._spoken(package.name, package.arch): package for package in self.packages()}
        names = sorted(packages)
        found = []
        for at in range(0, len(names), BATCH):
            batch = names[at : at + BATCH]
            base = ["apt-cache"] + self._indexes.options
            with_pins = self.host.start(base + ["policy"] + batch)
            without = self.host.run(base + NO_PINS + ["policy"] + batch)
            ours, free = (apt_output.parse_policy(run.out) for run in (with_pins.result(), without))
            for name in batch:
                policy, unbound = ours.get(name), free.get(name)
                if not policy or not unbound or policy.candidate == unbound.candidate:
                    continue
                package = packages[name]
                matching = apt_sources.matching_pin(pins, package.name, package.source)
                reason = "apt takes {0} instead of {1}".format(policy.candidate or "none", unbound.candidate or "none")
                if matching:
                    reason += ": Pin: {0}, Pin-Priority: {1}".format(matching[0].pin, matching[0].priority)
                found.append(
                    Hold(
                        package.name,
                        package.arch,
                        "pin",
                        reason[:300],
                        matching[0].where if matching else "/etc/apt/preferences",
                    )
                )
        return found

    def pins(self) -> Dict[str, Pin]:
        found = {hold.name: hold.reason for hold in self.holds() if hold.kind == "pin"}
        run = self.host.run(["apt-cache", "policy"] + sorted(found)) if found else None
        takes = {name: each.candidate for name, each in apt_output.parse_policy(run.out).items()} if run else {}
        return {name: Pin(reason, takes.get(name)) for name, reason in found.items()}

    def history(self, since_ms, now_ms):
        return logs.history(self.host, since_ms, now_ms)

    def reboot_signals(self) -> List[Signal]:
        if not os.path.exists(self.host.path("/run/reboot-required")):
            return [Signal("reboot-required", "no", "there is no /run/reboot-required")]
        names = sorted(set(self.host.read_or("/run/reboot-required.pkgs").split()))
        return [
            Signal(
                "reboot-required",
                "yes",
                "/run/reboot-required asks for it: {0}".format(", ".join(names[:10]) or "no package named"),
            )
        ]

    def kernels(self):
        found = []
        for package in self.packages():
            match = re.match(r"linux-image-(?:unsigned-)?(\d.*)$", package.name)
            if match and package.status == "installed" and not match.group(1).endswith("-dbg"):
                release = match.group(1)
                found.append(Kernel(release, package.version, package.name, re.sub(r"^\d[^-]*(-\d+)?-", "", release)))
        return sorted(found, key=lambda row: (version_key(row.release), version_key(row.version)))

    def owners(self, paths):
        return owners(self.host, paths)

    def cache_paths(self):
        return ["/var/cache/apt/archives"]


def is_security(origin: Origin) -> bool:
    """Say whether an origin is a security archive: Debian-Security, Ubuntu's *-security, or named so by its owner."""
    return any(_SECURITY.search(text) for text in (origin.label, origin.suite, origin.codename))
