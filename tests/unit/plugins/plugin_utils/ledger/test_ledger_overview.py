# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an inventory reads of every host at once."""

from __future__ import annotations

import pytest
from ledger_samples import MINUTE, NOW, begin, look, open_plan

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger, NoLedger
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.overview import Known

PLATFORM = {"id": "debian-12", "os": "debian", "version": "12", "arch": "amd64", "repositories": []}
OS = {"os": "debian", "version": "12", "arch": "amd64"}


def test_every_host_of_a_fleet_with_its_platform_and_newest_answer(ledger: Ledger) -> None:
    token = begin(ledger)
    look(ledger, "a", token, {"platform": PLATFORM}, answer={"security": 1})
    look(ledger, "b", token, {"platform": PLATFORM}, answer={"security": 1})
    look(ledger, "b", token, {"platform": PLATFORM}, NOW + MINUTE, answer={"security": 0})
    ledger.record_unreachable("default", "b", token, NOW + 2 * MINUTE, "no route")
    ledger.record_unreachable("default", "c", token, NOW, "no such host")
    look(ledger, "x", token, {"platform": {"unknown": "no keys"}}, platform=None)
    look(ledger, "other", token, {}, fleet="elsewhere")
    open_plan(ledger, token)
    assert ledger.overview("default") == {
        "a": Known(NOW, NOW, None, "debian-12", OS, {"security": 1}),
        "b": Known(NOW + MINUTE, NOW + 2 * MINUTE, "no route", "debian-12", OS, {"security": 0}),
        "c": Known(None, NOW, "no such host", None, {}, {}),
        "x": Known(NOW, NOW, None, None, {}, {"pending": 1}),
    }
    assert ledger.overview("nobody") == {}


def test_a_platform_whose_section_is_unknown_has_no_system(ledger: Ledger) -> None:
    look(ledger, "a", begin(ledger), {"platform": {"unknown": "no keys"}})
    assert ledger.overview("default")["a"].os == {"os": None, "version": None, "arch": None}


def test_no_ledger_is_told_apart_from_one_that_cannot_be_read(tmp_path, url: str) -> None:
    with pytest.raises(NoLedger):
        Ledger.open(url, create=False)
