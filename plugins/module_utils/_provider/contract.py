# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The contract of a package manager. A provider fits one file of at most 300 lines; the way to one is in
docs/howto/add-a-package-manager.md.

Looking, fetching and changing are three classes, so that looking at a host carries no code that changes it. Every
method takes and returns values of ``_model``; what cannot be found out raises ``Unknown`` with why and the next step,
never an empty list. Versions are text as the package manager writes them; only it (newer) and the controller's
``policy/versions.py`` put them in order. Architectures are the package manager's own words.
"""

import time
from typing import Any, Dict, List, NamedTuple, Optional, Set, Tuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.managers import Words, words
from ansible_collections.lockstep.patching.plugins.module_utils._model.state import (
    Candidate,
    Hold,
    Index,
    Package,
    Unknown,
)
from ansible_collections.lockstep.patching.plugins.module_utils._model.transaction import (
    Key,
    Line,
    Offered,
    Pin,
    Said,
    Snapshot,
    Step,
)
from ansible_collections.lockstep.patching.plugins.module_utils._provider import owned
from ansible_collections.lockstep.patching.plugins.module_utils._provider.host import Host


class Manager(NamedTuple):
    """The package manager itself. health: ok, interrupted, locked, broken or unknown; problems end with what to do."""

    name: str
    version: str
    health: str
    problems: List[str]


class Source(NamedTuple):
    """A log that history was read from, and the span that it covers (None: it holds no dated line)."""

    path: str
    from_ms: Optional[int]
    to_ms: Optional[int]
    readable: bool


class Event(NamedTuple):
    """A past package step. action: install, upgrade, downgrade, remove or purge; the fields from and to of the
    section are old and new here (None: nothing before, nothing after)."""

    ms: int
    name: str
    arch: str
    action: str
    old: Optional[str]
    new: Optional[str]


class History(NamedTuple):
    """What the host's own logs tell, oldest first. missing says in words what they cannot tell."""

    sources: List[Source]
    complete_from_ms: Optional[int]
    last_patched_ms: Optional[int]
    events: List[Event]
    missing: Optional[str]


class Signal(NamedTuple):
    """One sign for or against a reboot. needed: yes, no or unknown."""

    signal: str
    needed: str
    text: str


class Kernel(NamedTuple):
    """A packaged kernel. release: as ``uname -r`` gives it; flavour: kernels of one flavour replace each other."""

    release: str
    version: str
    package: str
    flavour: str


class Reader(object):
    """Looks; changes nothing on the host (only refresh("always") fetches the system's own indexes)."""

    name = ""

    @property
    def words(self) -> Words:
        return words(self.name)

    @classmethod
    def detect(cls, host: Host) -> "Optional[Reader]":
        """Return a reader for this host, or None when the host does not have this package manager."""
        raise NotImplementedError

    def refresh(self, mode: str, max_age_s: int, now_ms: int) -> None:
        """Bring the indexes up to date. mode: never, auto (a private copy if older than max_age_s) or always.

        A failure is kept and shows in indexes(); call it first, and close() at the end.
        """
        raise NotImplementedError

    def moved(self) -> bool:
        """Return whether somebody has replaced the indexes since refresh(); False where that cannot be told."""
        return False

    def manager(self) -> Manager:
        raise NotImplementedError

    def arch(self) -> str:
        """Return the host's own architecture in the package manager's word for it, empty when it is not known."""
        raise NotImplementedError

    def packages(self) -> List[Package]:
        """Return what is installed, sorted by name, arch."""
        raise NotImplementedError

    def candidates(self) -> List[Candidate]:
        """Return what a simulated full upgrade would do, sorted by name, arch. The state of the indexes is not
        considered here: who asks decides with indexes() whether to believe it."""
        raise NotImplementedError

    def advisory_gap(self) -> Optional[str]:
        """Why nothing says which updates are for security, or None where something does. Asked after candidates()."""
        return None

    def holds(self) -> List[Hold]:
        """Return what the admin keeps from its newest version, with reasons. kind: ``hold`` stays as it is, ``pin``
        takes another version, ``exclude`` is not offered at all."""
        raise NotImplementedError

    def pins(self) -> Dict[str, Pin]:
        """Return the packages whose choice the host's own settings change now, by name; held ones are the snapshot's
        matter. Asked before a change."""
        return {hold.name: Pin(hold.reason, None) for hold in self.holds() if hold.kind != "hold"}

    def indexes(self) -> List[Index]:
        """Return the indexes in use, with state and signing keys.

        origin, label, suite, codename and component say which repository it is in any words that are the same on all
        mirrors and hosts (an rpm repository: its id as origin, its name as label), never a URL. keys: fingerprints of
        the keys that it is trusted by; signed: is whatever it offers verified by a signature?
        """
        raise NotImplementedError

    def history(self, since_ms: int, now_ms: int) -> History:
        raise NotImplementedError

    def reboot_signals(self) -> List[Signal]:
        """Return the signs that only this package manager knows."""
        raise NotImplementedError

    def kernels(self) -> List[Kernel]:
        """Return the installed packaged kernels, newest last."""
        raise NotImplementedError

    host: Host  # each reader's own

    def owners(self, paths: List[str]) -> Dict[str, str]:
        """Return the name of the installed package that each path belongs to; paths of none are left out."""
        query = owned.QUERIES.get(self.name)
        if query is None:
            raise Unknown("use", "nothing here asks {0} whose a file is".format(self.name), "add it to owned.QUERIES")
        return owned.owners(self.host, query, paths)

    def cache_paths(self) -> List[str]:
        """Return the folders where package files go."""
        raise NotImplementedError

    def close(self) -> None:
        """Remove everything temporary."""


Wanted = Tuple[str, str, str]  # name, arch, version


class Offer(NamedTuple):
    """A version that the indexes know. sha256 and size (bytes) are what the signed index says."""

    sha256: str
    size: int


class Files(object):
    """Finds and fetches package files; changes no package."""

    name = ""

    def __init__(self, host: Host, timeout: float) -> None:
        """timeout: seconds that one command may take."""
        self.host = host
        self.timeout = timeout

    @property
    def words(self) -> Words:
        return words(self.name)

    def cached(self, wanted: Wanted) -> Optional[str]:
        """Path of the file in the package manager's own cache, or None."""
        raise NotImplementedError

    def offered(self, wanted: List[Wanted]) -> Dict[Wanted, Offer]:
        """What of it the host's indexes offer now."""
        raise NotImplementedError

    def refresh(self) -> str:
        """Bring the indexes up to date; why it failed, or an empty text."""
        raise NotImplementedError

    def download(self, wanted: List[Wanted], folder: str) -> Tuple[Dict[Wanted, str], str]:
        """Fetch into an empty folder; return the paths of what came, and what the package manager said of the rest."""
        raise NotImplementedError

    @staticmethod
    def describe(host: Host, path: str) -> str:
        """What a package file says of itself, as text that read() understands; raise Unknown. It is asked once
        when the file is staged, and kept, so that the window does not pay for it."""
        raise NotImplementedError

    @staticmethod
    def read(text: str) -> Offered:
        """The values of describe()'s text; raise ValueError when something that must be there is missing."""
        raise NotImplementedError


class Simulated(NamedTuple):
    """reasons: what the package manager says about packages that it keeps back; rc other than 0: it refuses."""

    rc: int
    steps: List[Step]
    kept: List[str]
    reasons: List[str]


class Ended(NamedTuple):
    """rc is None when the time was over and the process group was killed; hanging: the commands that it was then in."""

    rc: Optional[int]
    hanging: List[str]


class Writer(object):
    """Changes the host to exactly the lines of a plan. Only the transaction module uses it."""

    name = ""
    lock = ""
    """The file that whoever changes packages holds."""

    def __init__(self, host: Host, files_dir: str, control_dir: str) -> None:
        """files_dir: staged package files, named by their SHA-256; control_dir: describe()'s texts, named alike."""
        self.host = host
        self.files_dir = files_dir
        self.control_dir = control_dir

    @property
    def words(self) -> Words:
        return words(self.name)

    def snapshot(self) -> Snapshot:
        """Return the host's packages at this moment."""
        raise NotImplementedError

    def newer(self, left: str, right: str) -> bool:
        """Is the version left newer than right, by this package manager's own order?"""
        raise NotImplementedError

    def stage(self, lines: List[Line], work_dir: str) -> List[Offered]:
        """Make a private index in work_dir that offers only these lines' staged files; return what they say. Nothing
        outside work_dir is used as a package source."""
        raise NotImplementedError

    def simulate(self, work_dir: str, snapshot: Snapshot, fix: bool = False) -> Simulated:
        """Return what the package manager would do from the private index; fix: only to repair.

        Every change is a step, also removals that an upgrade brings about; only what a package that may be there in
        several versions pushes out by the host's own limit (an old kernel) is none.
        """
        raise NotImplementedError

    def apply(
        self,
        work_dir: str,
        log_path: str,
        timeout: float,
        lock_timeout: float,
        removals: bool,
        fix: bool = False,
        tick: Any = None,
    ) -> Ended:
        """Do it, without a prompt. removals: the plan removes something; tick is called while it runs."""
        raise NotImplementedError

    goes_back = False
    """Can simulate_back() and apply_back()?"""

    def simulate_back(self, work_dir: str, lines: List[Line], snapshot: Snapshot) -> Simulated:
        """Return what bringing exactly these lines about would do, older versions and removals included."""
        raise NotImplementedError

    def apply_back(
        self, work_dir: str, lines: List[Line], log_path: str, timeout: float, lock_timeout: float, tick: Any = None
    ) -> Ended:
        """Do it, without a prompt."""
        raise NotImplementedError

    def configure(self, log_path: str, timeout: float, tick: Any = None) -> Ended:
        """Finish what an interrupted change left behind."""
        raise NotImplementedError

    def said(self, log_text: str, ended: Ended) -> Said:
        """Return what the output of apply() tells of failures."""
        raise NotImplementedError

    def conffiles(self, log_text: str, begin_ms: int) -> List[Dict[str, str]]:
        """Configuration files that kept the admin's version since: [{path, new (where the package's is), by}]."""
        return []

    def is_kernel(self, name: str) -> bool:
        """Does the package hold a kernel, so that it needs room in /boot, and a reboot?"""
        raise NotImplementedError

    def reboot_reasons(self, steps: List[Step]) -> List[Dict[str, str]]:
        """Why these steps ask for a reboot, besides services on replaced files: [{signal, text}]."""
        return [
            {"signal": "kernel", "text": "kernel {0} {1} was installed".format(step.name, step.version)}
            for step in steps
            if step.action != "remove" and self.is_kernel(step.name)
        ]

    def mark(self, auto: Set[Key], manual: Set[Key], hold: Set[Key], unhold: Set[Key]) -> None:
        """Put marks and holds back."""
        raise NotImplementedError

    def wait_for_locks(self, timeout: float, sleep: Any = time.sleep, clock: Any = time.monotonic) -> Optional[int]:
        """Wait until nobody else changes packages; return None, or the holder's process id when the time is over."""
        raise NotImplementedError
