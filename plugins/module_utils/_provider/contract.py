# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The contract of a package manager. A provider fits one file of at most 300 lines.

Reading and changing are two classes, so that looking at a host carries no code that changes it; a provider that is
small enough is one class with both. Every method takes and returns values of ``_model``; what cannot be found out
raises ``Unknown`` with why and the next step, never an empty list.
"""

import time
from typing import Any, List, NamedTuple, Optional, Set, Tuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.state import Candidate, Hold, Index, Package
from ansible_collections.lockstep.patching.plugins.module_utils._model.transaction import Line, Step
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


class Reader(object):
    """Looks; changes nothing on the host (only refresh("always") fetches the system's own indexes)."""

    name = ""

    @classmethod
    def detect(cls, host: Host) -> "Optional[Reader]":
        """Return a reader for this host, or None when the host does not have this package manager."""
        raise NotImplementedError

    def refresh(self, mode: str, max_age_s: int, now_ms: int) -> None:
        """Bring the indexes up to date. mode: never, auto (a private copy if older than max_age_s) or always.

        A failure is kept and shows in indexes(); call it first, and close() at the end.
        """
        raise NotImplementedError

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

    def holds(self) -> List[Hold]:
        raise NotImplementedError

    def indexes(self) -> List[Index]:
        """Return the indexes in use, with state and signing keys."""
        raise NotImplementedError

    def history(self, since_ms: int, now_ms: int) -> History:
        raise NotImplementedError

    def reboot_signals(self) -> List[Signal]:
        """Return the signs that only this package manager knows."""
        raise NotImplementedError

    def kernels(self) -> List[Any]:
        """Return [(kernel release, package version, installed)] of the packaged kernels, newest last; releases are
        as ``uname -r`` gives them."""
        raise NotImplementedError

    def cache_paths(self) -> List[str]:
        """Return the folders where package files go."""
        raise NotImplementedError

    def close(self) -> None:
        """Remove everything temporary."""


Key = Tuple[str, str]  # name, arch


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

    def snapshot(self) -> Any:
        """Return the host's packages at this moment, with `installed`, `auto`, `holds` and `trouble`."""
        raise NotImplementedError

    def newer(self, left: str, right: str) -> bool:
        """Is the version left newer than right, by this package manager's own order?"""
        raise NotImplementedError

    def stage(self, lines: List[Line], work_dir: str) -> List[Any]:
        """Make a private index in work_dir that offers only these lines' staged files; return its entries."""
        raise NotImplementedError

    def simulate(self, work_dir: str, snapshot: Any, fix: bool = False) -> Simulated:
        """Return what the package manager would do from the private index; fix: only to repair."""
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

    def configure(self, log_path: str, timeout: float, tick: Any = None) -> Ended:
        """Finish what an interrupted change left behind."""
        raise NotImplementedError

    def audit(self) -> str:
        """Return what the package manager itself says is wrong, or an empty text."""
        raise NotImplementedError

    def mark(self, auto: Set[Key], manual: Set[Key], hold: Set[Key], unhold: Set[Key]) -> None:
        """Put marks and holds back."""
        raise NotImplementedError

    def wait_for_locks(self, timeout: float, sleep: Any = time.sleep, clock: Any = time.monotonic) -> Optional[int]:
        """Wait until nobody else changes packages; return None, or the holder's process id when the time is over."""
        raise NotImplementedError
