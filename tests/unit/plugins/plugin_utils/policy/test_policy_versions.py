# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The order of versions against the order that dpkg itself gave for 1,599 pairs of real versions."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.versions import compare

PAIRS = Path(os.environ.get("LOCKSTEP_TEST_FEEDS") or "/nonexistent") / "versions" / "deb.tsv"


@pytest.mark.skipif(not PAIRS.is_file(), reason="no version pairs: LOCKSTEP_TEST_FEEDS names no folder that has them")
def test_every_pair_is_ordered_as_dpkg_orders_it() -> None:
    rows = [line.split("\t") for line in PAIRS.read_text().splitlines() if not line.startswith(("#", "a\t"))]
    assert len(rows) > 1000
    assert [(one, two) for one, two, wanted in rows if compare(one, two) != int(wanted)] == []
