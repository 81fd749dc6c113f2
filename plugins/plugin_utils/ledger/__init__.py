# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ledger: the only code that talks to the database. Use `Ledger`; the other modules are its parts.

Importing it opens nothing and is possible without SQLAlchemy; then `Ledger.open` says what to install.
"""

from __future__ import annotations

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.chain import Report
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.errors import (
    ClockError,
    LedgerError,
    NoLedger,
    PlanError,
    StaleToken,
    UnknownContent,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.locations import (
    default_store,
    default_url,
    environment,
    read_mountinfo,
    refuse_vanishing,
    vanishes,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.looks import Look

__all__ = [
    "ClockError",
    "Ledger",
    "LedgerError",
    "Look",
    "NoLedger",
    "PlanError",
    "Report",
    "StaleToken",
    "UnknownContent",
    "default_store",
    "default_url",
    "environment",
    "read_mountinfo",
    "refuse_vanishing",
    "vanishes",
]
