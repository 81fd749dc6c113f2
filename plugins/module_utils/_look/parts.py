# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The parts of a look that are read only when they are asked for. Their code is loaded only then."""

from typing import Any, Dict

from ansible_collections.lockstep.patching.plugins.module_utils._look.commands import Commands

BUDGET = 20  # seconds that the commands of all parts have together


def _modules(wanted):
    """Return {part: its module}. Ansible packs what it sees imported, so each import is written out."""
    found: Dict[str, Any] = {}
    if "network" in wanted:
        from ansible_collections.lockstep.patching.plugins.module_utils._look import network

        found["network"] = network
    if "hardware" in wanted:
        from ansible_collections.lockstep.patching.plugins.module_utils._look import hardware

        found["hardware"] = hardware
    if "controls" in wanted:
        from ansible_collections.lockstep.patching.plugins.module_utils._look import controls

        found["controls"] = controls
    if wanted & {"snaps", "flatpaks", "containers", "languages", "declared"}:
        from ansible_collections.lockstep.patching.plugins.module_utils._look import containers, installed

        found.update((part, kind) for part, kind in installed.PARTS.items() if part in wanted)
        if "containers" in wanted:
            found["containers"] = containers
    return found


class Parts(object):
    """Starts the parts' commands at once; read() gives a part."""

    def __init__(self, host, wanted, rules):
        """rules: {"software": [rule], "agents": [rule]}, checked by ``rules.problems``."""
        self._host = host
        self._rules = rules
        self._modules = _modules(set(wanted))
        self._commands = Commands(host, BUDGET)
        for module in self._modules.values():
            self._commands.start(module.COMMANDS)

    def names(self):
        return sorted(self._modules)

    def read(self, name):
        """Return the section of a part; raise Unknown or OSError."""
        return self._modules[name].section(self._host, self._commands, self._rules)
