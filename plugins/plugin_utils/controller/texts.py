# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Text files that users keep: written whole or not at all."""

from __future__ import annotations

import os

from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError


def write_text(path: str, text: str) -> None:
    """Write a file atomically, with its folder; raises LockstepError where that is not possible."""
    partial = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(partial, "w", encoding="utf-8") as handle:
            handle.write(text)
        os.replace(partial, path)
    except OSError as error:
        raise LockstepError(
            f"cannot be written: {error.strerror}", path, "check lockstep_report_dir, its permissions and free space"
        ) from error
