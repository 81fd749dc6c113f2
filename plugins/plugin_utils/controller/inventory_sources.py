# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Inventory sources of ours that could not be read in this process.

Ansible goes on without a source that failed, after a warning. A rollout must not: half an inventory has empty rings
and misses hosts. So what failed is noted here, and opening a run reads it.
"""

from __future__ import annotations

from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError

_failed: dict[str, LockstepError] = {}


def note_read(path: str) -> None:
    """A source is read anew, or was read."""
    _failed.pop(path, None)


def note_failed(path: str, error: LockstepError) -> None:
    _failed[path] = error


def refuse_failed() -> None:
    """Raise what the first failed source said, if one failed."""
    for error in _failed.values():
        raise LockstepError(
            f"an inventory source could not be read: {error.what}", error.where, error.next_step
        ) from error
