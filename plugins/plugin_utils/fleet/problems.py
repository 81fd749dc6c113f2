# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with an inventory's files, and the spot: file, line and column, both from 1."""

from __future__ import annotations

from typing import NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError

MEND = "mend it and run again; nothing of this inventory source was used"


class Spot(NamedTuple):
    """A place in a file."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class InventoryError(LockstepError):
    """The inventory source, or a file that it names, cannot be used; no host of it was added."""

    def __init__(self, spot: Spot, what: str, next_step: str = MEND) -> None:
        super().__init__(what, str(spot), next_step)
        self.spot = spot


def spot_at(file: str, text: str, offset: int) -> Spot:
    """The spot of a character of a file's text."""
    before = text[:offset]
    return Spot(file, before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)
