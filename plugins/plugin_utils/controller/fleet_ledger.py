# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the ledger knows, for an inventory that also works without one."""

from __future__ import annotations

import os
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import gather
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger, NoLedger
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.overview import Known


def known_hosts(given: Any, fleet: str) -> tuple[dict[str, Known], str | None]:
    """Hosts by name, and what to tell the user where there is no ledger (None where all is well). `given`: the option,
    None for the default place, false for no ledger at all. LedgerError where there is one that cannot be read."""
    if given is False or str(given).lower() == "false":
        return {}, None
    try:
        url = gather(lambda name: given if name == "lockstep_ledger" else None, os.environ).ledger
        with Ledger.open(url, create=False) as ledger:
            return ledger.overview(fleet), None
    except NoLedger as error:
        return {}, f"{error.where}: no ledger yet, so nothing is known of any host; run detect, or set 'ledger: false'"
