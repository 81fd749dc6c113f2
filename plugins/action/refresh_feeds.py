# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import feeds
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import ControllerAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import Run
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names, one_line, plural


class ActionModule(ControllerAction):
    """Fetch and read the feeds, so that an assessment finds them ready."""

    def decide(self) -> dict[str, Any]:
        try:
            line, result = self._refresh()
        except LockstepError as error:
            self._close("stopped: " + one_line(str(error)))
            raise
        self._close(line)
        if line.startswith("stopped:"):
            result.update(failed=True, msg=line)
        return result

    def _close(self, line: str) -> None:
        """Keep a run of its own, so that the closing line is there for this playbook too."""
        self.files.save(Run(0, "maintain", "", "", "", "", now_ms(), closing=line))

    def _refresh(self) -> tuple[str, dict[str, Any]]:
        given, now = feeds.settings(self.variable, os.environ), now_ms()
        if not given.wanted and self.variable("lockstep_policy"):  # a fleet without them has looks to forget too
            return "done: no vulnerability data are named", {"changed": False, "feeds": [], "problems": []}
        if not given.wanted:
            raise LockstepError(
                "no vulnerability data are named",
                "lockstep_feeds",
                "name folders, files or URLs of them; docs/feeds.md has a list to start with",
            )
        found = feeds.opened(given, now, "never" if self._task.check_mode else "always")
        found.close()
        lines = feeds.table(found.statuses, now)
        problems = [feeds.complaint(problem) for problem in found.problems]
        self._display.display("\n".join([*lines, *(["", *problems] if problems else [])]))
        refused = [problem.feed for problem in found.problems if problem.refused]
        result = {"changed": False, "feeds": [each._asdict() for each in found.statuses], "problems": problems}
        good = plural(len(found.statuses), "feed")
        if refused:
            return f"stopped: {good} in use; no new copy of {names(refused)}; see above", result
        return f"done: {good} in use{self._oldest(found.statuses, now)}", result

    @staticmethod
    def _oldest(statuses: list[Any], now: int) -> str:
        known = [each for each in statuses if each.as_of_ms is not None]
        if not known:
            return ""
        oldest = min(known, key=lambda each: int(each.as_of_ms))
        how_old = feeds.age(oldest.as_of_ms, now)
        return f"; the oldest data are {'of today' if how_old == 'today' else how_old + ' old'} ({oldest.name})"
