# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Questions to the ledger: controller actions that contact no host, make no plan, and have a run of their own."""

from __future__ import annotations

import fnmatch
import os
import shutil
import sys
from typing import Any
from urllib.parse import quote

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import patterns
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import ControllerAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.policy_file import read_policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import Run
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import did_you_mean, one_line


class AskingAction(ControllerAction):
    """`answer()` returns the closing line and the task's result; the closing line is there for errors too."""

    stage = ""

    def decide(self) -> dict[str, Any]:
        self._common = self.common()
        try:
            policy = read_policy(self._common.policy)
            line, result = self.answer(policy)
        except LockstepError as error:
            self._close("stopped: " + one_line(str(error)))
            raise
        self._close(line)
        return result

    def answer(self, policy: Policy) -> tuple[str, dict[str, Any]]:
        raise NotImplementedError

    def _close(self, line: str) -> None:
        if self.current is None:  # not in the middle of somebody's run
            self.files.save(Run(0, self.stage, "", "", "", "", now_ms(), closing=line))
            self.current = None

    def ledger(self, create: bool = False) -> Ledger:
        return Ledger.open(self._common.ledger, create=create)

    def report_file(self, name: str) -> str:
        return os.path.join(self._common.report_dir, name)

    def inventory_hosts(self) -> list[str]:
        """Every host of the inventory, whatever --limit says."""
        manager = patterns.whole_inventory(self._vars.get("groups", {}), self._loader)
        return [str(host.name) for host in manager.get_hosts("all", ignore_limits=True)]

    def chosen(self, pattern: str, known: list[str]) -> list[str]:
        """The hosts of a pattern: Ansible's own in the inventory, and a glob for those that only the ledger knows.

        Raises LockstepError for a part of the pattern that matches none.
        """
        manager = patterns.whole_inventory(self._vars.get("groups", {}), self._loader)
        hosts, unmatched = patterns.resolve(manager, pattern)
        inventory = set(self.inventory_hosts())
        others = [name for name in known if name not in inventory]
        lost = []
        for token in unmatched:
            more = others if token == "all" else fnmatch.filter(others, token)
            hosts += more
            lost += [] if more else [token]
        if pattern == "all":
            hosts += others
        if lost and not (pattern == "all" and hosts):
            raise LockstepError(
                f"the pattern '{lost[0]}' matches no host of the inventory or the ledger"
                f"{did_you_mean(lost[0], [*manager.groups, *inventory, *others])}",
                self.stage,
                "mend the pattern; nothing was asked",
            )
        return sorted(set(hosts))


def file_name(host: str) -> str:
    """A file name for a host, whose name is free text: nothing in it leads out of its folder or hides the file."""
    name = quote(host, safe="")[:200]
    return "%2E" + name[1:] if name.startswith(".") else name


def terminal_width() -> int:
    return max(60, shutil.get_terminal_size((80, 24)).columns)


def terminal_color() -> bool:
    return sys.stdout.isatty() and not os.environ.get("ANSIBLE_NOCOLOR") and not os.environ.get("NO_COLOR")
