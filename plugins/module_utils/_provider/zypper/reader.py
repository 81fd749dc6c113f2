# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Looking at a host with zypper and rpm."""

from typing import Dict, List, Optional, Tuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.rpm_version import newer, version_key
from ansible_collections.lockstep.patching.plugins.module_utils._model.state import (
    Candidate,
    Hold,
    Index,
    Origin,
    Package,
    Unknown,
)
from ansible_collections.lockstep.patching.plugins.module_utils._parse import (
    rpm_md,
    rpm_query,
    zypp_files,
    zypper_output,
)
from ansible_collections.lockstep.patching.plugins.module_utils._provider.contract import (
    History,
    Kernel,
    Manager,
    Pin,
    Reader,
    Signal,
)
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host, Started
from ansible_collections.lockstep.patching.plugins.module_utils._provider.rpm import database as rpm
from ansible_collections.lockstep.patching.plugins.module_utils._provider.zypper import database
from ansible_collections.lockstep.patching.plugins.module_utils._provider.zypper.advisories import Advisories
from ansible_collections.lockstep.patching.plugins.module_utils._provider.zypper.history import history
from ansible_collections.lockstep.patching.plugins.module_utils._provider.zypper.indexes import READ_ONLY, Indexes

ZYPPER = ["zypper", "--non-interactive", "--no-refresh", "--xmlout"]
# what is merely recommended is not a part of patching, and no vendor takes over another's package
UPDATE = ["update", "--no-recommends", "--no-allow-vendor-change"]
FORGETTING = [
    "update",
    "--no-recommends",
]  # for a zypper that does not know the option: it changes no vendor by default
HELD = "held"
NOT_KNOWN = (2,)  # zypper's exit status for an option that it does not have
Nevra = Tuple[str, str, str]


class ZypperReader(Reader):
    """zypper by its XML output, repositories by the metadata that it has fetched, rpm by its queries."""

    name = "zypper"

    def __init__(self, host: Host) -> None:
        self.host = host
        self._indexes = Indexes(host)
        self._asked: Dict[str, Started] = {}
        self._rpms: Optional[List[rpm_query.Rpm]] = None
        self._steps: Optional[List[zypper_output.Solvable]] = None
        self._gap: Optional[str] = None
        self._now_ms = 0

    @classmethod
    def detect(cls, host: Host) -> "Optional[ZypperReader]":
        """Return a reader where there are zypper and rpm, else None."""
        return cls(host) if host.which("zypper") and host.which("rpm") else None

    def refresh(self, mode: str, max_age_s: int, now_ms: int) -> None:
        """As the contract says; then start the questions to zypper, which it answers while the rest is read."""
        self._now_ms = now_ms
        try:
            self._indexes.refresh(mode, max_age_s, now_ms)
        finally:
            for what in ("steps", "offers", "reboot"):
                self._ask(what)

    def close(self) -> None:
        for started in self._asked.values():
            started.result()
        self._indexes.close()

    def _ask(self, what: str) -> Started:
        if what not in self._asked:
            words = {
                "steps": UPDATE + ["--dry-run"],
                "offers": ["list-updates", "--all"],
                "reboot": ["needs-rebooting"],
                "version": ["--version"],
            }[what]
            command = ["zypper", "--version"] if what == "version" else ZYPPER + self._indexes.options + words
            self._asked[what] = self.host.start(command, env=READ_ONLY)
            if self._rpms is None and "rpms" not in self._asked:
                self._asked["rpms"] = self.host.start(["rpm", "-qa", "--qf", rpm_query.SHORT])
        return self._asked[what]

    def indexes(self) -> List[Index]:
        return self._indexes.states()

    def _installed(self) -> List[rpm_query.Rpm]:
        if self._rpms is None:
            asked = self._asked.get("rpms") or self.host.start(["rpm", "-qa", "--qf", rpm_query.SHORT])
            self._rpms = database.installed(asked.result())
        return self._rpms

    def packages(self) -> List[Package]:
        auto = zypp_files.parse_auto(self.host.read_or(database.AUTO))
        wrong = database.trouble(self.host, self._installed())
        return [
            Package(
                each.name,
                each.arch,
                each.version,
                each.source,
                each.source_version,
                each.name in auto,
                wrong.get((each.name, each.arch), "installed"),
            )
            for each in self._installed()
        ]

    def arch(self) -> str:
        run = self.host.run(["rpm", "--eval", "%{_arch}"], timeout=30)
        return run.out.strip() if run.rc == 0 else ""

    def manager(self) -> Manager:
        version = self._ask("version").result().out.strip().rpartition(" ")[2]
        found = rpm.health(self.host, self.name, version, self.packages(), [database.ZYPP_LOCK])
        try:
            self._simulated()
        except Unknown as unknown:
            if found.health == "ok":
                found = found._replace(health="unknown")
            found.problems.append("{0}: {1}".format(unknown.why, unknown.next))
        return found

    def _simulated(self) -> List[zypper_output.Solvable]:
        if self._steps is None:
            run = self._ask("steps").result()
            if run.rc in NOT_KNOWN and "allow-vendor-change" in run.out:
                command = ZYPPER + self._indexes.options + FORGETTING + ["--dry-run"]
                run = self.host.run(command, env=READ_ONLY)
            if run.rc not in zypper_output.FINE + (106,):
                said = zypper_output.parse_problems(run.out) + zypper_output.parse_messages(run.out)
                why = "; ".join(said[:3]) or run.err.strip()[-200:]
                raise Unknown(
                    "candidates",
                    "zypper cannot simulate an update: {0}: {1}".format(zypper_output.meaning(run.rc), why)[:400],
                    "run zypper update --dry-run on the host and repair what it says",
                )
            try:
                self._steps = zypper_output.parse_summary(run.out)
            except ValueError as error:
                raise Unknown("candidates", str(error), "report this output of zypper as a fault of Lockstep")
        return self._steps

    def _offers(self) -> List[zypper_output.Offered]:
        """All newer versions, also those that zypper does not take."""
        run = self._ask("offers").result()
        try:
            if run.rc not in zypper_output.FINE + (106,):
                said = zypper_output.parse_messages(run.out) or [run.err.strip()[-200:]]
                raise ValueError("{0}: {1}".format(zypper_output.meaning(run.rc), said[0]))
            return zypper_output.parse_updates(run.out)
        except ValueError as error:
            raise Unknown("candidates", "zypper list-updates: {0}".format(error)[:400], "run it on the host")

    def candidates(self) -> List[Candidate]:
        newest = {(each.name, each.arch): each for each in self._installed()}
        wanted: Dict[Nevra, Tuple[str, Optional[str]]] = {}
        removals = []
        for step in self._simulated():
            key = (step.name, step.arch)
            if step.action == "remove":
                removals.append(step)
            elif step.action in ("upgrade", "install"):
                # a package that may be there in several versions is installed beside the old one
                action = "upgrade" if key in newest else "install"
                wanted[(step.name, step.arch, step.version)] = (action, None)
        taken = {(name, arch) for name, arch, _version in wanted}
        offers = self._offers()
        for offer in offers:
            if (offer.name, offer.arch) not in taken and (offer.name, offer.arch) in newest:
                wanted[(offer.name, offer.arch, offer.version)] = ("upgrade", "")
        facts = Advisories(self._indexes, wanted, newest)
        self._gap = facts.gap()
        rows = [
            self._candidate(nevra, action, self._why(nevra, kept, newest, facts), newest, facts)
            for nevra, (action, kept) in wanted.items()
        ]
        gone = {step.name for step in removals}
        rows += [self._removal(each) for each in self._installed() if each.name in gone and self._goes(each, removals)]
        rows += list(self._retracted(facts, newest, wanted))
        return sorted(rows, key=lambda row: (row.name, row.arch, row.action, row.version or ""))

    def _goes(self, old, removals):
        return any((step.name, step.arch, step.version) == (old.name, old.arch, old.version) for step in removals)

    def _why(self, nevra, kept, newest, facts):
        """Why zypper does not take a version, or None when it does."""
        retracted = facts.retracted.get(nevra)
        if retracted:
            return "its vendor has retracted it ({0})".format(retracted)
        if kept is None:
            return None
        name, arch, _version = nevra
        if any(lock.holds(name) for lock in self._locks()):
            return HELD
        record, old = facts.records.get(nevra), newest[(name, arch)]
        if record and record.vendor != old.vendor:
            return "it is of another vendor ({0}, installed: {1}), and vendors do not change".format(
                record.vendor[:80] or "none", old.vendor[:80] or "none"
            )
        return "zypper keeps it back: something that it needs is missing, or conflicts (zypper update shows it)"

    def _candidate(self, nevra, action, kept, newest, facts):
        name, arch, version = nevra
        old = newest.get((name, arch)) if action == "upgrade" else None
        record = facts.records.get(nevra)
        repo = facts.repo_of.get(nevra)
        advisories = facts.advisories(nevra, old.version if old else None)
        return Candidate(
            name,
            arch,
            action,
            old.version if old else None,
            version,
            record.source if record else name,
            record.source_version if record else version,
            [Origin(repo.alias, repo.name, "", "", "")] if repo else [],
            None if advisories is None else any(each.type == "security" for each in advisories),
            record.size if record else None,
            record.sha256 if record else None,
            record.href if record else None,
            None,
            kept,
            facts.age_ms(nevra, self._now_ms),
            advisories,
        )

    def _removal(self, old):
        names = ("version", "size", "sha256", "filename", "phased", "kept_back", "age_ms")
        return Candidate(
            name=old.name,
            arch=old.arch,
            action="remove",
            installed=old.version,
            source=old.source,
            source_version=old.source_version,
            origins=[],
            security=False,
            **dict.fromkeys(names),
        )

    def _retracted(self, facts, newest, wanted):
        """Newer versions that their vendor has taken back, and zypper therefore does not offer."""
        for nevra in sorted(facts.retracted):
            name, arch, version = nevra
            old = newest.get((name, arch))
            if nevra not in wanted and old is not None and newer(version, old.version) and nevra in facts.records:
                kept = "its vendor has retracted it ({0})".format(facts.retracted[nevra])
                yield self._candidate(nevra, "upgrade", kept, newest, facts)

    def advisory_gap(self) -> Optional[str]:
        return self._gap

    def _locks(self):
        return zypp_files.parse_locks(self.host.read_or(database.LOCKS), database.LOCKS)

    def holds(self) -> List[Hold]:
        found: Dict[Tuple[str, str], Hold] = {}
        for lock in self._locks():
            for each in self._installed():
                if lock.holds(each.name):
                    found.setdefault(
                        (each.name, each.arch), Hold(each.name, each.arch, "hold", lock.reason, lock.where)
                    )
        return [found[key] for key in sorted(found)]

    def pins(self) -> Dict[str, Pin]:
        return {}  # a lock is the snapshot's matter, and zypp has nothing that takes another version

    def history(self, since_ms: int, now_ms: int) -> History:
        return history(self.host, since_ms, now_ms)

    def reboot_signals(self) -> List[Signal]:
        run = self._ask("reboot").result()
        said = " ".join(zypper_output.parse_messages(run.out, "info")) or "zypper needs-rebooting"
        if run.rc in (0, 102):
            return [Signal("needs-rebooting", "yes" if run.rc == 102 else "no", said[:300])]
        return [Signal("needs-rebooting", "unknown", "zypper needs-rebooting: " + zypper_output.meaning(run.rc))]

    def kernels(self) -> List[Kernel]:
        names = sorted({each.name for each in self._installed() if rpm_query.is_kernel(each.name)})
        if not names:
            return []
        form = "[%{=NAME}\\t%{=EPOCHNUM}\\t%{=VERSION}\\t%{=RELEASE}\\t%{PROVIDENAME}\\t%{PROVIDEVERSION}\\n]"
        found = set()
        for line in self.host.run(["rpm", "-q", "--qf", form] + names).out.split("\n"):
            fields = line.split("\t")
            if len(fields) == 6 and fields[4] == "kernel-uname-r":
                version = rpm_md.evr(fields[1], fields[2], fields[3])
                found.add(Kernel(fields[5], version, fields[0], fields[0].rpartition("-")[2]))
        return sorted(found, key=lambda kernel: (version_key(kernel.version), kernel.release))

    def cache_paths(self) -> List[str]:
        return ["/var/cache/zypp/packages"]
