# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Order of package versions, the same that host code uses. Pure.

The controller may be no Debian machine and hosts differ, so no host's tool can be asked.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ansible_collections.lockstep.patching.plugins.module_utils._model.deb_version import version_key


@lru_cache(maxsize=65536)
def order(version: str) -> Any:
    """Sort key of a version, oldest first."""
    return version_key(version)


def compare(one: str, two: str) -> int:
    """-1, 0 or 1: is `one` older than, as old as, or newer than `two`?"""
    first, second = order(one), order(two)
    return (first > second) - (first < second)
