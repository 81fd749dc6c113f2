# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When a host is back, so that it gives back its share of every budget. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.machine import finished


def proof(status: str, reason: str, detail: Mapping[str, Any]) -> str:
    """What proves it, or an empty text: then it may still be out, or be in without working.

    A result is proof when it is final for the plan (`verified`, or there was nothing to do), for it comes from a look
    at the host. A failure is one only where nothing had been begun. Time is never one.
    """
    if finished({"status": status, "reason": reason}):
        return f"{status}: {reason}" if reason else status
    if status == "failed" and not detail.get("before") and not detail.get("transaction"):
        return "it answered, and nothing was begun on it"
    return ""
