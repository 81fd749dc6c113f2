# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which hosts may start now by their windows and freezes, and what of that the host actions are told.

A host action gets numbers (until when, how long it needs) and no calendar, because it runs in a fork for each host.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.calendars import read_calendars
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import RunFiles, for_host
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.settings import variable_problem
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import duration_text
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.windows.spans import with_calendars
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.windows.timetable import (
    Opening,
    Timetable,
    timetable,
)

VARIABLES = ("lockstep_windows", "lockstep_freezes")
_GRAIN_MS = 5_000
"""Times to patch are rounded up to this, so that many hosts share one answer."""
Later = dict[str, Any]
"""`{kind, why, next, until_ms}`: why a host does not start now."""


class Turns:
    """The timetables of hosts, each worked out once."""

    def __init__(
        self,
        policy: Policy,
        matches: Mapping[str, Sequence[str]],
        own: Mapping[str, Mapping[str, Any]],
        needs: Mapping[str, int],
        folder: str,
    ) -> None:
        self.policy, self.own, self.needs, self.folder = policy, own, needs, folder
        patterns = {item.pattern for item in (*policy.windows, *policy.freezes) if item.pattern is not None}
        self.matches = {pattern: frozenset(matches[pattern]) for pattern in patterns}
        self._tables: dict[Any, Timetable] = {}
        self._openings: dict[Any, Opening] = {}

    def table(self, host: str, ring: str) -> Timetable:
        """The windows and freezes of a host."""
        own = self.own.get(host) or {}
        key = (ring, tuple(host in found for found in self.matches.values()), repr(own) if own else "")
        if key not in self._tables:
            self._tables[key] = self._make(host, ring, own)
        return self._tables[key]

    def _make(self, host: str, ring: str, own: Mapping[str, Any]) -> Timetable:
        wrong = variable_problem({name: own[name] for name in VARIABLES if name in own})
        if wrong:
            return Timetable(broken=f"its {wrong}")
        made = timetable(self.policy.windows, self.policy.freezes, ring, host, self.matches, own)
        unread = [item.ics for item in (*made.windows, *made.freezes) if item.ics and item.calendar is None]
        found = read_calendars(unread, self.folder)
        return made._replace(windows=with_calendars(made.windows, found), freezes=with_calendars(made.freezes, found))

    def opening(self, host: str, ring: str, now_ms: int, need_ms: int | None = None) -> Opening:
        """May it start now?"""
        need = self.needs.get(host, self.policy.time_to_patch_ms) if need_ms is None else need_ms
        need = -(-need // _GRAIN_MS) * _GRAIN_MS
        key = (self.table(host, ring), now_ms, need)
        if key not in self._openings:
            self._openings[key] = key[0].opening(now_ms, need)
        return self._openings[key]


def later(opening: Opening) -> Later:
    """Why a host waits, as the run keeps it."""
    return {"kind": opening.kind, "why": opening.why, "next": opening.next, "until_ms": opening.until_ms}


def folder_of(policy: Policy) -> str:
    """Where calendars of a policy are sought."""
    return os.path.dirname(os.path.abspath(policy.name))


def of_run(files: RunFiles, policy: Policy) -> Turns:
    """The timetables of this run, from what its beginning wrote down."""
    known = files.read("turns") or {"own": {}, "needs": {}}
    return Turns(policy, files.read("matches") or {}, known["own"], known["needs"], folder_of(policy))


def too_late(permit: Mapping[str, Any], now_ms: int, starting: bool = True) -> Later | None:
    """Whether the time that a permit was given for is over; while starting, all that the host needs must fit."""
    until, need = permit.get("until_ms"), int(permit.get("need_ms") or 0) if starting else 0
    if until is None or now_ms + need < until:
        return None
    left = max(0, until - now_ms)
    why = f"its window closed meanwhile ({duration_text(left)} left, and it needs {duration_text(need)})"
    if not starting:
        why = "its window closed before its reboot"
    return {"kind": "short", "why": why, "next": "run rollout again when it opens", "until_ms": None}


def note_later(files: RunFiles, given: Mapping[str, Later | None]) -> None:
    """Keep why hosts wait, for the gates and the closing line; None for one that does not wait any more."""
    for host, reason in given.items():
        files.write(for_host("later", host), reason)


def read_later(files: RunFiles, hosts: Iterable[str]) -> dict[str, Later]:
    """Which of these hosts wait, and why."""
    known = files.of_hosts("later")
    if not known:
        return {}
    found = {host: files.read(name) for host in hosts if (name := for_host("later", host)) in known}
    return {host: reason for host, reason in found.items() if reason}
