# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can go wrong with a ledger that a caller may want to tell apart."""

from __future__ import annotations

from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError


class LedgerError(LockstepError):
    """The ledger cannot do what was asked; nothing was written."""


class NoLedger(LedgerError):
    """There is no ledger yet where one was looked for."""


class ClockError(LedgerError):
    """The controller's clock is behind the newest time in the ledger."""

    def __init__(self, what: str, where: str, next_step: str, now_ms: int, newest_ms: int) -> None:
        super().__init__(what, where, next_step)
        self.now_ms = now_ms
        self.newest_ms = newest_ms


class UnknownContent(LedgerError):
    """A look names a digest whose content the ledger does not have: ask the host again with `known={}`."""

    def __init__(self, what: str, where: str, next_step: str, sections: list[str]) -> None:
        super().__init__(what, where, next_step)
        self.sections = sections


class StaleToken(LedgerError):
    """A newer run has already written; this one is superseded and must stop."""


class PlanError(LedgerError):
    """A plan that does not exist, is ambiguous, is not open, or does not match its id; or a host or ring that is not in
    it."""
