# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One error shape for everything a user can mend."""

from __future__ import annotations


class LockstepError(Exception):
    """What happened, where (file and line, host, database), and what to do next."""

    def __init__(self, what: str, where: str = "", next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.next_step = next_step

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        between = "\n" if "\n" in text else "; "
        return f"{text}{between}{self.next_step}" if self.next_step else text
