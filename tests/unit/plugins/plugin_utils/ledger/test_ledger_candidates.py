# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When the fleet first saw a candidate."""

from __future__ import annotations

import pytest
from ledger_samples import NOW, begin

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import LedgerError

HOUR = 3_600_000
OPENSSL = ("openssl", "amd64", "3.0.20", True, NOW - 50 * HOUR, "3.0.19")
NGINX = ("nginx", "amd64", "1.22.2", False, None, "1.22.1")


def note(ledger, rows, token, now_ms=NOW, platform="debian-12"):
    return ledger.note_candidates("default", platform, rows, token, now_ms)


def test_a_first_look_takes_the_versions_own_date_or_says_unknown(ledger):
    token = begin(ledger)
    assert note(ledger, [OPENSSL, NGINX], token) == 2
    assert ledger.first_seen("default", "debian-12") == {
        ("openssl", "amd64", "3.0.20"): (NOW - 50 * HOUR, "dated"),
        ("nginx", "amd64", "1.22.2"): (NOW, "unknown"),
    }
    assert ledger.first_seen("default", "debian-13") == {}
    assert ledger.first_seen("other", "debian-12") == {}


def test_the_whole_first_run_is_the_first_look(ledger):
    token = begin(ledger)
    note(ledger, [NGINX], token)
    note(ledger, [OPENSSL], token, NOW + 1)
    assert ledger.first_seen("default", "debian-12")["openssl", "amd64", "3.0.20"] == (NOW - 50 * HOUR, "dated")


def test_what_a_later_run_finds_is_seen_then(ledger):
    note(ledger, [NGINX], begin(ledger))
    later = begin(ledger)
    assert note(ledger, [OPENSSL, NGINX], later, NOW + HOUR) == 1
    assert ledger.first_seen("default", "debian-12") == {
        ("openssl", "amd64", "3.0.20"): (NOW + HOUR, "seen"),
        ("nginx", "amd64", "1.22.2"): (NOW, "unknown"),
    }


def test_an_empty_first_look_counts_as_one(ledger):
    note(ledger, [], begin(ledger))
    note(ledger, [OPENSSL], begin(ledger), NOW + HOUR)
    assert ledger.first_seen("default", "debian-12")["openssl", "amd64", "3.0.20"] == (NOW + HOUR, "seen")


def test_a_date_in_the_future_does_not_make_it_younger_than_now(ledger):
    note(ledger, [("a", "all", "2", False, NOW + 99 * HOUR)], begin(ledger))
    assert ledger.first_seen("default", "debian-12")["a", "all", "2"] == (NOW, "dated")


def test_what_a_candidate_replaces_is_kept(ledger):
    token = begin(ledger)
    note(ledger, [OPENSSL], token)
    note(ledger, [(*OPENSSL[:5], "3.0.18")], token, NOW + 1)
    note(ledger, [(*OPENSSL[:5], "3.0.19")], token, NOW + 2)
    (row,) = ledger.candidates("default", "debian-12")
    assert row["replaces"] == {"3.0.19": NOW, "3.0.18": NOW + 1}
    assert (row["security"], row["dated_ms"], row["basis"]) == (True, NOW - 50 * HOUR, "dated")


def test_last_seen_moves_at_most_hourly_and_security_only_up(ledger):
    token = begin(ledger)
    note(ledger, [NGINX], token)
    note(ledger, [NGINX], token, NOW + HOUR)
    assert ledger.candidates("default", "debian-12")[0]["last_seen_ms"] == NOW
    note(ledger, [NGINX], token, NOW + HOUR + 1)
    assert ledger.candidates("default", "debian-12")[0]["last_seen_ms"] == NOW + HOUR + 1
    note(ledger, [(*NGINX[:3], True, None, "1.22.1")], token, NOW + HOUR + 2)
    note(ledger, [NGINX], token, NOW + 9 * HOUR)
    assert ledger.candidates("default", "debian-12")[0]["security"] is True


def test_candidates_need_a_run(ledger):
    with pytest.raises(LedgerError, match="no run of this ledger"):
        note(ledger, [NGINX], 5)
    assert ledger.first_seen("default", "debian-12") == {}
