# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files that decide about risk: the scheme's table and the exceptions, beside the policy that names them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from ansible.inventory.manager import InventoryManager

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import patterns
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy import risk as package
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.exceptions import Waiver, read_exceptions
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.scheme import Scheme, read_scheme
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import did_you_mean

SHIPPED = os.path.join(os.path.dirname(os.path.abspath(package.__file__)), "schemes")


class RiskFiles(NamedTuple):
    """What the policy's risk files say. matches: hosts of each pattern of exceptions and of the policy."""

    scheme: Scheme
    waivers: tuple[Waiver, ...]
    matches: dict[str, list[str]]


def read_risk_files(
    policy: Policy, path: str | None, known: Mapping[str, list[str]], manager: InventoryManager
) -> RiskFiles:
    """Read them. `path` is the policy's own; `known` what its patterns match. LockstepError for what cannot be used."""
    folder = os.path.dirname(os.path.abspath(path)) if path else os.getcwd()
    scheme = read_policy_scheme(policy, folder)
    waivers: tuple[Waiver, ...] = ()
    if policy.exceptions:
        name = os.path.join(folder, os.path.expanduser(policy.exceptions))
        waivers = read_exceptions(_text(name, "exceptions", "correct the policy's key exceptions"), name)
    found = {key: list(hosts) for key, hosts in known.items()}
    names = [*manager.groups, *manager.hosts]
    for waiver in waivers:
        if waiver.pattern and waiver.pattern not in found:
            hosts, unmatched = patterns.resolve(manager, waiver.pattern)
            if unmatched:
                raise LockstepError(
                    f"exception '{waiver.id}': {', '.join(unmatched)} matches nothing in the inventory"
                    f"{did_you_mean(unmatched[0], names)}",
                    f"{policy.exceptions}:{waiver.line}",
                    "mend the pattern, or take out an exception whose hosts are gone",
                )
            found[waiver.pattern] = hosts
    return RiskFiles(scheme, waivers, found)


def read_policy_scheme(policy: Policy, folder: str) -> Scheme:
    """The scheme that ships under this name, else a CSV file beside the policy, with what the policy changes in it."""
    wanted = policy.risk.scheme
    shipped = sorted(name.removesuffix(".csv") for name in os.listdir(SHIPPED) if name.endswith(".csv"))
    path = (
        os.path.join(SHIPPED, f"{wanted}.csv")
        if wanted in shipped
        else os.path.join(folder, os.path.expanduser(wanted))
    )
    hint = f"ship with Lockstep: {', '.join(shipped)}{did_you_mean(wanted, shipped)}; or name a CSV file"
    scheme = read_scheme(_text(path, "scheme", hint), path)
    return scheme.adapted(policy.name, policy.risk.counts_from, dict(policy.risk.unknown))


def _text(path: str, what: str, next_step: str) -> str:
    try:
        with open(path, encoding="utf-8") as handle:
            return handle.read()
    except OSError as error:
        raise LockstepError(f"the {what} file cannot be read: {error.strerror}", path, next_step) from error
    except UnicodeDecodeError as error:
        raise LockstepError(f"the {what} file is not UTF-8 text", path, "save it as UTF-8") from error
