# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import json
import os
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.asking import (
    AskingAction,
    terminal_color,
    terminal_width,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.texts import write_text
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy import standards as rules
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.software import Item, items_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.standards_file import load_eol, load_standards
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.standards import csv_files, text
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.text import plural

SHIPPED = os.path.join(os.path.dirname(rules.__file__), "eol.yml")
SECTIONS = ("os", "boot", "manager", "packages", "candidates", "use", "languages", "indexes", "controls")


class ActionModule(AskingAction):
    """Compare the fleet with its standards, and say how it comes to one version of everything."""

    stage = "standards"

    def answer(self, policy: Policy) -> tuple[str, dict[str, Any]]:
        path = str(self.argument("file", "")).strip()
        standards = load_standards(_read(path, "standards_file"), path) if path else []
        eol = str(self.argument("eol", "")).strip() or SHIPPED
        dates = load_eol(_read(eol, "standards_eol"), eol)
        with self.ledger() as ledger:
            known = [name for name, _state in ledger.states(policy.fleet, sections=())]
            groups = {standard.name: self.chosen(standard.pattern, known) for standard in standards}
            items: dict[str, list[Item]] = {}
            states: dict[str, dict[str, Any]] = {}
            for host, state in ledger.states(policy.fleet, sections=SECTIONS):
                if isinstance(state["sections"].get("packages"), list):
                    items[host] = items_of(host, state)
                    # packages are in items now; of a big fleet only the small sections are kept
                    small = {name: part for name, part in state["sections"].items() if name != "candidates"}
                    states[host] = {"meta": state["meta"], "sections": {**small, "packages": []}}
        view = self._view(policy, standards, groups, states, items, dates)
        files = self._write(view)
        self._display.display(text(view, terminal_width(), terminal_color()))
        return self._line(view), {
            "changed": False,
            "standards": view["standards"],
            "deviations": view["deviations"],
            "changes": view["changes"],
            "endings": view["endings"],
            "files": files,
        }

    def _view(self, policy: Policy, standards: Any, groups: Any, states: Any, items: Any, dates: Any) -> dict[str, Any]:
        found, steps, totals = [], [], []
        for standard in standards:
            hosts = groups[standard.name]
            told = {host: rules.deviations(standard, host, states.get(host), items.get(host, ())) for host in hosts}
            sure = {host: sum(1 for each in rows if not each.unknown) for host, rows in told.items()}
            unsure = [host for host, rows in told.items() if any(each.unknown for each in rows)]
            found += [each._asdict() for rows in told.values() for each in rows]
            steps += [
                each._asdict()
                for each in rules.changes(standard, [row for host in hosts for row in items.get(host, ())])
            ]
            totals.append(
                {
                    "name": standard.name,
                    "hosts": len(hosts),
                    "as_wanted": sum(1 for host in hosts if not told[host]),
                    "off": sum(1 for host in hosts if sure[host]),
                    "unknown": len(unsure),
                    "distance": sum(sure.values()),
                    "by_host": sure,
                }
            )
        releases = {host: rows[0].release for host, rows in items.items() if rows}
        ahead = int(self.argument("ahead_days", 180))
        ends = rules.endings(dates, releases, (row for rows in items.values() for row in rows), now_ms(), ahead)
        dated = [row["release"] for row in dates.get("releases", ())]
        return {
            "schema": 1,
            "kind": "standards",
            "fleet": policy.fleet,
            "generated_ms": now_ms(),
            "standards": totals,
            "deviations": found,
            "changes": steps,
            "endings": [each._asdict() for each in ends],
            "eol_checked": dates["checked"],
            "eol_unlisted": sorted(
                {r for r in releases.values() if not any(rules.fnmatchcase(r, glob) for glob in dated)}
            ),
        }

    def _write(self, view: dict[str, Any]) -> list[str]:
        content = {"standards.json": json.dumps(view, ensure_ascii=False, sort_keys=True) + "\n", **csv_files(view)}
        files = [self.report_file(name) for name in content]
        for path, body in zip(files, content.values(), strict=True):
            if not self._task.check_mode:
                write_text(path, body)
        return files

    def _line(self, view: dict[str, Any]) -> str:
        off = sum(row["off"] for row in view["standards"])
        unknown = sum(row["unknown"] for row in view["standards"])
        over = len({host for row in view["endings"] if row["days"] < 0 for host in row["hosts"]})
        parts = [f"{plural(off, 'host')} off {plural(len(view['standards']), 'standard')}"] if view["standards"] else []
        parts += [f"{plural(unknown, 'host')} unknown"] * bool(unknown)
        parts += [plural(len(view["changes"]), "change") + " to one version"] if view["standards"] else []
        parts.append(f"{plural(over, 'host')} with something out of support")
        return "done: " + ", ".join(parts)


def _read(path: str, variable: str) -> str:
    path = os.path.abspath(os.path.expanduser(path))
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except OSError as error:
        raise LockstepError(f"it cannot be read: {error.strerror}", path, f"check {variable}") from error
    except UnicodeDecodeError as error:
        raise LockstepError("it is not UTF-8 text", path, "save it as UTF-8") from error
