# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a simulated run means as steps, and why apt refuses: text -> values."""

import re
from typing import Any, Dict, List

from ansible_collections.lockstep.patching.plugins.module_utils._model.deb_version import newer
from ansible_collections.lockstep.patching.plugins.module_utils._model.transaction import Key, Step, find
from ansible_collections.lockstep.patching.plugins.module_utils._parse.apt_output import Simulation

_UNMET = re.compile(r"^The following packages have unmet dependencies:\n((?:^ +.*\n)+)", re.MULTILINE)


def steps_of(simulation: Simulation, native: str, installed: Dict[Key, Any]) -> List[Step]:
    """Return the steps in apt's order. Removals name no architecture where it is the own one (native) or all: what is
    installed tells which."""
    return [
        Step(_action(each), each.name, each.arch or _arch(each.name, native, installed), each.installed, each.version)
        for each in simulation.actions
    ]


def _arch(name: str, native: str, installed: Dict[Key, Any]) -> str:
    key = find(installed, name, native, native, "all")
    return key[1] if key else native


def _action(each):
    if each.action == "upgrade" and each.installed == each.version:
        return "reinstall"
    if each.action == "upgrade" and newer(each.installed, each.version):
        return "downgrade"
    return each.action


def parse_reasons(text: str, limit: int = 20) -> List[str]:
    """Return apt's error lines and unmet dependencies, at most limit lines."""
    lines = [line.strip() for line in text.splitlines() if line.startswith("E: ")]
    match = _UNMET.search(text)
    if match:
        lines.extend(line.strip() for line in match.group(1).splitlines())
    return lines[:limit]
