# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the ledger knows of a host, read with its age: what is old or was never answered is unknown, never fine."""

from __future__ import annotations

from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.deadlines import Deadlines
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.overview import Known

OVERDUE, EXCEPTED = "state_overdue", "state_excepted"
SECURITY, REBOOT, STALE, UNKNOWN = "state_security_pending", "state_reboot_needed", "state_stale", "state_unknown"
NEVER_REACHED = "never_reached"
GROUPS = (SECURITY, OVERDUE, EXCEPTED, REBOOT, STALE, UNKNOWN, NEVER_REACHED)
CLOCK_MS = 5 * 60 * 1000
"""A look from further ahead than that is of a clock that nobody can believe."""
NOTHING = Known(None, None, None, None, {}, {})


class Live(NamedTuple):
    """The state of one host: fields of its document, and its groups."""

    fields: dict[str, Any]
    groups: list[str]


def live(known: Known, now_ms: int, max_age_ms: int, deadlines: Deadlines | None = None) -> Live:
    """The state of a host as the ledger has it.

    `known` is false unless the host has answered lately and the newest try worked; then `security` and `pending` are
    numbers of packages (None: the host itself does not know) and `reboot` is yes, no or unknown. `deadlines`: None for
    a host that was not assessed. What is overdue stays so however old the look is, until somebody has seen it closed.
    """
    answer, groups = known.answer, []
    if deadlines is not None and deadlines.overdue:
        groups.append(OVERDUE)
    if deadlines is not None and deadlines.excepted:
        groups.append(EXCEPTED)
    fields: dict[str, Any] = {
        "overdue": deadlines.overdue if deadlines is not None else None,
        "excepted": deadlines.excepted if deadlines is not None else None,
        "os": known.os.get("os") or "",
        "os_version": known.os.get("version") or "",
        "arch": known.os.get("arch") or "",
        "platform": known.platform or "",
        "known": False,
        "security": None,
        "pending": None,
        "reboot": "unknown",
    }
    if known.look_ms is None:
        return Live(fields, [*groups, UNKNOWN, NEVER_REACHED])
    age = now_ms - known.look_ms
    stale = age > max_age_ms
    if stale:
        groups.append(STALE)
    if stale or age < -CLOCK_MS or known.error is not None:
        return Live(fields, [*groups, UNKNOWN])
    security, pending, reboot = answer.get("security"), answer.get("pending"), answer.get("reboot")
    fields.update(
        known=True, security=security, pending=pending, reboot=reboot if reboot in ("yes", "no") else "unknown"
    )
    if security:
        groups.append(SECURITY)
    if reboot == "yes":
        groups.append(REBOOT)
    if answer.get("supported") is not False and (security is None or fields["reboot"] == "unknown"):
        groups.append(UNKNOWN)
    return Live(fields, groups)
