# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One look at a host: the sections, what is unknown, and the short answer."""

from ansible_collections.lockstep.patching.plugins.module_utils._look import checks as health_checks
from ansible_collections.lockstep.patching.plugins.module_utils._look import host_facts, processes, reboot
from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import canonical, digest
from ansible_collections.lockstep.patching.plugins.module_utils._model.state import PARTS, SECTIONS, Unknown, plain
from ansible_collections.lockstep.patching.plugins.module_utils._provider import registry

DAY_MS = 86400000
UNSUPPORTED = "this host has no package manager that Lockstep supports"
NEEDS_INDEXES = frozenset(("manager", "candidates", "holds", "indexes", "platform"))
HALF_DONE = ("interrupted", "broken")
NEEDS_MANAGER = ("manager", "packages", "candidates", "holds", "indexes", "history", "platform")
ANSWER_LIMIT = 6000  # bytes of canonical JSON; the whole of what goes back to a play is to stay below 8 KB


class Look(object):
    """sections: {name: content or {"unknown": why}}; unknown: [{what, why, next}]; platform: its id or None."""

    def __init__(self, host, now_ms):
        self.host = host
        self.now_ms = now_ms
        self.sections = {}
        self.unknown = []
        self.platform = None
        self.supported = True

    def run(self, refresh="auto", max_index_age=86400, history_days=200, checks=(), wanted=SECTIONS, rules=None):
        """Look; nothing here raises for a host in a bad state: what cannot be read is unknown.

        wanted: the sections and parts that somebody asks for; others are read only where a wanted one needs them.
        rules: those of the parts that have some, as ``parts.Parts`` takes them.
        """
        wanted = set(wanted)
        parts = self._parts(wanted, rules or {})
        reader = registry.reader(self.host)
        self.supported = reader is not None
        units = processes.start_units(self.host) if "health" in wanted else None
        restart = (
            self.host.start(["needrestart", "-b", "-k"], timeout=30)
            if "reboot" in wanted and self.host.which("needrestart") and not host_facts.container(self.host)
            else None
        )
        try:
            if reader is not None and wanted & NEEDS_INDEXES:
                self._try("indexes", lambda: reader.refresh(refresh, max_index_age, self.now_ms), keep=False)
            self._local(reader, units, restart, checks, wanted)
            for name in parts.names() if parts else ():
                self._try(name, lambda name=name: parts.read(name))
            if reader is None:
                self._unsupported()
            else:
                self._packages(reader, history_days, wanted)
        finally:
            if reader is not None:
                reader.close()
        order = SECTIONS + PARTS
        self.sections = {name: self.sections[name] for name in order if name in wanted and name in self.sections}
        self.unknown = [row for row in self.unknown if row["what"] in wanted or row["what"] == "security"]
        return self

    def _try(self, name, work, keep=True):
        try:
            value = work()
        except Unknown as unknown:
            self._note(name, unknown.why, unknown.next)
        except (OSError, ValueError, KeyError, IndexError) as error:
            self._note(
                name,
                "{0}: {1}".format(type(error).__name__, error)[:300],
                "look at the host; if nothing is wrong there, report it as a fault of Lockstep",
            )
        else:
            if keep:
                self.sections[name] = plain(value)
            return value
        return None

    def _note(self, what, why, step):
        if what in SECTIONS or what in PARTS:
            self.sections[what] = {"unknown": why}
        if not any(row["what"] == what for row in self.unknown):
            self.unknown.append({"what": what, "why": why, "next": step})

    def _local(self, reader, units, restart, checks, wanted):
        scan = None
        uses = self._uses(wanted)
        if wanted & {"services", "health", "reboot", "use"}:
            scan = self._try("services", lambda: processes.Processes(self.host, uses).scan(), keep=False)
        if uses is not None:
            self._try("use", lambda: self._use(uses, scan, reader))
        if scan is not None:
            self._try("services", scan.services)
            if not self.sections["services"]["complete"]:
                self.unknown.append(
                    {"what": "services", "why": self.sections["services"]["reason"], "next": "look with become: true"}
                )
        if units is not None:
            self._try("health", lambda: self._health(scan, units))
        self._try("checks", lambda: health_checks.run_all(self.host, list(checks)))
        self._try("space", lambda: host_facts.space(self.host, reader.cache_paths() if reader else []))
        self._try("os", lambda: host_facts.system(self.host, reader.arch() if reader else ""))
        boot = self._try("boot", lambda: host_facts.boot(self.host, reader.kernels() if reader else []), keep=False)
        if boot is not None:
            self.sections["boot"] = {key: value for key, value in boot.items() if key != "kernel_current"}
        if boot is not None and "reboot" in wanted:
            found = reboot.signals(reader.reboot_signals() if reader else [], boot, scan.services() if scan else None)
            extra = reboot.needrestart(restart.result()) if restart else None
            self._try("reboot", lambda: reboot.section(found + ([extra] if extra else [])))
            if self.sections["reboot"]["needed"] == "unknown":
                why = "; ".join(row.text for row in found if row.needed == "unknown")
                self.unknown.append({"what": "reboot", "why": why, "next": "look with become: true, or check by hand"})

    def _parts(self, wanted, rules):
        if not wanted & set(PARTS) - {"use"}:
            return None
        from ansible_collections.lockstep.patching.plugins.module_utils._look.parts import Parts

        return Parts(self.host, wanted, rules)

    def _uses(self, wanted):
        if "use" not in wanted:
            return None
        from ansible_collections.lockstep.patching.plugins.module_utils._look.use import Uses

        return Uses(self.host)

    def _use(self, uses, scan, reader):
        if reader is None:
            raise Unknown("use", UNSUPPORTED, "retire the host or patch it by hand")
        if scan is None:
            raise Unknown("use", self.sections["services"]["unknown"], "look with become: true")
        return uses.section(reader.owners, scan.services()["reason"] if scan.unreadable else None)

    def _health(self, scan, units):
        rows, failed = processes.units(self.host, units)
        return {"units": rows, "ports": scan.ports if scan else [], "failed_units": failed}

    def _unsupported(self):
        for name in NEEDS_MANAGER:
            self.sections[name] = {"unknown": UNSUPPORTED}
        self.unknown.append({"what": "packages", "why": UNSUPPORTED, "next": "retire the host or patch it by hand"})

    def _packages(self, reader, history_days, wanted):
        if "packages" in wanted:
            self._try("packages", reader.packages)
        indexes = self._try("indexes", reader.indexes) if wanted & NEEDS_INDEXES else None
        history = None
        if "history" in wanted:
            history = self._try("history", lambda: reader.history(self.now_ms - history_days * DAY_MS, self.now_ms))
        if history is not None:
            self.sections["history"]["events"] = [
                {
                    "ms": event.ms,
                    "name": event.name,
                    "arch": event.arch,
                    "action": event.action,
                    "from": event.old,
                    "to": event.new,
                }
                for event in history.events
            ]
        for name in ("manager", "candidates", "holds"):
            if name in wanted:
                self._try(name, getattr(reader, name))
        if indexes is not None and reader.moved():
            # each part may have seen other lists, and a list that is away looks like one that offers nothing
            self._blind("the package indexes were replaced while they were read", "look again")
        manager = self.sections.get("manager", {})
        if manager.get("health") in HALF_DONE:
            # what a simulated upgrade says of packages that are half there is no count of what is pending
            why = "the package manager is {0}: {1}".format(manager["health"], "; ".join(manager["problems"]))
            self._blind(why, "run {0} on the host, then look again".format(reader.words.repair))
        if indexes is not None:
            self._judge(indexes, reader.words.update)
            self._platform(indexes, reader.name)
        if isinstance(self.sections.get("candidates"), list):
            gap = reader.advisory_gap() if _count(self.sections["candidates"])["security"] is None else None
            if gap:
                step = "add the vendor's advisories to its repositories; until then all its updates count as other"
                self.unknown.append({"what": "security", "why": gap, "next": step})

    def _judge(self, indexes, update):
        bad = [index for index in indexes if index.state != "ok"]
        if not indexes:
            self._blind("no package source is configured", "add the package sources of this host")
        elif bad:
            why = "; ".join(
                "index {0} {1} {2} is {3}: {4}".format(
                    index.label or index.origin or "without a name",
                    index.codename or index.suite,
                    index.component,
                    index.state,
                    index.problem,
                )
                for index in bad[:3]
            )
            self._blind(why, "repair the source ({0} on the host shows it), then look again".format(update))

    def _blind(self, why, step):
        seen = self.sections.get("candidates")
        if isinstance(seen, list):
            self._seen = _count(seen)
        self.sections["candidates"] = {"unknown": why}
        self._note("candidates", why, step)

    _seen = None

    def _at_least(self, candidates, security):
        if candidates is None:
            return self._seen
        return None if security is not None else dict(_count(candidates), security=_sure(candidates))

    def _platform(self, indexes, manager):
        system = self.sections["os"]
        unread = [index for index in indexes if index.state in ("missing", "unsigned") and not index.keys]
        if unread or not indexes:
            self._note("platform", "the keys of a package source are not known", "repair the package sources")
            return
        names = sorted(
            {(index.origin, index.label, index.codename, index.component, tuple(index.keys)) for index in indexes}
        )
        repositories = [
            {"origin": origin, "label": label, "codename": codename, "component": component, "keys": list(keys)}
            for origin, label, codename, component, keys in names
        ]
        self.platform = "-".join(
            (
                system["id"],
                system["version"] or system["codename"] or "rolling",
                system["arch"],
                digest(repositories)[:8],
            )
        )
        self.sections["platform"] = {
            "id": self.platform,
            "os": system["id"],
            "version": system["version"],
            "arch": system["arch"],
            "manager": manager,
            "repositories": repositories,
        }

    def answer(self):
        """Return the short answer for the play, at most ANSWER_LIMIT bytes: long lists are cut and say so."""
        candidates = self.sections.get("candidates")
        known = isinstance(candidates, list)
        counts = _count(candidates) if known else {"pending": None, "security": None}
        reboots = self.sections.get("reboot", {})
        services = self.sections.get("services", {})
        holds = self.sections.get("holds")
        history = self.sections.get("history", {})
        outdated = [row["unit"] or row["process"] for row in services.get("outdated", [])]
        answer = {
            "supported": self.supported,
            "pending": counts["pending"],
            "security": counts["security"],
            "at_least": self._at_least(candidates if known else None, counts["security"]),
            "reboot": reboots.get("needed"),
            "reboot_reasons": [row["text"] for row in reboots.get("reasons", [])],
            "outdated_services": sorted(set(outdated)) if "outdated" in services else None,
            "holds": len(holds) if isinstance(holds, list) else None,
            "manager": self.sections.get("manager", {}).get("health"),
            "failed_units": self.sections.get("health", {}).get("failed_units"),
            "failed_checks": [row["check"] for row in self.sections.get("checks") or [] if not row["ok"]]
            if isinstance(self.sections.get("checks"), list)
            else None,
            "last_patched_ms": history.get("last_patched_ms"),
            "history_missing": history.get("missing"),
            "platform": self.platform,
            "unknown": self.unknown,
        }
        return _fit(answer)


def _count(candidates):
    real = [row for row in candidates if row["kept_back"] is None]
    unsaid = any(row["security"] is None for row in real)
    return {"pending": len(real), "security": None if unsaid else _sure(real)}


def _sure(candidates):
    return sum(1 for row in candidates if row["kept_back"] is None and row["security"])


def _fit(answer):
    for keep in (20, 5, 2):
        for key, value in list(answer.items()):
            if isinstance(value, list) and len(value) > keep:
                rest = len(value) - keep
                more = "and {0} more".format(rest)
                answer[key] = value[:keep] + (
                    [{"what": "more", "why": more, "next": "see the ledger"}] if key == "unknown" else [more]
                )
        if len(canonical(answer).encode("utf-8")) <= ANSWER_LIMIT:
            return answer
    return dict(
        answer,
        unknown=[{"what": "answer", "why": "too long", "next": "see the ledger"}],
        reboot_reasons=[],
        history_missing=None,
        outdated_services=None,
        failed_units=None,
        failed_checks=None,
    )
