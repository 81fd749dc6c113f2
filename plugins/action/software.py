# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import json
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.asking import (
    AskingAction,
    file_name,
    terminal_color,
    terminal_width,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.texts import write_text
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.software import (
    Item,
    Query,
    count,
    items_of,
    select,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.software import csv_text, text
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.text import plural
from ansible_collections.lockstep.patching.plugins.plugin_utils.sbom.write import sbom

SECTIONS = (
    "os", "manager", "packages", "candidates", "use", "languages", "snaps", "flatpaks", "containers", "declared",
)  # fmt: skip


class ActionModule(AskingAction):
    """Ask the ledger what software the fleet has."""

    stage = "software"

    def answer(self, policy: Policy) -> tuple[str, dict[str, Any]]:
        query = self._query()
        formats = [str(each) for each in self.argument("formats", ["table", "json", "csv"])]
        with self.ledger() as ledger:
            known = [name for name, _state in ledger.states(policy.fleet, sections=())]
            hosts = self.chosen(str(self.argument("hosts", "all")), known)
            found: list[Item] = []
            seen: dict[str, dict[str, Any]] = {}
            try:
                for host, state in ledger.states(policy.fleet, hosts, SECTIONS):
                    if isinstance(state["sections"].get("packages"), list):
                        seen[host] = state["meta"]
                        found += select(items_of(host, state), query)
            except ValueError as error:
                raise LockstepError(str(error), "software_version", "mend the range") from error
        view = self._view(policy, query, hosts, seen, found)
        files = self._write(view, formats, found, sorted(seen))
        if "table" in formats:
            self._display.display(text(view, terminal_width(), terminal_color()))
        unknown = f", {plural(len(view['unknown']), 'host')} unknown" if view["unknown"] else ""
        line = f"done: {len(view['software'])} found on {plural(view['hosts_with'], 'host')}{unknown}"
        return line, {"changed": False, "software": view["software"], "unknown": view["unknown"], "files": files}

    def _query(self) -> Query:
        given = self.argument("name", [])
        names = given.split(",") if isinstance(given, str) else given
        return Query(
            tuple(str(name).strip() for name in names if str(name).strip() not in ("", "*")),
            str(self.argument("vendor", "")),
            str(self.argument("version", "")),
            {"yes": "yes", "true": "yes", "no": "no", "false": "no", "unknown": "unknown"}.get(
                str(self.argument("in_use", "")).lower(), ""
            ),
            tuple(str(kind) for kind in self.argument("kinds", [])),
        )

    def _view(
        self, policy: Policy, query: Query, hosts: list[str], seen: dict[str, dict[str, Any]], found: list[Item]
    ) -> dict[str, Any]:
        times = [meta["look_ms"] for meta in seen.values() if meta["look_ms"]]
        return {
            "schema": 1,
            "kind": "software",
            "fleet": policy.fleet,
            "generated_ms": now_ms(),
            "query": {
                "name": ", ".join(query.names),
                "vendor": query.vendor,
                "version": query.version,
                "in use": query.in_use,
                "kind": ", ".join(query.kinds),
            },
            "hosts_known": len(seen),
            "hosts_with": len({item.host for item in found}),
            "oldest_ms": min(times) if times else None,
            "imported": sorted(host for host, meta in seen.items() if meta["imported"]),
            "unknown": sorted(set(hosts) - set(seen)),
            "software": count(found),
        }

    def _write(self, view: dict[str, Any], formats: list[str], found: list[Item], hosts: list[str]) -> list[str]:
        files = []
        rows = [item._asdict() for item in found]

        def put(name: str, content: str) -> None:
            files.append(self.report_file(name))
            if not self._task.check_mode:
                write_text(files[-1], content)

        if "json" in formats:
            put("software.json", json.dumps({**view, "items": rows}, ensure_ascii=False, sort_keys=True) + "\n")
        if "csv" in formats:
            put("software.csv", csv_text(rows))
        if "cyclonedx" in formats and self.argument("sbom", "fleet") == "fleet":
            put("software.cdx.json", sbom(f"fleet {view['fleet']}", found, view["generated_ms"]))
        elif "cyclonedx" in formats:
            by_host: dict[str, list[Item]] = {host: [] for host in hosts}
            for item in found:
                by_host[item.host].append(item)
            for host, items in by_host.items():
                put(f"sbom/{file_name(host)}.cdx.json", sbom(host, items, view["generated_ms"]))
        return files
