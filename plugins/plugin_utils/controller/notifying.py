# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell people by webhook. A receiver that is away never stops anything; that it was not told is recorded."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.notify import Notify
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import one_line, plain

SECONDS = 10
TRIES = 3
PAUSE_SECONDS = 1
HEADERS = {"Content-Type": "application/json", "User-Agent": "lockstep"}


def send(rule: Notify, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> str:
    """Post a message; why it did not arrive, or an empty text. `headers` come besides, for example a token."""
    why = ""
    for attempt in range(TRIES):
        time.sleep(PAUSE_SECONDS * attempt)
        why, again = _post(rule, body, headers)
        if not again:
            break
    return why


def _post(rule: Notify, body: Mapping[str, Any], headers: Mapping[str, str] | None) -> tuple[str, bool]:
    """`(why it did not arrive or empty, whether it is worth another try)`."""
    from ansible.module_utils.urls import open_url  # slow to import, and few runs need it

    try:
        answer = open_url(
            rule.webhook,
            data=json.dumps(body).encode("utf-8"),
            headers={**HEADERS, **(headers or {})},
            method="POST",
            timeout=SECONDS,
            follow_redirects="safe",
        )
        answer.read(1000)
    except Exception as error:  # whatever the network or the receiver does, the run has ended as it has
        # the URL may be in the error's text, and its path is often a secret
        code = getattr(error, "code", None)
        again = not isinstance(code, int) or code >= 500 or code == 429
        return plain(one_line(str(error).replace(rule.webhook, rule.shown))), again
    return "", False


def tell(
    ledger: Ledger,
    rules: tuple[Notify, ...],
    bodies: Mapping[str, Mapping[str, Any]],
    headers: Mapping[str, str] | None,
    token: int,
    now_ms: int,
) -> list[str]:
    """Send each event `{event: message}` to the receivers that want it; sentences about those that were not reached."""
    problems = []
    for rule in rules:
        event = next((event for event in reversed(list(bodies)) if event in rule.on), None)
        if event is None:
            continue
        why = send(rule, bodies[event], headers)
        ledger.note(token, "notified", rule.shown, {"event": event, "problem": why}, now_ms)
        if why:
            problems.append(f"{rule.shown} was not told ({event}): {why}")
    return problems
