# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which failures are the same, and which hosts are like those that failed."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.safeguard import (
    Traits,
    counts,
    fingerprint,
    held,
    repeated,
    traits_of,
)

STEP = {"web": "1.0 → 1.1", "libweb": "2 → 3"}
A = Traits("debian 12 amd64", "ACME one", STEP)
SCRIPT = "web: its post-installation script failed with 1 on {0} after 12.5 s (log.{1}); {0}: run rollout again"
BOOT = "it did not come back with a new boot id within {1} s of its reboot (a kernel on {0})"


@pytest.mark.parametrize(
    ("one", "other", "traits", "same"),
    [
        (SCRIPT.format("h1", 1), SCRIPT.format("h2", 7), A, True),
        (SCRIPT.format("h1", 1), SCRIPT.format("h2", 1).replace("script failed", "script hung"), A, False),
        (SCRIPT.format("h1", 1), SCRIPT.format("h2", 1).replace("web", "libweb"), A, False),
        (SCRIPT.format("h1", 1), SCRIPT.format("h2", 1), A._replace(steps={"web": "0.9 → 1.1"}), False),
        (SCRIPT.format("h1", 1), SCRIPT.format("h2", 1), A._replace(system="debian 13 amd64"), False),
        (SCRIPT.format("h1", 1), SCRIPT.format("h2", 1), A._replace(hardware="ACME two"), True),
        (BOOT.format("h1", 600), BOOT.format("h2", 600), A, True),
        (BOOT.format("h1", 600), BOOT.format("h2", 600), A._replace(hardware="ACME two"), False),
        ("unit web.service failed at 10.0.0.1:80", "unit web.service failed at 10.0.0.2:81", A, True),
        ("transaction 0123456789ab-1 is lost", "transaction ba9876543210-2 is lost", A, True),
        ("rolled back, since unit x.service failed", "unit x.service failed", A, True),
    ],
)
def test_two_failures_are_the_same(one: str, other: str, traits: Traits, same: bool) -> None:
    failures = {"h1": fingerprint("h1", one, A), "h2": fingerprint("h2", other, traits)}
    assert bool(repeated(failures)) is same


@pytest.mark.parametrize(
    ("reason", "traits", "stays"),
    [
        (SCRIPT, A, True),
        (SCRIPT, A._replace(hardware="ACME two"), True),
        (SCRIPT, A._replace(system="debian 13 amd64"), False),
        (SCRIPT, A._replace(steps={"libweb": "2 → 3"}), False),
        (SCRIPT, A._replace(steps={"web": "0.9 → 1.1"}), False),
        (BOOT, A, True),
        (BOOT, A._replace(hardware="ACME two"), False),
        (BOOT, A._replace(steps={}), True),
    ],
)
def test_hosts_like_those_that_failed_are_held_and_the_others_are_not(reason: str, traits: Traits, stays: bool) -> None:
    seen = repeated({host: fingerprint(host, reason.format(host, 9), A) for host in ("h1", "h2")})
    found = held(seen, {"next": traits})
    assert bool(found) is stays
    if stays:
        assert "h1, h2 failed in the same way" in found["next"] and "debian 12 amd64" in found["next"]


def test_one_failure_holds_nobody() -> None:
    assert repeated({"h1": fingerprint("h1", SCRIPT, A)}) == {}


BEGUN = {"before": {"packages": "d"}}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (None, False),
        ({"status": "failed", "reason": "script", "detail": BEGUN}, True),
        ({"status": "failed", "reason": "no space", "detail": {}}, False),
        ({"status": "failed", "reason": "hook pool: hung", "detail": BEGUN}, False),
        ({"status": "failed", "reason": "verified, but hook pool: hung", "detail": BEGUN}, False),
        ({"status": "failed", "reason": "script", "detail": BEGUN, "retired": True}, False),
        ({"status": "regressed", "reason": "unit", "detail": BEGUN}, True),
        ({"status": "unreachable", "phase": "lost", "reason": "gone", "detail": BEGUN}, True),
        ({"status": "unreachable", "phase": "absent", "reason": "gone", "detail": BEGUN}, False),
        ({"status": "rolled_back", "reason": "rolled back, since unit", "detail": BEGUN}, True),
        ({"status": "rolled_back", "reason": "by hand", "detail": BEGUN}, False),
        ({"status": "skipped", "reason": "resolved: known", "detail": BEGUN}, False),
        ({"status": "verified", "reason": "", "detail": BEGUN}, False),
    ],
)
def test_what_counts_as_harm_that_the_plan_has_done(record: dict[str, Any] | None, expected: bool) -> None:
    assert counts(record) is expected


def test_traits_are_what_the_plan_changes_on_the_host() -> None:
    sections = {
        "platform": {"id": "p", "os": "debian", "version": "12", "arch": "amd64"},
        "packages": [{"name": "web", "arch": "amd64", "version": "1.0"}, {"name": "x", "arch": "all", "version": "2"}],
        "hardware": {"vendor": "ACME", "product": "one"},
    }
    line = {"arch": "amd64", "platform": "p", "action": "upgrade"}
    lines = [
        {**line, "package": "web", "version": "1.1"},
        {**line, "package": "x", "arch": "all", "version": "2"},
        {**line, "package": "other", "version": "3", "platform": "q"},
        {**line, "package": "absent", "version": "4"},
        {**line, "package": "kernel-5", "version": "5", "action": "install"},
    ]
    assert traits_of(sections, lines) == Traits(
        "debian 12 amd64", "ACME one", {"web": "1.0 → 1.1", "kernel-5": "none → 5"}
    )
    assert traits_of({"packages": {"unknown": "why"}}, lines) == Traits("", "", {})
