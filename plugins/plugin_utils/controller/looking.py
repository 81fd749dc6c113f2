# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at a host and keep what was found: one round trip, and only the sections that changed."""

from __future__ import annotations

from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import unpack_each
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import microsoft
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import HostAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.module_call import Answer, call
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger, UnknownContent
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy import microsoft as updates


class Look(NamedTuple):
    """What one look brought. `sections` is the whole host state, those that had not changed included; it is empty for a
    caller that did not ask for it."""

    reachable: bool
    problem: str
    answer: dict[str, Any]
    sections: dict[str, Any]


def look(
    action: HostAction, ledger: Ledger, fleet: str, token: int, arguments: dict[str, Any], state: bool = True
) -> Look:
    """Run host_state on the action's host and record it, or record that the host gave no answer and why.

    state: whether the caller reads the sections; it costs more than all the rest to get them out of the ledger.
    """
    host = action.host
    if microsoft.is_windows(action):
        return _windows(action, ledger, fleet, token, state)
    given = call(action, "host_state", {**arguments, "known": ledger.known_digests(fleet, host)}, action._vars)
    if given.kind != "ok":
        return _no_answer(ledger, fleet, host, token, given)
    try:
        return _record(ledger, fleet, host, token, given.result, state)
    except UnknownContent:
        given = call(action, "host_state", {**arguments, "known": {}}, action._vars)
        if given.kind != "ok":
            return _no_answer(ledger, fleet, host, token, given)
        return _record(ledger, fleet, host, token, given.result, state)


def _windows(action: HostAction, ledger: Ledger, fleet: str, token: int, state: bool) -> Look:
    if microsoft.can_ask():
        given = microsoft.ask(action, action._vars)
        if given.kind != "ok":
            return _no_answer(ledger, fleet, action.host, token, given)
        found = updates.sections(given.result["facts"], given.result["search"], now_ms())
    else:
        found = updates.not_asked(microsoft.NEEDS)
    answer = updates.answer(found)
    ledger.record_look(
        fleet,
        action.host,
        token,
        now_ms(),
        digests=updates.digests(found),
        sections=found,
        answer=answer,
        fingerprint={"machine_id": found["os"]["machine_id"]} if found["os"]["machine_id"] else {},
        platform=answer["platform"],
    )
    return Look(True, "", answer, found if state else {})


def _no_answer(ledger: Ledger, fleet: str, host: str, token: int, given: Answer) -> Look:
    ledger.record_unreachable(fleet, host, token, now_ms(), given.message)
    return Look(given.kind != "unreachable", given.message, {}, {})


def _record(ledger: Ledger, fleet: str, host: str, token: int, result: dict[str, Any], state: bool) -> Look:
    try:
        changed, raw = unpack_each(result["sections_zb64"])
        digests, answer = dict(result["digests"]), dict(result["answer"])
    except (KeyError, TypeError, ValueError) as error:
        raise LockstepError(
            f"the answer of host_state cannot be read: {error}", host, "look at what runs as python there"
        ) from error
    ledger.record_look(
        fleet,
        host,
        token,
        now_ms(),
        digests=digests,
        sections=changed,
        answer=answer,
        fingerprint={"machine_id": (changed.get("os") or {}).get("machine_id")} if "os" in changed else {},
        platform=result.get("platform"),
        raw=raw,
    )
    kept = ledger.state(fleet, host) if state else None
    return Look(True, "", answer, kept["sections"] if kept else {})
