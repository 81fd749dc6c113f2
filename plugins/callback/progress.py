# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: aggregate
short_description: Shows how far a run of Lockstep is
version_added: 0.1.0
description:
  - Shows rings, batches, hosts by state, the time that is left by what was measured, and the last failures.
  - On a terminal a few lines stay at its foot, and everything else scrolls above them, whichever stdout callback
    is in use. In logs, in pipes and in AWX it prints a line now and then.
  - It only reads what the run decides and what hosts answer. It opens no database and contacts nobody, and an error
    in it is one warning, after which it is silent.
  - It shows nothing of plays that are not Lockstep's.
requirements:
  - enabling in configuration, C(callbacks_enabled = lockstep.patching.progress)
options:
  mode:
    description: Where it writes. V(auto) is V(foot) on a terminal, and V(log) elsewhere and in jobs of AWX.
    type: str
    choices: [auto, foot, log]
    default: auto
    env:
      - name: LOCKSTEP_PROGRESS
    ini:
      - section: callback_progress
        key: mode
  interval:
    description: Seconds between two lines in a log.
    type: int
    default: 60
    env:
      - name: LOCKSTEP_PROGRESS_INTERVAL
    ini:
      - section: callback_progress
        key: interval
author:
  - Lockstep maintainers (@lockstep)
"""

import contextlib
import os
import sys
from typing import Any

from ansible import constants, context
from ansible.plugins.callback import CallbackBase

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import closing
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.foot import Foot
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.progress import Course, Progress
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.progress_text import failure_text, foot, log_line

OURS = "lockstep.patching."
STEPS = {
    "host_state": "look",
    "acquire": "stage",
    "peers": "ask",
    "transaction": "install",
    "reboot": "reboot",
    "verify": "verify",
    "rollback": "roll back",
}
"""What each action on hosts is called here."""
DECIDE = ("open", "plan")
"""Actions that decide on the run's course."""
DRAW_MS = 300
LINE_MS = 5_000
"""The least time between two lines in a log, also where something has failed."""
SHOWN = 3
JOBS = ("JOB_ID", "AWX_ISOLATED_DATA_DIR", "AWX_PRIVATE_DATA_DIR")
"""What AWX sets in its jobs; there the terminal is none that a person looks at."""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "lockstep.patching.progress"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._progress: Progress | None = None
        self._foot: Foot | None = None
        self._token = 0
        self._action = ""
        self._hosts = 0
        self._shown_ms = self._told = 0

    def set_options(self, *args: Any, **kwargs: Any) -> None:
        super().set_options(*args, **kwargs)
        mode = self.get_option("mode")
        seen = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        if mode == "foot" or (mode == "auto" and seen and not any(name in os.environ for name in JOBS)):
            self._foot = Foot(sys.stdout, lambda: os.get_terminal_size(sys.stdout.fileno()))
        self._interval_ms = int(self.get_option("interval")) * 1000

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._safely(self._play, play)

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._safely(self._begin, task)

    def v2_runner_on_ok(self, result: Any) -> None:
        self._safely(self._answer, result, False)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._safely(self._answer, result, True)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._safely(self._answer, result, True)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._safely(self._end)

    def _safely(self, method: Any, *args: Any) -> None:
        """A display never changes what it displays: whatever goes wrong here ends the display alone."""
        try:
            method(*args)
        except Exception as error:
            self.disabled = True
            with contextlib.suppress(Exception):
                self._end()
            self._display.warning(f"the progress display has ended: {type(error).__name__}: {error}; the run goes on")

    def _end(self) -> None:
        if self._foot:
            self._foot.close()
        self._progress = None

    def _play(self, play: Any) -> None:
        self._hosts = len(play.hosts)
        if self._progress is not None:
            self._progress.end_batch(now_ms())
            if self._foot is not None:
                self._show(now_ms(), begins=True)

    def _begin(self, task: Any) -> None:
        action = str(getattr(task, "resolved_action", None) or task.action)
        self._action = action[len(OURS) :] if action.startswith(OURS) else ""
        if self._action in STEPS and self._progress is not None:
            self._progress.begin(STEPS[self._action], self._hosts, now_ms())
            self._show(now_ms(), begins=True)

    def _answer(self, result: Any, failed: bool) -> None:
        if not self._action:
            return
        # the public copy of a result converts every value in it, and a look's answer is long
        answer = getattr(result, "_return_data", None)
        answer = result._result if answer is None else answer
        host = result._host.get_name()
        if self._action in STEPS:
            if self._progress is not None:
                problem = answer.get("problem") or (answer.get("msg") if failed else None)
                self._progress.answer(host, answer.get("status"), problem)
                self._show(now_ms())
        elif self._action in DECIDE:
            self._learn()
        elif self._action == "gate" and self._progress is not None:
            self._progress.gated(host, str(answer.get("decision")), str(answer.get("why")), now_ms())

    def _learn(self) -> None:
        """Read what the run has decided; without a run there is nothing to show."""
        files = closing.run_files()
        run = files.load()
        if run is None:
            return
        if self._progress is None or self._token != run.token:
            forks = int(context.CLIARGS.get("forks") or constants.DEFAULT_FORKS)
            self._progress, self._token = Progress(run.stage, run.plan_id, forks, now_ms()), run.token
        self._progress.plan_id = run.plan_id
        course = files.read("course")
        if course:
            batches = [batch["hosts"] for batch in files.read("batches") or []]
            self._progress.set_course(Course(course["rings"], batches, course["needs"]))

    def _show(self, at_ms: int, begins: bool = False) -> None:
        progress = self._progress
        if progress is None:
            return
        if self._foot is not None:
            if begins or at_ms - self._shown_ms >= DRAW_MS or progress.answered == progress.total:
                self._shown_ms = at_ms
                self._foot.draw(foot(progress, self._foot.width, at_ms))
            return
        new = progress.failed - self._told
        if at_ms - self._shown_ms < (min(LINE_MS, self._interval_ms) if new else self._interval_ms):
            return
        self._shown_ms, self._told = at_ms, progress.failed
        self._display.display(log_line(progress, at_ms))
        for failure in list(progress.failures)[-min(new, SHOWN) :] if new else []:
            self._display.display(f"  ! {failure_text(failure)}")
        if new > SHOWN:
            self._display.display(f"  and {new - SHOWN} more")
