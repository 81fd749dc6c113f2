# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""pacman (Arch Linux and its kin). Indexes are fetched into a database folder of our own, as checkupdates does: with
newer ones in the system's, the admin's next ``pacman -S`` would upgrade in part, which pacman does not support."""

import glob
import os
import time
from typing import Any, Dict, List, Optional, Tuple

from ansible_collections.lockstep.patching.plugins.module_utils._model import alpm_version, state
from ansible_collections.lockstep.patching.plugins.module_utils._model import transaction as model
from ansible_collections.lockstep.patching.plugins.module_utils._parse import pacman_output as parse
from ansible_collections.lockstep.patching.plugins.module_utils._provider import contract, control, logged, notes
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host

OWN = "/var/cache/lockstep/pacman"  # our copy of the indexes (sync, local -> the system's, fetched), and notes
CHANGING = OWN + "/changing"  # while pacman runs: {name: [architecture, version before]}
FAILED = OWN + "/failed"  # {name: [version, time]} of scriptlets that failed, which pacman itself forgets


class Pacman(object):
    """What the three parts have in common: settings, databases, the lock."""

    name = "pacman"

    def __init__(self, host: Host) -> None:
        self.host = host
        run = host.run(["pacman-conf"])
        if run.rc:
            raise state.Unknown("pacman.conf", run.err.strip()[-300:], "run pacman-conf on the host and repair it")
        self.settings = parse.parse_settings(run.out)
        self.options = self.settings["options"]
        self.system = self.option("DBPath", "/var/lib/pacman").rstrip("/")
        self.lock = host.path(self.system + "/db.lck")

    def option(self, name: str, default: str = "") -> str:
        return (self.options.get(name) or [default])[0]

    def database(self) -> str:
        """The folder of the indexes: ours once they were fetched, else the system's."""
        return OWN if os.path.exists(self.host.path(OWN + "/fetched")) else self.system

    def fetch(self) -> str:
        """Bring our copy up to date; why that failed, or an empty text."""
        self.link(OWN)
        run = self.host.run(["pacman", "-Sy", "--noprogressbar", "--dbpath", OWN, "--logfile", "/dev/null"])
        with open(self.host.path(OWN + "/fetched"), "a") as stamp:
            if run.rc == 0:
                os.utime(stamp.name)
        return "\n".join(parse.errors(run.out + run.err)) or "pacman -Sy failed" if run.rc else ""

    def link(self, folder: str) -> None:
        """Make a database folder that has what is installed and indexes of its own."""
        os.makedirs(self.host.path(folder + "/sync"), exist_ok=True)
        if not os.path.islink(self.host.path(folder + "/local")):
            os.symlink(self.system + "/local", self.host.path(folder + "/local"))

    def local(self) -> Dict[str, parse.Fields]:
        """{folder name: fields} of what is installed; a package that lost its description has no fields."""
        folder = self.system + "/local/"
        names = set(os.listdir(self.host.path(folder))) - {"ALPM_DB_VERSION"}
        return {name: parse.parse_desc(self.host.read_or(folder + name + "/desc")) for name in sorted(names)}

    def snapshot(self) -> model.Snapshot:
        failed, changing = notes.read(self.host, FAILED, {}), notes.read(self.host, CHANGING, {})
        left = [self.lock + " was left by a pacman that has ended"] if logged.opener(self.lock) == 0 else []
        return parse.snapshot(self.local(), self.options, failed, changing, left)

    def targets(self, words: List[str]) -> List[parse.Target]:
        """What a command would install, asked with --print, less what lacks something (as when it is held); raise
        Unknown when pacman refuses the rest."""
        command, lacking = ["pacman", "--noconfirm", "--print-format", parse.FORMAT], set()  # type: Any, Any
        while True:
            ignore = ["--ignore", ",".join(sorted(lacking))] if lacking else []
            run = self.host.run(command + ignore + words, env={"TZ": "UTC"})
            if run.rc == 0:
                return parse.parse_targets(run.out)
            more = parse.lacking(run.out + run.err) - lacking
            if not more:
                raise state.Unknown("candidates", "; ".join(parse.errors(run.out + run.err)), "run pacman -Su")
            lacking |= more

    def kernels(self) -> List[contract.Kernel]:
        rows, installed = [], self.snapshot().installed
        for path in glob.glob(self.host.path("/usr/lib/modules") + "/*/pkgbase"):
            base = self.host.read("/usr/lib/modules/{0}/pkgbase".format(path.split("/")[-2])).strip()
            have = "".join(each.version for key, each in installed.items() if key[0] == base)
            rows.append(contract.Kernel(path.split("/")[-2], have, base, base))
        return sorted(rows)


class PacmanReader(Pacman, contract.Reader):
    """Looks."""

    _problem, _max_age_s, _now_ms = "", 0, 0

    @classmethod
    def detect(cls, host: Host) -> "Optional[PacmanReader]":
        return cls(host) if os.path.isdir(host.path("/var/lib/pacman/local")) else None

    def refresh(self, mode: str, max_age_s: int, now_ms: int) -> None:
        self._max_age_s, self._now_ms = max_age_s, now_ms
        if self.host.is_root and (mode == "always" or (mode == "auto" and now_ms - self._fetched() > max_age_s * 1000)):
            self._problem = self.fetch()

    def _fetched(self):
        """When the indexes in use were fetched, UTC ms, 0 for never."""
        path = self.host.path(self.database() + ("/fetched" if self.database() == OWN else "/sync"))
        return int(os.stat(path).st_mtime * 1000) if os.path.exists(path) else 0

    def manager(self) -> contract.Manager:
        version = self.host.run(["pacman", "-V"]).out.partition("Pacman v")[2].split(" ")[0]
        check, holder = self.host.run(["pacman", "-Dk"]), logged.opener(self.lock)
        problems = [line + ": run pacman -Dk" for line in parse.errors(check.out + check.err)[:5]] if check.rc else []
        if holder:
            problems.append("{0} is locked by process {1}: wait until it ends".format(self.lock, holder))
        problems += self.snapshot().trouble
        health = "broken" if check.rc else ("interrupted" if problems else "ok")
        return contract.Manager("pacman", version, "locked" if holder else health, problems)

    def arch(self) -> str:
        return self.option("Architecture")

    def packages(self) -> List[state.Package]:
        return parse.packages(self.local(), self.snapshot())

    def candidates(self) -> List[state.Candidate]:
        base = ["--dbpath", self.database()]
        coming = self.targets(base + ["-Su"])
        behind = parse.parse_upgradable(self.host.run(["pacman", "-Qu"] + base).out)
        kept = sorted(set(behind) - {each.name for each in coming})
        return parse.candidates(coming, self.targets(base + ["-Sdd"] + kept) if kept else [], self.snapshot())

    def advisory_gap(self) -> Optional[str]:
        return "pacman's repositories have no advisory data"

    def holds(self) -> List[state.Hold]:
        return parse.holds(self.local(), self.options)

    def indexes(self) -> List[state.Index]:
        rows, fetched, limit_ms = [], self._fetched(), self._max_age_s * 1000
        for name in sorted(set(self.settings) - {"options"}):
            path = "{0}/sync/{1}.db".format(self.database(), name)
            levels = self.settings[name].get("SigLevel") or self.options.get("SigLevel", [])
            dated = int(os.stat(self.host.path(path)).st_mtime * 1000) if os.path.exists(self.host.path(path)) else None
            said = parse.about(self._problem, name, len(self.settings) - 1)
            rows.append(
                parse.index(name, self._keys(path), levels, dated, fetched, self._now_ms - fetched > limit_ms, said)
            )
        return rows

    def _keys(self, path):
        """Fingerprint of the key that signed the index, where it is signed and the signature is good."""
        words = ["--batch", "--no-auto-check-trustdb", "--lock-never", "--status-fd", "1", "--verify"]
        home = ["gpg", "--homedir", self.option("GPGDir", "/etc/pacman.d/gnupg")]
        run = self.host.run(home + words + [path + ".sig", path])
        rows = [line.split() for line in run.out.splitlines() if run.rc == 0]
        return sorted({row[-1] for row in rows if row[1:2] == ["VALIDSIG"]})

    def history(self, since_ms: int, now_ms: int) -> contract.History:
        path = self.option("LogFile", "/var/log/pacman.log")
        rows = parse.parse_log(self.host.read(path))
        archs = dict(self.snapshot().installed.keys())
        events = [contract.Event(row[0], row[1], archs.get(row[1], ""), *row[2:]) for row in rows if row[0] >= since_ms]
        first, last = (rows[0][0], rows[-1][0]) if rows else (None, None)
        patched = [row[0] for row in rows if row[2] == "upgrade"]
        missing, sources = None if rows else path + " holds no step", [contract.Source(path, first, last, True)]
        return contract.History(sources, first, patched[-1] if patched else None, events, missing)

    def reboot_signals(self) -> List[contract.Signal]:
        """An upgrade of a kernel takes the modules of the one before away."""
        running, releases = os.uname().release, [kernel.release for kernel in self.kernels()]
        if not releases or os.path.exists(self.host.path("/run/systemd/container")):
            return []
        needed, they_are = ("no", "there") if running in releases else ("yes", "gone")
        return [contract.Signal("modules", needed, "the modules of the running kernel are " + they_are)]

    def cache_paths(self) -> List[str]:
        return self.options.get("CacheDir") or ["/var/cache/pacman/pkg/"]


class PacmanFiles(Pacman, contract.Files):
    """Fetches, from our copy of the indexes."""

    refresh = Pacman.fetch
    read = staticmethod(parse.offered)

    def __init__(self, host: Host, timeout: float) -> None:
        Pacman.__init__(self, host)
        self.timeout = timeout

    def cached(self, wanted: contract.Wanted, folders: Optional[List[str]] = None) -> Optional[str]:
        start, folders = "{0}-{2}-{1}.pkg.tar".format(*wanted), folders or self.options.get("CacheDir", [])
        paths = [path for folder in folders for path in glob.glob(self.host.path(glob.escape(folder + start)) + "*")]
        return next((path for path in paths if not path.endswith((".sig", ".part"))), None)

    def offered(self, wanted: List[contract.Wanted]) -> Dict[contract.Wanted, contract.Offer]:
        known = self.host.run(["pacman", "-Slq", "--dbpath", self.database()], self.timeout).out.split()
        names = sorted({key[0] for key in wanted} & set(known))
        rows = self.targets(["--dbpath", self.database(), "-Sdd"] + names) if names else []
        offers = {(row.name, row.arch, row.version): contract.Offer(row.sha256, row.size or 0) for row in rows}
        return {key: offers[key] for key in wanted if key in offers}

    def download(self, wanted: List[contract.Wanted], folder: str) -> Tuple[Dict[contract.Wanted, str], str]:
        """pacman checks the packages' signatures as its settings say."""
        words = ["pacman", "-Swdd", "--noconfirm", "--noprogressbar", "--dbpath", self.database(), "--cachedir", folder]
        run = self.host.run(words + ["--logfile", "/dev/null"] + sorted({key[0] for key in wanted}), self.timeout)
        found = {key: self.cached(key, [folder + "/"]) for key in wanted}
        return {key: path for key, path in found.items() if path}, "; ".join(parse.errors(run.out + run.err))

    @staticmethod
    def describe(host: Host, path: str) -> str:
        run = host.run(["bsdtar", "-xOqf", path, ".PKGINFO"])
        if run.rc:
            raise state.Unknown("the package file " + path, run.err.strip()[-300:], "remove it and run acquire again")
        return run.out


class PacmanWriter(Pacman, contract.Writer):
    """Changes. What is to happen is asked of a database that holds nothing but the plan's files, and done with -U."""

    newer = staticmethod(alpm_version.newer)

    def __init__(self, host: Host, files_dir: str, control_dir: str) -> None:
        Pacman.__init__(self, host)
        self.files_dir, self.control_dir = files_dir, control_dir

    def stage(self, lines: List[model.Line], work_dir: str) -> List[model.Offered]:
        """-U asks for no checksum, so it is compared here."""
        self.link(work_dir + "/db")
        with open(self.host.path(work_dir + "/pacman.conf"), "w") as conf:
            conf.write(parse.private_conf(self.options))
        found = []
        for line in lines:
            control.check(self.host, line, self.files_dir)
            text = control.control_of(PacmanFiles, self.host, str(line.sha256), self.files_dir, self.control_dir)
            found.append((line, text))
        notes.archive(self.host, work_dir + "/db/sync/plan.db", parse.sync_database(found))
        return [control.offered(PacmanFiles, text, line, self.files_dir) for line, text in found]

    def simulate(self, work_dir: str, snapshot: model.Snapshot, fix: bool = False) -> contract.Simulated:
        """What an earlier run left half done is installed anew. What is to happen is noted for apply()."""
        base = ["--config", work_dir + "/pacman.conf", "--dbpath", work_dir + "/db"]
        known = self.host.run(["pacman", "-Slq"] + base).out.split()
        odd = [key[0] for key, each in snapshot.installed.items() if each.state != "installed"]
        try:
            coming = self.targets(base + ["-Su"] + sorted(set(odd) & set(known)))
        except state.Unknown as unknown:
            return contract.Simulated(1, [], [], [unknown.why])
        notes.write(self.host, work_dir + "/targets", [[each.name, each.version, each.filename] for each in coming])
        return contract.Simulated(0, parse.steps(coming, snapshot), [], [])

    def apply(self, work_dir, log_path, timeout, lock_timeout, removals, fix=False, tick=None) -> contract.Ended:
        """-U keeps why a package was installed; new ones are there because others need them."""
        coming, have = notes.read(self.host, work_dir + "/targets", []), self.snapshot()
        before = {key[0]: [key[1], each.version] for key, each in have.installed.items()}
        notes.write(self.host, CHANGING, {row[0]: before[row[0]] for row in coming if row[0] in before})
        command = ["pacman", "--config", work_dir + "/pacman.conf", "-U", "--noconfirm", "--noprogressbar"]
        # yes to removing what is in conflict; files of what a killed pacman lost are there, by this very plan
        lost = any(each.state == "lost" for each in have.installed.values())
        command += (["--ask", "4"] if removals else []) + (["--overwrite", "*"] if lost else [])
        command += ["{0}/{1}".format(self.files_dir, row[2]) for row in coming]
        ended = logged.run_logged(self.host, command, {}, log_path, timeout, tick)
        log = logged.tail(log_path).rpartition("loading packages...")[2]  # of this run, should there be an earlier one
        failed = parse.still_failed(notes.read(self.host, FAILED, {}), coming, parse.parse_failures(log), time.time())
        notes.write(self.host, FAILED, failed)
        if ended.rc == 0 and {row[0] for row in coming} - set(before):
            self.host.run(["pacman", "-D", "--asdeps"] + sorted({row[0] for row in coming} - set(before)))
        if ended.rc is not None and ended.rc >= 0:
            notes.remove(self.host, CHANGING)
        return ended

    def configure(self, log_path: str, timeout: float, tick: Any = None) -> contract.Ended:
        """pacman has nothing half configured; a lock that nobody has goes."""
        if logged.opener(self.lock) == 0:
            os.unlink(self.lock)
        return contract.Ended(0, [])

    def said(self, log_text: str, ended: contract.Ended) -> model.Said:
        return parse.said(log_text)

    def conffiles(self, log_text: str, begin_ms: int) -> List[Dict[str, str]]:
        return [{"path": path, "new": new, "by": "pacman"} for path, new in parse.parse_kept_files(log_text)]

    def is_kernel(self, name: str) -> bool:
        return name in [kernel.package for kernel in self.kernels()]

    def mark(self, auto, manual, hold, unhold) -> None:
        """Holds are settings, which no upgrade changes."""
        for option, keys in (("--asdeps", auto), ("--asexplicit", manual)):
            if keys:
                self.host.run(["pacman", "-D", option] + sorted(key[0] for key in keys))

    def wait_for_locks(self, timeout: float, sleep: Any = time.sleep, clock: Any = time.monotonic) -> Optional[int]:
        end = clock() + timeout
        while logged.opener(self.lock) and clock() < end:
            sleep(0.1)
        return logged.opener(self.lock) or None
