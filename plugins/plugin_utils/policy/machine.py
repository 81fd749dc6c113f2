# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names and legal transitions of hosts, rings and rollouts, and what a host needs next. Pure.

docs/states.md draws the same names; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

HOST: dict[str, frozenset[str]] = {
    "pending": frozenset({"staged", "installed", "active", "verified", "failed", "unreachable", "skipped"}),
    "staged": frozenset({"installed", "failed", "unreachable", "skipped"}),
    "installed": frozenset({"active", "verified", "regressed", "failed", "unreachable", "rolled_back", "skipped"}),
    "active": frozenset({"verified", "installed", "regressed", "failed", "unreachable", "rolled_back", "skipped"}),
    "verified": frozenset({"installed", "regressed", "failed", "unreachable", "rolled_back"}),
    "regressed": frozenset({"verified", "active", "installed", "failed", "unreachable", "rolled_back", "skipped"}),
    "failed": frozenset(
        {"staged", "installed", "active", "verified", "regressed", "unreachable", "rolled_back", "skipped"}
    ),
    "unreachable": frozenset(
        {"pending", "staged", "installed", "active", "verified", "regressed", "failed", "rolled_back", "skipped"}
    ),
    "skipped": frozenset({"pending", "staged", "failed", "unreachable"}),
    "rolled_back": frozenset({"pending", "skipped"}),
}
RING: dict[str, frozenset[str]] = {
    "waiting": frozenset({"open"}),
    "open": frozenset({"soaking", "passed", "failed"}),
    "soaking": frozenset({"open", "passed", "failed"}),
    "failed": frozenset({"open", "soaking", "passed"}),
    "passed": frozenset(),
}
ROLLOUT: dict[str, frozenset[str]] = {
    "open": frozenset({"completed", "superseded"}),
    "completed": frozenset(),
    "superseded": frozenset(),
}
PHASES = frozenset({"absent", "lost"})
RESOLVED = "resolved"
"""How the reason of a host begins that a person has taken out of the way."""
NO_PROOF_NEEDED = frozenset({"unsupported", "nothing_to_do"})
"""Reasons of `skipped` that block no gate."""


def legal(machine: Mapping[str, frozenset[str]], before: str, after: str) -> bool:
    """Whether a state may follow another; staying is always legal, and a state that the machine does not know never
    is."""
    return before in machine and after in machine and (before == after or after in machine[before])


class Next(NamedTuple):
    """What a host needs next. `step` is one of stage, transact, inspect, reboot, verify, nothing, person."""

    step: str
    why: str


def finished(record: Mapping[str, Any] | None) -> bool:
    """Whether this plan does not touch the host any more."""
    if not record:
        return False
    status = record.get("status")
    return status in ("verified", "rolled_back") or (
        status == "skipped" and (record.get("reason") in NO_PROOF_NEEDED or resolved(record))
    )


def resolved(record: Mapping[str, Any] | None) -> bool:
    """Whether a person has taken the host out of the way of its ring."""
    record = record or {}
    return record.get("status") == "skipped" and str(record.get("reason")).startswith(RESOLVED + ": ")


def begun(record: Mapping[str, Any] | None) -> bool:
    """Whether a rollout has tried the host: there is more than files staged ahead of time."""
    return bool(record) and (record or {}).get("status") not in ("pending", "staged")


def next_step(record: Mapping[str, Any] | None) -> Next:
    """The next step of a host from its record `{status, phase, reason, reboot}` (`reboot` is yes, no or unknown);
    None has no record.

    After silence or a failure only the host's own journal knows what happened, so the step is `inspect`.
    """
    if not record:
        return Next("stage", "the host has not started")
    status = str(record.get("status"))
    if status == "installed":
        if record.get("reboot") == "yes":
            return Next("reboot", "a reboot is owed")
        return Next("verify", "installed; what is owed is looked at afresh")
    if status == "unreachable":
        if record.get("phase") == "absent":
            return Next("stage", "the host was absent and nothing was started on it")
        return Next("inspect", "the host was lost; its journal says what happened")
    if status == "skipped" and not finished(record):
        return Next("stage", "what it was skipped for may be gone")
    fixed = {
        "pending": Next("stage", "the host has not started"),
        "staged": Next("transact", "the files are on the host"),
        "active": Next("verify", "the versions are in use"),
        "verified": Next("nothing", "the host is verified"),
        "regressed": Next("verify", "somebody may have repaired it"),
        "failed": Next("inspect", "its journal says how far it came"),
        "skipped": Next("nothing", "nothing is to be done here"),
        "rolled_back": Next("person", "it was rolled back; a person decides and plans anew"),
    }
    return fixed.get(status, Next("person", f"the status '{status}' is not known"))
