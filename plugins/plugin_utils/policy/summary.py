# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One vocabulary: what each reason means and what to do next, the same on the terminal, in reports and in errors.
Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import plain


class Reason(NamedTuple):
    """A reason's message and its next step."""

    message: str
    next: str


LEFT_OUT: dict[str, Reason] = {
    "held": Reason(
        "the package is on hold on this host",
        "release the hold on the host once its reason is gone, then plan again",
    ),
    "pinned": Reason(
        "a pin keeps the host from this version", "remove or change the pin in the file named, then plan again"
    ),
    "excluded": Reason(
        "the policy excludes it", "take it out of select.exclude when it may be updated, then plan again"
    ),
    "not_selected": Reason(
        "the policy does not select it", "widen select (types, security, other, only) if it is wanted, then plan again"
    ),
    "too_young": Reason("it is younger than the policy's delay", "plan again when the time named has come"),
    "age_unknown": Reason(
        "nothing says how old it is, and the policy wants an age",
        "set select.age_unknown to allow if it may go now, then plan again",
    ),
    "phased": Reason(
        "the vendor offers it to a share of hosts, and not yet to this one",
        "plan again later; the vendor widens the share",
    ),
    "untested": Reason(
        "no host of the first ring takes this step",
        "add a host that takes it to the first ring, or set select.untested, then plan again",
    ),
    "recalled": Reason(
        "a person has recalled this version",
        "plan again when a newer version is there, or end the recall (playbook recall with lockstep_end=true)",
    ),
    "unknown": Reason("what it needs is not known", "mend what the reason names, then run detect and plan again"),
    "unsupported": Reason(
        "this version of Lockstep has no provider for the platform", "patch this host by other means"
    ),
    "kept_back": Reason(
        "the host's own package manager keeps it back", "look at the reason named on the host, then plan again"
    ),
}
"""Why a plan leaves something out."""

SKIPPED: dict[str, Reason] = {
    **LEFT_OUT,
    "newer": Reason(
        "the host already has a newer version, which no test host proved",
        "nothing; it is never downgraded. Find out who installed it",
    ),
    "not_needed": Reason("nothing on this host needs the new package", "nothing"),
    "nothing_to_do": Reason("the plan has nothing for this host", "nothing"),
}
"""Why a host skips a line, or is skipped."""

HOST: dict[str, Reason] = {
    "pending": Reason("has not started", "run rollout again"),
    "staged": Reason("has the plan's files and has not installed them", "run rollout again"),
    "installed": Reason(
        "has the versions and does not use them yet", "run rollout again; it restarts or reboots what is owed"
    ),
    "active": Reason("uses the versions and is not verified", "run verify, or rollout again"),
    "verified": Reason("is verified", "nothing"),
    "regressed": Reason(
        "lost something that worked before",
        "repair what the reason names, then run rollout again; it verifies the host afresh",
    ),
    "failed": Reason("failed", "read the reason and the host's log, repair it, then run rollout again"),
    "rolled_back": Reason("was rolled back", "find out why before a new plan; this plan does not touch it again"),
    "unreachable": Reason(
        "cannot be reached",
        "check power, network, SSH and sudo of the host, then run rollout again; or retire it with a reason",
    ),
    "skipped": Reason("was skipped", "see its reason"),
    "none": Reason("has no result", "run rollout again; if the host is gone, retire it with a reason"),
    "left_inventory": Reason(
        "is in the plan's scope and not in today's inventory", "bring it back, or retire it with a reason"
    ),
}
"""What a host's status means."""


def say(host: str, reason: str, next_step: str) -> str:
    """`host: reason; next step`, safe on a terminal."""
    return f"{plain(host, 100)}: {plain(reason)}" + (
        f"; {plain(next_step)}" if next_step and next_step != "nothing" else ""
    )


def left_out_text(entry: dict[str, Any]) -> str:
    """One line for one thing that a plan leaves out."""
    reason = LEFT_OUT.get(str(entry.get("why")))
    what = " ".join(plain(entry[key], 100) for key in ("package", "version") if entry.get(key)) or "everything"
    message = str(entry.get("detail") or (reason.message if reason else entry.get("why")))
    return say(
        str(entry.get("host")), f"{what}: {plain(entry.get('why'), 20)}: {message}", str(entry.get("next") or "")
    )


def status_text(host: str, status: str, reason: str = "") -> str:
    """One line for one host's result."""
    meaning = HOST.get(status, Reason(f"has the unknown status '{status}'", "report this"))
    return say(host, f"{meaning.message}: {reason}" if reason else meaning.message, meaning.next)
