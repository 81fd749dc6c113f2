# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who is told what: events of a run, and the message about one. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names, plural

EVENTS = ("stopped", "waiting", "waiting_for_approval", "completed", "new_critical")
KEYS: dict[str, Any] = {
    "webhook": {"type": "string", "pattern": r"^https?://[^\s]+$"},
    "on": {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"enum": list(EVENTS)}},
}
SCHEMA = 1
SOON_MS = 3 * 86_400_000
SHOWN = 50
_RECEIVER = re.compile(r"(https?://)(?:[^/?#]*@)?([^/?#@]*)")


@dataclass(frozen=True)
class Notify:
    """One receiver."""

    webhook: str
    on: tuple[str, ...] = ("stopped", "waiting_for_approval", "completed")

    @property
    def shown(self) -> str:
        """The receiver without the path, which is often a secret."""
        return "".join(_RECEIVER.match(self.webhook).groups())  # type: ignore[union-attr]  # the schema has seen to it


def rules_of(given: Iterable[Mapping[str, Any]]) -> tuple[Notify, ...]:
    """The policy's `notify`."""
    return tuple(Notify(item["webhook"], tuple(item.get("on", Notify.on))) for item in given)


def events_of(closing: str, approval: bool, completed: bool) -> list[str]:
    """What a run's end means. `approval`: it waits for people; `completed`: its plan has come to its end now."""
    word = closing.partition(":")[0]
    if word == "waiting":
        return ["waiting", "waiting_for_approval"] if approval else ["waiting"]
    if word == "stopped":
        return ["stopped"]
    return ["completed"] if completed else []


def message(
    event: str, run: Mapping[str, Any], closing: str, statuses: Mapping[str, Mapping[str, Any]], now_ms: int
) -> dict[str, Any]:
    """The JSON that is sent. `run` is `{token, fleet, stage, plan_id, actor, controller}`; `text` is what chat servers
    show."""
    counts = Counter(str(record.get("status")) for record in statuses.values())
    return {
        "schema": SCHEMA,
        "event": event,
        "text": f"Lockstep {run['fleet']}: {closing}",
        "closing": closing,
        "fleet": run["fleet"],
        "stage": run["stage"],
        "plan": run["plan_id"],
        "run": run["token"],
        "actor": run["actor"],
        "controller": run["controller"],
        "hosts": dict(sorted(counts.items())),
        "time_ms": now_ms,
    }


def critical(items: Iterable[Mapping[str, Any]], now_ms: int) -> list[dict[str, Any]]:
    """Of what is new since the last assessment, what nobody should sleep over: known exploited, or due within three
    days. `{vuln, package, kev, due_ms, decision, hosts: number, some: [name]}`, the most urgent first."""
    found = [
        {
            "vuln": item["vuln"],
            "package": item["source"],
            "kev": item["kev"],
            "due_ms": item["due_ms"],
            "decision": item["after"],
            "hosts": item["hosts"],
            "some": list(item["some"]),
        }
        for item in items
        if item["kind"] != "gone"
        and (item["kev"] or (item["due_ms"] is not None and item["due_ms"] <= now_ms + SOON_MS))
    ]
    never = now_ms * 2
    return sorted(found, key=lambda item: (not item["kev"], item["due_ms"] or never, item["vuln"], item["package"]))


def critical_text(found: list[dict[str, Any]]) -> str:
    """The same in one line."""
    vulns = list(dict.fromkeys(item["vuln"] for item in found))
    known = len({item["vuln"] for item in found if item["kev"]})
    return f"new and critical: {plural(len(vulns), 'vulnerability id')}, {known} known exploited: {names(vulns)}"
