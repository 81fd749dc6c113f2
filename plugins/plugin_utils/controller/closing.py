# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The last line of a run: `done: …`, `waiting: … until …` or `stopped: …`.

Ansible prints its recap after the last task, so a task cannot have the last word. The line is printed when the main
process ends; a run that broke off before it could report says so instead of saying nothing.
"""

from __future__ import annotations

import atexit
import os
import sys

from ansible import constants, context

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import RunFiles

BROKEN_OFF = (
    "stopped: the run ended before it could report; "
    "see the messages above and run it again: it goes on from where the fleet is"
)

_armed_by: list[int] = []


def run_files() -> RunFiles:
    """The run's files of this process and its workers."""
    return RunFiles(constants.DEFAULT_LOCAL_TMP)


def only_listing() -> bool:
    """True under --list-hosts, --list-tasks, --list-tags and --syntax-check, which run nothing."""
    return any(context.CLIARGS.get(name) for name in ("listhosts", "listtasks", "listtags", "syntax"))


def arm() -> None:
    """Print the closing line when this process ends. Workers fork and leave without it."""
    if _armed_by or only_listing():
        return
    _armed_by.append(os.getpid())
    atexit.register(_print_closing)


def _print_closing() -> None:
    if os.getpid() not in _armed_by:
        return
    run = run_files().load()
    sys.stdout.write(((run.closing if run else None) or BROKEN_OFF) + "\n")
    sys.stdout.flush()
