# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import hooks
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import HostAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.facts import State, state_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.host_plan import spare
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.looking import look
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.recording import record
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import for_host
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.staging import Staged, stage
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.work import Work, work_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.facts import installed, section, unsupported
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.host_lines import host_lines
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names

NOT_STARTED = ("pending", "staged")


class ActionModule(HostAction):
    """Bring the plan's files onto the host before the window.

    It is also the run's sign of life of the host: without it no gate lets it go.
    """

    def act(self) -> dict[str, Any]:
        work = work_of(self, "acquire")
        state = state_of(work.base.ledger.state(work.base.fleet, self.host))
        if state is None or not state["sections"] or not state["reachable"]:
            # nobody has seen it since it was away; with indexes from before that it could be taken for another platform
            arguments = {"refresh": "auto" if self._task.check_mode else "always"}
            found = look(self, work.base.ledger, work.base.fleet, work.base.token, arguments)
            if not found.answer:
                return self._silent(work, found.problem, found.reachable)
            state = {"sections": found.sections}
        if not self._task.check_mode and (stuck := hooks.put_back(self, work)):
            self._display.warning(f"{self.host}: {stuck}")
        why = unsupported(state)
        if why:
            self._answered(work)
            return record(self, work, "skipped", "unsupported", detail={"detail": why})
        lines, old = self._wanted(work, state)
        staged = stage(self, work, str(self.argument("mode", "stage")), lines, old)
        if staged.kind == "unreachable":
            return self._silent(work, staged.problem, False)
        self._answered(work)
        if self._task.check_mode:
            return {"problem": staged.problem} if staged.problem else {}
        if self.argument("mode") == "elect":
            self._note_old(work, state, staged)
        else:
            self._rollback(work, state, lines, staged)
        if staged.problem:
            return self._lacking(work, staged)
        if self._not_started(work) and lines:
            return record(self, work, "staged", "")
        return {"status": (work.record or {}).get("status")}

    def _wanted(self, work: Work, state: State) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Lines whose files are wanted, and the versions that they would replace."""
        platform = (section(state, "platform")[0] or {}).get("id")
        if self.argument("mode") == "elect":
            lines = [line for line in work.plan["body"]["lines"] if line["platform"] == platform]
            froms = [(line["package"], line["arch"], version) for line in lines for version in line["from"]]
        else:
            own, skip = host_lines(work.plan["body"], state, work.left_out, work.settings.exclude)
            have = installed(state)
            froms = [
                (line["package"], line["arch"], have[line["package"], line["arch"]]["version"])
                for line in own
                if line["action"] == "upgrade"
            ]
            lines = own + spare(work, state, own, skip)
        return lines, [{"name": name, "arch": arch, "version": version} for name, arch, version in froms]

    def _not_started(self, work: Work) -> bool:
        status, phase = (work.record or {}).get("status", "pending"), (work.record or {}).get("phase")
        return status in NOT_STARTED or (status == "unreachable" and phase == "absent")

    def _answered(self, work: Work) -> None:
        if not work.base.alone:
            self.files.write(for_host("answered", self.host), True)

    def _silent(self, work: Work, why: str, reachable: bool) -> dict[str, Any]:
        if not work.base.alone:
            self.files.write(for_host("silent", self.host), why)
        if not self._not_started(work):
            return {"problem": f"{self.host}: {why}"}
        if reachable:
            return record(self, work, "failed", why)
        return record(self, work, "unreachable", why, phase="absent")

    def _lacking(self, work: Work, staged: Staged) -> dict[str, Any]:
        """Some file is not to be had: the host cannot take the plan as a whole. What it has started is not undone."""
        if not work.base.alone:
            self.files.write(for_host("lacking", self.host), staged.problem)
        if self._not_started(work):
            return record(self, work, "failed", staged.problem)
        return {"problem": f"{self.host}: {staged.problem}"}

    def _note_old(self, work: Work, state: State, staged: Staged) -> None:
        """Which old versions the store now has for the platform, for the hosts that stage after this one."""
        platform = str((section(state, "platform")[0] or {}).get("id"))
        kept = [[row["name"], row["arch"], row["version"]] for row in staged.old if row.get("path")]
        self.files.write(for_host("old", platform), kept)
        files = [
            ((row["name"], row["arch"], row["version"]), row["sha256"], row["size"])
            for row in staged.old
            if row.get("path")
        ]
        work.base.ledger.note_files(work.base.fleet, platform, files, now_ms())

    def _rollback(self, work: Work, state: State, lines: list[dict[str, Any]], staged: Staged) -> None:
        """Note whether the host could go back to what it has now. That it cannot is never a failure."""
        platform = str((section(state, "platform")[0] or {}).get("id"))
        stored = {tuple(row) for row in self.files.read(for_host("old", platform)) or []}
        lost = [
            row
            for row in staged.old
            if not row.get("path") and (row["name"], row["arch"], row["version"]) not in stored
        ]
        if not lines:
            return
        globs = work.base.policy.rollback.irreversible
        stuck = [row["package"] for row in lines if any(fnmatchcase(row["package"], glob) for glob in globs)]
        if stuck:
            why = f"the policy calls it irreversible: {names(stuck)}"
            work.base.ledger.set_rollbackable(work.plan_id, self.host, False, why, work.base.token, now_ms())
            return
        why = (
            f"not to be had any more: {names(row['name'] + ' ' + row['version'] for row in lost)}"
            if lost
            else "every version it has now is kept"
        )
        work.base.ledger.set_rollbackable(work.plan_id, self.host, not lost, why, work.base.token, now_ms())
