# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Named points at which a test kills the controller: one before and one after each record of what was done.

`LOCKSTEP_TEST_KILL="after host_status=installed test1"` ends the controller and the worker that got there with SIGKILL;
its other workers live on, as they do when a controller dies. Nothing else reads the variable, and without it there is
nothing to pay. The names are the kinds of evidence, with the state that follows where there is one (docs/states.md).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Mapping
from typing import Any

VARIABLE = "LOCKSTEP_TEST_KILL"
WANTED = os.environ.get(VARIABLE, "")
_reached: list[str] = []


def wanted(when: str, kind: str, subject: str, body: Mapping[str, Any], text: str) -> bool:
    """Whether this record is the point of a text `WHEN KIND[=STATE] [SUBJECT]`; without a subject it is any."""
    state = body.get("after") or body.get("decision") or ""
    words = text.split()
    return words[:2] == [when, f"{kind}={state}" if state else kind] and words[2:] in ([], [subject])


def recorded(kind: str, subject: str, body: Mapping[str, Any]) -> None:
    """A record is written and not yet on disk."""
    if wanted("before", kind, subject, body, WANTED):
        _kill()
    if wanted("after", kind, subject, body, WANTED):
        _reached.append(kind)


def committed() -> None:
    """What was recorded is on disk."""
    if _reached:
        _kill()


def _kill() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid == os.getppid():  # else the controller is dead already
        os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
