# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ledger: one object with all methods, on one database."""

from __future__ import annotations

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.candidates import Candidates
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.connect import Database
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.deadlines import DeadlinesPart
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.evidence import Evidence
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.files import Files
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.findings import Findings
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.hooks import Hooks
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.inventory import Inventory
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.leases import Leases
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.looks import Looks
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.migrate import ready
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.orders import Orders
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.outcomes import Outcomes
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.overview import OverviewPart
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.pace import Pace
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.plans import Plans
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.retention import Retention
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.runs import Runs
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.states import States
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.transactions import Transactions
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.urls import parse


class Ledger(
    Runs,
    Looks,
    Retention,
    States,
    Inventory,
    OverviewPart,
    DeadlinesPart,
    Candidates,
    Plans,
    Transactions,
    Orders,
    Hooks,
    Outcomes,
    Files,
    Pace,
    Leases,
    Findings,
    Evidence,
):
    """What the fleet is and what was done to it. Every time is an argument, in UTC milliseconds; every error is a
    LedgerError."""

    def __init__(self, database: Database, ledger_id: str) -> None:
        self.database = database
        self.ledger_id = ledger_id

    @classmethod
    def open(cls, url: str, create: bool = True, wait_s: float = 60) -> Ledger:
        """Open a ledger, bring its schema up to date, and make it where there is none and create is true.

        wait_s: how long a step waits for other writers. No connection is held across a fork, but close the ledger
        before one where you can.
        """
        database = Database(parse(url), wait_s)
        try:
            return cls(database, ready(database, create))
        except BaseException:
            database.close()
            raise

    def close(self) -> None:
        """End this process's connection. A closed ledger opens another when it is used again."""
        self.database.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()
