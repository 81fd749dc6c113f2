# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The calendars that windows and freezes name: a file beside the policy, or an address. One that cannot be read is
kept with the reason; what needs it then counts as closed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.windows.spans import (
    Calendar,
    Span,
    with_calendars,
)

LIMIT = 8 * 1024 * 1024
"""Bytes; a calendar of a company with years of history is some hundred KiB."""
TIMEOUT = 20


def read_calendars(refs: Iterable[str], folder: str) -> dict[str, Calendar]:
    """`{name: its text}` for files (relative to a folder) and http(s) addresses."""
    return {ref: _read(ref, folder) for ref in refs}


def filled(policy: Policy, folder: str) -> Policy:
    """The policy with the text of every calendar that it names."""
    found = read_calendars(named((*policy.windows, *policy.freezes)), folder)
    if not found:
        return policy
    return replace(policy, windows=with_calendars(policy.windows, found), freezes=with_calendars(policy.freezes, found))


def named(spans: Iterable[Span]) -> list[str]:
    """Each calendar once."""
    return list(dict.fromkeys(span.ics for span in spans if span.ics is not None))


def _read(ref: str, folder: str) -> Calendar:
    try:
        if ref.startswith(("http://", "https://")):
            from ansible.module_utils.urls import open_url  # slow to import, and few runs need it

            with open_url(ref, timeout=TIMEOUT, headers={"Accept": "text/calendar"}) as answer:
                found = answer.read(LIMIT + 1)
        elif "://" in ref:
            return Calendar(problem="only files, http:// and https:// are read")
        else:
            with open(os.path.join(folder, os.path.expanduser(ref)), "rb") as handle:
                found = handle.read(LIMIT + 1)
        if len(found) > LIMIT:
            return Calendar(problem=f"it is larger than {LIMIT // (1024 * 1024)} MiB")
        return Calendar(text=found.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return Calendar(problem="it is not UTF-8 text")
    except Exception as error:  # whatever the network or a proxy raises: the calendar was not read, and that closes
        return Calendar(problem=str(getattr(error, "reason", "") or getattr(error, "strerror", "") or error))
