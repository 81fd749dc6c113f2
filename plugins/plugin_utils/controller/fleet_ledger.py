# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the ledger knows, for an inventory that also works without one."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import gather
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger, NoLedger
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.deadlines import Deadlines
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.overview import Known


class Knowledge(NamedTuple):
    """What the ledger has of hosts, by name; said: what to tell the user where there is no ledger."""

    hosts: dict[str, Known]
    deadlines: dict[str, Deadlines]
    said: str | None


def known_hosts(given: Any, fleet: str, now_ms: int) -> Knowledge:
    """`given`: the option, None for the default place, false for no ledger at all. LedgerError where there is one that
    cannot be read."""
    if given is False or str(given).lower() == "false":
        return Knowledge({}, {}, None)
    try:
        url = gather(lambda name: given if name == "lockstep_ledger" else None, os.environ).ledger
        with Ledger.open(url, create=False) as ledger:
            return Knowledge(ledger.overview(fleet), ledger.deadlines(fleet, now_ms), None)
    except NoLedger as error:
        said = f"{error.where}: no ledger yet, so nothing is known of any host; run detect, or set 'ledger: false'"
        return Knowledge({}, {}, said)
