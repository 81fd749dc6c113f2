# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The policy file of a run, and what its patterns match in the inventory."""

from __future__ import annotations

import os
from typing import Any

from ansible.inventory.manager import InventoryManager

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import patterns
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.calendars import filled
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.load import default_policy, load_policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.rings import resolve_rings
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import did_you_mean

Scope = list[dict[str, Any]]


def read_policy(path: str | None) -> Policy:
    """The policy at a path, or the one without rings that holds where none is given."""
    if path is None:
        return default_policy()
    try:
        with open(path, encoding="utf-8") as handle:
            return filled(load_policy(handle.read(), path), os.path.dirname(os.path.abspath(path)))
    except OSError as error:
        raise LockstepError(
            f"the policy file cannot be read: {error.strerror}",
            path,
            "check lockstep_policy; the playbook init writes a first one",
        ) from error
    except UnicodeDecodeError as error:
        raise LockstepError("the policy file is not UTF-8 text", path, "save it as UTF-8") from error


def scope_of(policy: Policy, manager: InventoryManager) -> Scope:
    """Rings and their hosts in today's inventory; raises LockstepError for every ring that is empty or misspelt."""
    matched = {ring.name: patterns.resolve(manager, ring.hosts) for ring in policy.rings}
    return resolve_rings(policy, matched, [*manager.groups, *(str(name) for name in manager.hosts)])


def matches_of(policy: Policy, manager: InventoryManager) -> dict[str, list[str]]:
    """Hosts of each `for:` pattern.

    A pattern with a part that matches nothing is an error, because what it asks for would be lost.
    """
    found = {}
    known = [*manager.groups, *manager.hosts]
    for pattern in policy.patterns():
        hosts, unmatched = patterns.resolve(manager, pattern)
        if unmatched:
            raise LockstepError(
                f"'for: {pattern}': {', '.join(unmatched)} matches nothing in the inventory"
                f"{did_you_mean(unmatched[0], known)}",
                policy.name,
                "mend the pattern or the inventory; no host was touched",
            )
        found[pattern] = hosts
    return found
