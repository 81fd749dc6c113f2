# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import patterns
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import ControllerAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.inventory_sources import refuse_failed
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.policy_file import read_policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.representing import known_items, services_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import Run
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.texts import write_text
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy import representatives_text as texts
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.representatives import Wishes, choose
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.shares import position
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import Count, count, duration_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import did_you_mean, one_line, plural

USABLE = re.compile(r"[\w.:-]+")


class ActionModule(ControllerAction):
    """Propose a test group that has what production has, and keep it as an inventory file."""

    def decide(self) -> dict[str, Any]:
        self.files.clear()
        try:
            result, line = self._propose()
        except LockstepError as error:
            self._close("stopped: " + one_line(str(error)))
            raise
        self._close("done: " + line)
        return result

    def _close(self, line: str) -> None:
        """Keep a run of its own, so that the closing line is there for this playbook too."""
        self.files.save(Run(0, "suggest_rings", "", "", "", "", now_ms(), closing=line))

    def _propose(self) -> tuple[dict[str, Any], str]:
        refuse_failed()
        common = self.common()
        path = os.path.abspath(os.path.expanduser(str(self.argument("path"))))
        before = self._previous(path)
        self._manager = patterns.whole_inventory(self._vars.get("groups", {}), self._loader)
        hosts = self._hosts("hosts", str(self.argument("hosts", "all")))
        fleet = read_policy(common.policy).fleet
        with Ledger.open(common.ledger, create=False) as ledger:
            oldest = now_ms() - self._number("max_age", "7d", duration_ms)
            items, unknown = known_items(ledger, fleet, hosts, oldest)
        for host in [host for host in items if not USABLE.fullmatch(host)]:
            unknown[host] = "its name cannot be written into an inventory file"
            del items[host]
        most = self._number("max", "10%", _count).of(len(hosts))
        wishes = Wishes(
            pins=self._hosts("pins", self.argument("pins", [])),
            never=set(self._hosts("never", self.argument("never", []))),
            most=max(1, most),
            per_service=self._number("max_per_service", None, int),
            previous=[host for host in before if host in set(hosts)],
        )
        services = services_of(self._vars.get("groups", {}), str(self.argument("services", "service_")), set(hosts))
        choice = choose(items, services, wishes, {host: position(fleet, host) for host in hosts})
        group = str(self.argument("group", "ring_test"))
        self._display.display(texts.text(choice, group, len(hosts), unknown))
        chosen = [item.host for item in choice.hosts]
        if not chosen:
            raise LockstepError("no host could be chosen", "suggest_rings", "run detect first, so that hosts are known")
        changed = set(chosen) != set(before)
        if changed and not self._task.check_mode:
            write_text(path, texts.inventory(choice, group))
        kept = len(set(chosen) & set(before))
        said = (
            f"{plural(len(chosen), 'host')}, {kept} of {len(before)} as before"
            if before
            else plural(len(chosen), "host")
        )
        line = f"{group}: {said}; {'wrote ' if changed else 'unchanged: '}{path}; use it as one more inventory source"
        result = {"changed": changed, "path": path, "group": chosen}
        return {**result, "choice": texts.document(choice, len(hosts), unknown)}, line

    @staticmethod
    def _previous(path: str) -> list[str]:
        try:
            with open(path, encoding="utf-8") as handle:
                return list(texts.previous(handle.read(), path))
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise LockstepError(
                f"the last choice cannot be read: {error}", path, "give another suggest_rings_path"
            ) from error

    def _number(self, name: str, default: str | None, read: Callable[[str], Any]) -> Any:
        value = self.argument(name, default)
        try:
            return None if value is None else read(str(value))
        except ValueError as error:
            raise LockstepError(str(error), f"suggest_rings_{name}", "correct it") from error

    def _hosts(self, name: str, pattern: str | list[str]) -> list[str]:
        """Hosts of a pattern; what matches nothing is an error."""
        if not pattern:
            return []
        hosts, unmatched = patterns.resolve(self._manager, pattern)
        if unmatched or not hosts:
            known = [*self._manager.groups, *self._manager.hosts]
            token = unmatched[0] if unmatched else str(pattern)
            raise LockstepError(
                f"'{token}' matches nothing in the inventory{did_you_mean(token, known)}",
                f"suggest_rings_{name}",
                "correct it, or the inventory",
            )
        return hosts


def _count(text: str) -> Count:
    return count(int(text) if text.isdigit() else text)
