# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""zypp's repositories: which are in use, how old, signed by whom, what they offer, and bringing them up to date."""

import bz2
import gzip
import lzma
import os
import shutil
import subprocess
import tempfile
import zlib
from typing import Any, Dict, Iterable, Iterator, List, Optional, Set

from ansible_collections.lockstep.patching.plugins.module_utils._model.state import Index, Unknown
from ansible_collections.lockstep.patching.plugins.module_utils._parse import rpm_md, zypp_files, zypper_output
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host

CACHE = "/var/cache/zypp"
# several zyppers that only read may run side by side
READ_ONLY = {"ZYPP_READONLY_HACK": "1"}
REFRESH_TIMEOUT = 900.0  # seconds
WAIT = {"ZYPP_LOCK_TIMEOUT": "60"}  # seconds for another zypper to end
CHUNK = 1024 * 1024


class Indexes(object):
    """The repositories of one look. options: what each zypper command needs to use a private copy, if there is one."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.options: List[str] = []
        self._cache = CACHE
        self._private: Optional[str] = None
        self._problems: Dict[str, str] = {}
        self._fetched_ms: Optional[int] = None
        self._max_age_s = 0
        self._now_ms = 0
        self._repos: Optional[List[zypper_output.Repo]] = None
        self._parsed: Dict[str, rpm_md.Repomd] = {}

    def repos(self) -> List[zypper_output.Repo]:
        """Return the enabled repositories, the preferred first; raise Unknown."""
        if self._repos is None:
            run = self.host.run(["zypper", "--non-interactive", "--xmlout", "repos"], env=READ_ONLY)
            if run.rc == 6:  # none is configured
                self._repos = []
                return self._repos
            try:
                if run.rc not in zypper_output.FINE:
                    said = zypper_output.parse_messages(run.out) or [run.err[-200:]]
                    raise ValueError("zypper repos: {0}: {1}".format(zypper_output.meaning(run.rc), said[0]))
                self._repos = sorted(zypper_output.parse_repos(run.out), key=lambda repo: (repo.priority, repo.alias))
            except ValueError as error:
                raise Unknown("indexes", str(error)[:300], "run zypper repos on the host and repair what it says")
        return self._repos

    def refresh(self, mode: str, max_age_s: int, now_ms: int) -> None:
        """Bring the metadata up to date as Reader.refresh() says; once for all questions of a look."""
        self._max_age_s, self._now_ms = max_age_s, now_ms
        if mode == "always":
            self._update([])
        elif mode == "auto" and not all(self._is_fresh(repo) for repo in self.repos()):
            self._refresh_privately()

    def _is_fresh(self, repo):
        fetched = self._fetched(repo)
        return fetched is not None and self._now_ms - fetched <= self._max_age_s * 1000

    def _repomd_path(self, repo, cache=None):
        return "{0}/raw/{1}/repodata/repomd.xml".format(cache or self._cache, repo.alias)

    def _fetched(self, repo, cache=None):
        # zypp touches the file each time that it finds it unchanged
        try:
            return int(os.stat(self.host.path(self._repomd_path(repo, cache))).st_mtime * 1000)
        except OSError:
            return None

    def _refresh_privately(self):
        try:
            self._private = tempfile.mkdtemp(prefix="lockstep-look-", dir=self.host.path("/var/tmp"))
            inside = "/var/tmp/" + os.path.basename(self._private)
            os.chmod(self._private, 0o755)
            for part in ("raw", "solv"):
                if os.path.isdir(self.host.path(CACHE + "/" + part)):
                    shutil.copytree(
                        self.host.path(CACHE + "/" + part),
                        os.path.join(self._private, part),
                        symlinks=True,
                        copy_function=_link,
                    )
        except (OSError, shutil.Error) as error:
            self._problems[""] = "no private copy of the metadata could be made: {0}".format(error)[:300]
            return
        options = ["--cache-dir", inside]
        self._update(options)
        if self._problems or not all(self._same(repo, inside) for repo in self.repos()):
            self.options, self._cache = options, inside
        else:
            self._drop()  # nothing new: the system's own metadata is the same, and ready

    def _same(self, repo, cache):
        return self.host.read_or(self._repomd_path(repo)) == self.host.read_or(self._repomd_path(repo, cache))

    def _update(self, options):
        command = ["zypper", "--non-interactive", "--xmlout"] + options + ["refresh"]
        run = self.host.run(command, timeout=REFRESH_TIMEOUT, env=WAIT)
        self._problems.update(zypper_output.parse_refresh(run.out))
        if run.rc not in zypper_output.FINE + (6,) and not self._problems:
            said = (zypper_output.parse_messages(run.out) or [run.err.strip()[-200:]])[0]
            self._problems[""] = "zypper refresh: {0}: {1}".format(zypper_output.meaning(run.rc), said)[:400]
        self._fetched_ms = self._now_ms
        self._parsed = {}

    def states(self) -> List[Index]:
        """Return one index for each enabled repository."""
        return sorted((self._state(repo) for repo in self.repos()), key=lambda index: (index.origin, index.label))

    def _state(self, repo):
        index = Index(repo.alias, repo.name, "", "", "", [], False, None, None, None, "ok", None)
        problem = self._problems.get(repo.alias) or self._problems.get("")
        try:
            repomd = self.repomd(repo)
        except (OSError, ValueError) as error:
            why = problem or ("it was never fetched" if isinstance(error, OSError) else str(error))
            state = zypper_output.failure_state(problem) if problem else "missing"
            return index._replace(state=state, problem=why)
        path = self._repomd_path(repo)
        signature = self.host.read_or(path + ".asc", "")
        key = zypp_files.signer_of(signature) if signature else None
        verified = self._verified(repo)
        fetched = self._fetched(repo) if problem or self._fetched_ms is None else self._fetched_ms
        index = index._replace(
            keys=[key] if key and verified else [],
            signed=bool(key and verified and repo.checked),
            dated_ms=repomd.dated_ms,
            fetched_ms=fetched,
        )
        if problem:
            return index._replace(state=zypper_output.failure_state(problem), problem=problem)
        if not repo.checked:
            return index._replace(state="unsigned", problem="gpgcheck is off: zypper takes this repository unsigned")
        if not index.signed:
            return index._replace(state="unsigned", problem="zypper has not verified a signature of its index")
        if self._now_ms - (fetched or 0) > self._max_age_s * 1000:
            hours = (self._now_ms - (fetched or 0)) // 3600000
            return index._replace(state="stale", problem="it was fetched {0} hours ago".format(hours))
        return index

    def _verified(self, repo):
        """zypp notes whether the signature was good when it fetched the index, as a link named true."""
        try:
            link = os.readlink(self.host.path("{0}/raw/{1}/.repo_gpgcheck".format(self._cache, repo.alias)))
        except OSError:
            return False
        return os.path.basename(link) == "true"

    def repomd(self, repo: zypper_output.Repo) -> rpm_md.Repomd:
        """Return what a repository's index says; raise OSError or ValueError."""
        if repo.alias not in self._parsed:
            self._parsed[repo.alias] = rpm_md.parse_repomd(self.host.read(self._repomd_path(repo)))
        return self._parsed[repo.alias]

    def has_advisories(self, repo: zypper_output.Repo) -> bool:
        """Does the repository have advisory data at all?"""
        return "updateinfo" in self.repomd(repo).files

    def records(self, repo: zypper_output.Repo, names: Set[str]) -> Iterator[rpm_md.Record]:
        """Packages of these names that a repository offers; raise Unknown."""
        return self._read(repo, "primary", lambda chunks: rpm_md.records(chunks, names))

    def updates(self, repo: zypper_output.Repo, names: Set[str], present: Set[str]) -> Iterator[rpm_md.Update]:
        """Advisories of a repository that name packages of these names, and retracted ones that name any that is
        present; raise Unknown."""
        return self._read(repo, "updateinfo", lambda chunks: rpm_md.updates(chunks, names, present))

    def _read(self, repo, part, parse):
        href = self.repomd(repo).files.get(part, "")
        path = "{0}/raw/{1}/{2}".format(self._cache, repo.alias, href)
        try:
            if not href or ".." in href:
                raise ValueError("its index names no such file")
            yield from parse(_chunks(self.host.path(path)))
        except (OSError, ValueError, EOFError, lzma.LZMAError, zlib.error) as error:
            raise Unknown(
                part + " of repository " + repo.alias,
                "{0} cannot be read: {1}".format(path, error)[:300],
                "run zypper refresh --force {0} on the host".format(repo.alias),
            )

    def _drop(self):
        if self._private:
            shutil.rmtree(self._private, ignore_errors=True)
            self._private = None

    def close(self) -> None:
        """Remove the private copy."""
        self._drop()
        self.options, self._cache = [], CACHE


def _link(source: str, target: str) -> str:
    """A link where that does; a copy of the index itself, which zypp touches."""
    if os.path.basename(source) != "repomd.xml":
        try:
            os.link(source, target)
            return target
        except OSError:
            pass
    return str(shutil.copy2(source, target))


def _chunks(path: str) -> Iterable[bytes]:
    """The unpacked bytes of a file, in pieces; what Python cannot unpack is left to the host's own zstd."""
    if path.endswith(".zst"):
        process = subprocess.Popen(["zstd", "-dcq", path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        stream = process.stdout
        if stream is None:
            raise OSError("zstd has no output")
        try:
            yield from iter(lambda: stream.read(CHUNK), b"")
        finally:
            stream.close()
            if process.wait():
                raise OSError("zstd ended with {0}".format(process.returncode))
        return
    opener: Any = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}.get(os.path.splitext(path)[1], open)
    with opener(path, "rb") as unpacked:
        yield from iter(lambda: unpacked.read(CHUNK), b"")
