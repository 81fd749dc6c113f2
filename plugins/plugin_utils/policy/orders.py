# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What orders of people mean for a rollout: a halt holds it, a recall takes versions out of it. Pure.

Orders are as the ledger gives them: `{id, kind, fleet, plan_id, subject, actor, reason, detail, ms}`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.machine import HOST, RESOLVED
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import plain, utc

Order = Mapping[str, Any]
RESUME = "lift it with the playbook resume (-e \"lockstep_reason='why'\") when it may go on"


def halted(halts: Sequence[Order]) -> str:
    """Who halted the rollouts, when and why, or an empty text."""
    if not halts:
        return ""
    first = halts[0]
    return f"halted by {plain(first['actor'], 100)} since {utc(first['ms'])}: {plain(first['reason'])}"


def recall_of(recalls: Iterable[Order], source: str, source_version: str, name: str, version: str) -> Order | None:
    """The recall that takes this version of a package away. One of a source takes all packages built from it."""
    return next(
        (
            order
            for order in recalls
            if order["subject"] in (source, name) and order["detail"]["version"] in (version, source_version)
        ),
        None,
    )


def recall_text(order: Order) -> str:
    """Why, by whom and when."""
    return f"recalled by {plain(order['actor'], 100)} on {utc(order['ms'])}: {plain(order['reason'])}"


def recalled_lines(lines: Iterable[Mapping[str, Any]], recalls: Sequence[Order]) -> list[dict[str, Any]]:
    """What recalls take out of a plan, in the shape of its `left_out` entries of one host.

    Packages of one source depend on each other in exactly one version, so all lines of a source go together.
    """
    if not recalls:
        return []
    known = [line for line in lines if line["version"] is not None]
    found: dict[tuple[str, str, str], Order] = {}
    for line in known:
        order = recall_of(recalls, line["source"], line["source_version"], line["package"], line["version"])
        if order is not None:
            found.setdefault((line["platform"], line["source"], line["source_version"]), order)
    return [
        {
            "package": line["package"],
            "arch": line["arch"],
            "version": line["version"],
            "why": "recalled",
            "detail": recall_text(found[key]),
            "taken": False,
        }
        for line in known
        if (key := (line["platform"], line["source"], line["source_version"])) in found
    ]


def resolution(status: str, wanted: str) -> str:
    """The status that a resolution gives to a host: `skip` takes it out of the way for good, `retry` lets the next run
    begin with it anew; an empty text where nothing is to be resolved."""
    if status in ("verified", "pending", "staged") or (wanted == "skip" and status == "skipped"):
        return ""
    after = "skipped" if wanted == "skip" else "pending" if status in ("rolled_back", "skipped") else status
    return after if after == status or after in HOST.get(status, ()) else ""


def resolved_reason(reason: str) -> str:
    """The reason of a host that was skipped by a person; `finished` knows it."""
    return f"{RESOLVED}: {reason}"
