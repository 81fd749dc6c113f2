# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""apt's indexes: which are in use, how old, signed by whom, and bringing them up to date."""

import os
import pwd
import shutil
import tempfile
import time
from typing import Dict, List, NamedTuple, Optional, Tuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.state import Index, Origin, Unknown
from ansible_collections.lockstep.patching.plugins.module_utils._parse import apt_output, apt_sources, release
from ansible_collections.lockstep.patching.plugins.module_utils._parse.deb822 import stanzas
from ansible_collections.lockstep.patching.plugins.module_utils._provider.apt.trust import verify
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host

LISTS = "/var/lib/apt/lists"
# Hooks of an update (the software centre's and others') belong to the system's own lists, not to a private copy.
PRIVATE = """Dir::State::Lists "{0}/lists";
Dir::Cache::pkgcache "{0}/pkgcache.bin";
Dir::Cache::srcpkgcache "{0}/srcpkgcache.bin";
Acquire::Languages "none";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""
UPDATE_TIMEOUT = 600.0  # seconds
# apt leaves no trace of an update that found nothing new, so the time of our own last complete one is kept (UTC ms)
STAMP = "/var/lib/lockstep/indexes-fetched"
LISTS_LOCKED = "/var/lib/apt/lists/lock"
LOCK_PAUSES = (0.5, 1, 2, 3, 5, 5, 5, 10, 10, 10, 0)  # seconds; some 50 s in all


class Target(NamedTuple):
    """One Packages file in use. description is how apt-cache policy names it; release is its InRelease or Release."""

    description: str
    origin: Origin
    packages: str
    release: str
    uri: str
    suite: str
    base: str


class Indexes(object):
    """The indexes of one look. options: what each apt command needs to use the private copy, if there is one."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.options: List[str] = []
        self._private: Optional[str] = None
        self._problems: List[str] = []
        self._fetched_ms: Optional[int] = None
        self._max_age_s = 0
        self._now_ms = 0
        self._targets: Optional[List[Target]] = None

    def targets(self) -> List[Target]:
        """Return the Packages files in use; raise Unknown."""
        if self._targets is None:
            run = self.host.run(["apt-get"] + self.options + ["indextargets", "Created-By: Packages", "Target-Of: deb"])
            if run.rc:
                raise Unknown(
                    "indexes",
                    "apt-get indextargets failed: " + apt_output.without_secrets(run.err),
                    "run apt-get indextargets on the host and repair its sources",
                )
            self._targets = [self._target(stanza) for stanza in stanzas(run.out)]
        return self._targets

    def _target(self, stanza):
        filename, key = stanza["Filename"], stanza["MetaKey"].replace("/", "_")
        prefix = filename[: filename.rfind(key)]
        signed = prefix + "InRelease"
        if not os.path.exists(self.host.path(signed)) and os.path.exists(self.host.path(prefix + "Release")):
            signed = prefix + "Release"
        origin = Origin(*(stanza.get(name, "") for name in ("Origin", "Label", "Suite", "Codename", "Component")))
        return Target(
            stanza["Description"],
            origin,
            filename,
            signed,
            stanza["Repo-URI"].rstrip("/"),
            stanza["Release"],
            stanza["Base-URI"],
        )

    def refresh(self, mode: str, max_age_s: int, now_ms: int) -> None:
        """Bring the indexes up to date as Reader.refresh() says."""
        self._max_age_s, self._now_ms = max_age_s, now_ms
        if mode == "always":
            self._update([])
            if not self._problems:
                self._keep_stamp()
        elif mode == "auto" and not all(self._is_fresh(target) for target in self.targets()):
            self._refresh_privately()
        if mode != "never" and self._fetched_ms is not None:
            self._targets = None

    def stamp(self) -> List[Tuple[str, int, int]]:
        """Return what changes when somebody replaces, adds or removes a list: names, inodes and change times."""
        folder = self._private + "/lists" if self._private else self.host.path(LISTS)
        found = []
        try:
            for name in sorted(os.listdir(folder)):
                if "_Packages" in name or name.endswith("Release"):
                    stat = os.stat(os.path.join(folder, name))
                    found.append((name, stat.st_ino, stat.st_ctime_ns))  # apt sets mtime to the server's
        except OSError:
            pass  # one that has just gone: what was found so far differs from the rest
        return found

    def _is_fresh(self, target):
        try:
            stat = os.stat(self.host.path(target.release))
            until = release.date_ms(release.parse_release(self.host.read(target.release, 4096))["Valid-Until"])
        except OSError:
            return False
        fetched = last_fetched(int(stat.st_ctime * 1000), self.host.read_or(STAMP), self._now_ms)
        young = self._now_ms - fetched <= self._max_age_s * 1000
        return young and (until is None or until > self._now_ms)

    def _keep_stamp(self):
        path = self.host.path(STAMP)
        try:
            os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
            with open(path + ".new", "w") as stream:
                stream.write(str(self._now_ms))
            os.replace(path + ".new", path)
        except OSError:
            pass  # without it the next look takes the indexes for older than they are, and fetches them again

    def _refresh_privately(self):
        try:
            self._private = tempfile.mkdtemp(prefix="lockstep-look-", dir=self.host.path("/var/tmp"))
            inside = "/var/tmp/" + os.path.basename(self._private)
            os.chmod(self._private, 0o755)
            lists = os.path.join(self._private, "lists")
            os.makedirs(os.path.join(lists, "partial"), 0o755)
            self._give_to_fetcher(os.path.join(lists, "partial"))
            for name in os.listdir(self.host.path(LISTS)):
                if name.endswith(("Release", "Release.gpg")):
                    shutil.copy2(self.host.path(LISTS + "/" + name), os.path.join(lists, name))
                elif "_Packages" in name:
                    # a link is enough: apt replaces files by renaming, and never writes into one
                    os.symlink(LISTS + "/" + name, os.path.join(lists, name))
            with open(os.path.join(self._private, "apt.conf"), "w") as stream:
                stream.write(PRIVATE.format(inside))
        except OSError as error:
            self._problems.append("no private copy of the indexes could be made: {0}".format(error))
            return
        options = ["-c", inside + "/apt.conf"]
        self._update(options)
        if self._problems or not self._same_as_system(lists):
            self.options = options
        else:
            self.close()  # nothing new: the system's own lists and their ready-made cache are the same and faster

    def _give_to_fetcher(self, folder):
        if self.host.is_root:
            try:
                os.chown(folder, pwd.getpwnam("_apt").pw_uid, 0)
            except KeyError:
                pass  # no such user: apt fetches as root then

    def _same_as_system(self, lists):
        names = [name for name in os.listdir(lists) if name.endswith("Release")]
        system = [name for name in os.listdir(self.host.path(LISTS)) if name.endswith("Release")]
        if sorted(names) != sorted(system):
            return False
        return all(self.host.read_or(LISTS + "/" + name) == open_text(os.path.join(lists, name)) for name in names)

    def _update(self, options):
        # another update (a timer's, another run's) is over in seconds, and apt has no waiting for this lock of its own
        for pause in LOCK_PAUSES:
            run = self.host.run(["apt-get"] + options + ["-q", "update"], timeout=UPDATE_TIMEOUT)
            if run.rc == 0 or LISTS_LOCKED not in run.err:
                break
            time.sleep(pause)
        self._problems.extend(apt_output.parse_update(run.out + "\n" + run.err))
        if run.rc and not self._problems:
            self._problems.append("apt-get update ended with {0}: {1}".format(run.rc, run.err.strip()[-200:]))
        self._fetched_ms = self._now_ms

    def states(self) -> List[Index]:
        """Return the indexes in use, one per component, the worst state first where architectures differ."""
        entries = self._entries()
        verdicts: Dict[Tuple[str, str], Index] = {}
        found: Dict[Origin, Index] = {}
        for target in self.targets():
            key = (target.release, target.uri + " " + target.suite)
            if key not in verdicts:
                verdicts[key] = self._state(target, entries)
            index = verdicts[key]._replace(component=target.origin.component)
            if index.state == "ok" and not self._has_packages(target):
                index = index._replace(state="missing", problem="its list of packages was never fetched")
            known = found.get(target.origin)
            if known is None or known.state == "ok":
                found[target.origin] = index
        return sorted(found.values(), key=lambda index: tuple(str(part) for part in index))

    def _has_packages(self, target):
        if target.uri.startswith(("file:", "copy:", "cdrom:")):
            return True
        return any(
            os.path.exists(self.host.path(target.packages + end))
            for end in ("", ".lz4", ".zst", ".xz", ".gz", ".bz2", ".lzma")
        )

    def _state(self, target, entries):
        origin = target.origin
        index = Index(
            origin.origin,
            origin.label,
            origin.suite,
            origin.codename,
            origin.component,
            [],
            False,
            None,
            None,
            None,
            "ok",
            None,
        )
        problem = self._update_problem(target)
        if not os.path.exists(self.host.path(target.release)):
            state = apt_output.failure_state(problem) if problem else "missing"
            return index._replace(
                state=state,
                problem=problem
                or "it was never fetched: {0} {1}".format(apt_output.without_secrets(target.uri), target.suite),
            )
        fields = release.parse_release(self.host.read_or(target.release))
        entry = entries.get((target.uri, target.suite))
        signed_by = (entry.signed_by if entry else "") or fields["Signed-By"]
        verdict = verify(self.host, target.release, signed_by)
        changed = int(os.stat(self.host.path(target.release)).st_ctime * 1000)
        fetched = last_fetched(changed, self.host.read_or(STAMP), self._now_ms)
        if self._fetched_ms is not None and not problem:
            fetched = self._fetched_ms
        until = release.date_ms(fields["Valid-Until"])
        index = index._replace(
            keys=verdict.keys,
            signed=verdict.signed,
            dated_ms=release.date_ms(fields["Date"]),
            valid_until_ms=until,
            fetched_ms=fetched,
        )
        if problem:
            return index._replace(state=apt_output.failure_state(problem), problem=problem)
        if entry and entry.insecure:
            return index._replace(
                signed=False,
                state="unsigned",
                problem="the source has the option {0}: apt takes it unsigned".format(entry.insecure),
            )
        if not verdict.signed:
            return index._replace(state="unsigned", problem=verdict.problem)
        if until is not None and until < self._now_ms:
            return index._replace(state="expired", problem="its Valid-Until has passed")
        if self._now_ms - fetched > self._max_age_s * 1000:
            hours = (self._now_ms - fetched) // 3600000
            return index._replace(state="stale", problem="it was fetched {0} hours ago".format(hours))
        return index

    def _update_problem(self, target):
        if not self._problems:
            return None
        base = target.base.split("://")[-1].split("@")[-1]
        spoken = "{0} {1} ".format(target.uri.split("://")[-1].split("@")[-1], target.suite)
        texts = [text for text in self._problems if base in text or spoken in text.replace("/ ", " ", 1) + " "]
        if texts:
            return apt_output.without_secrets(texts[0])
        general = [text for text in self._problems if "://" not in text and not text.startswith("Some index files")]
        return apt_output.without_secrets(general[0]) if general else None

    def _entries(self):
        entries = {}
        paths = ["/etc/apt/sources.list"]
        try:
            paths += [
                "/etc/apt/sources.list.d/" + name
                for name in sorted(os.listdir(self.host.path("/etc/apt/sources.list.d")))
            ]
        except OSError:
            pass
        for path in paths:
            text = self.host.read_or(path)
            parse = apt_sources.parse_sources if path.endswith(".sources") else apt_sources.parse_list
            for entry in parse(text) if path.endswith((".list", ".sources")) else []:
                entries[(entry.uri.rstrip("/"), entry.suite)] = entry
        return entries

    def close(self) -> None:
        """Remove the private copy."""
        if self._private:
            shutil.rmtree(self._private, ignore_errors=True)
            self._private, self.options = None, []


def last_fetched(changed_ms: int, stamp: str, now_ms: int) -> int:
    """Return when an index was last known to be current (UTC ms): when its file changed, or our last complete update.

    A stamp that is no number or lies in the future counts for nothing.
    """
    marked = int(stamp) if stamp.isdigit() else 0
    return max(changed_ms, marked) if marked <= now_ms else changed_ms


def open_text(path):
    """Return the text of a file of this machine, undecodable bytes replaced."""
    with open(path, "rb") as stream:
        return stream.read().decode("utf-8", "replace")
