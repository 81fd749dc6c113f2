# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which settings hold on one host, and which layer of the policy decided each. Pure.

From weak to strong: the whole policy, the ring, `for:` patterns in the order of the file, then group and host
variables (where Ansible itself has decided which variable wins). Reboot keys are replaced one by one. Health checks
add up, unless `lockstep_health` gives the host its own list. Selection can only be narrowed: every `exclude` of every
layer holds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy import schema
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.complaints import path_text
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.load import check
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import (
    Check,
    Policy,
    PolicyError,
    Problem,
    Reboot,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.typed import excludes, health_check, reboot_rule
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.windows import keys as window_keys
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import did_you_mean, plain

VARIABLES: dict[str, dict[str, Any]] = {
    "lockstep_reboot": schema.REBOOT,
    "lockstep_health": schema.HEALTH,
    "lockstep_select": schema.HOST_SELECT,
    "lockstep_windows": window_keys.HOST_WINDOWS,
    "lockstep_freezes": window_keys.HOST_FREEZES,
}
"""Host and group variables that override the policy, with what each may hold."""
COMMON = [
    "lockstep_policy",
    "lockstep_ledger",
    "lockstep_store",
    "lockstep_feeds",
    "lockstep_feeds_cache",
    "lockstep_look",
    "lockstep_from",
    "lockstep_to",
    "lockstep_exposure",
    "lockstep_criticality",
    "lockstep_report_dir",
    "lockstep_fail_on_wait",
    "lockstep_webhook_headers",
    "lockstep_test",
    "lockstep_production",
]
"""Variables of the whole run, which are no settings of a host."""


class Settings(NamedTuple):
    """What holds on one host."""

    reboot_mode: str
    reboot_timeout_ms: int
    health: tuple[Check, ...]
    exclude: tuple[str, ...]
    won: tuple[tuple[str, str], ...]
    """`[(setting, layer)]` such as `("reboot.mode", "host variable lockstep_reboot")`."""


def effective(
    policy: Policy,
    ring: str | None,
    host: str,
    host_vars: Mapping[str, Any],
    matches: Mapping[str, Collection[str]],
) -> Settings:
    """Settings of one host.

    `host_vars` are the host's variables (only those of VARIABLES are read), `matches` the hosts of each pattern of
    `policy.patterns()`. Raises PolicyError for a variable that does not fit its schema, and for a pattern that
    `matches` lacks.
    """
    _check_variables(host, host_vars)
    own = policy.ring(ring) if ring is not None else None
    of_ring = f"ring {own.name}" if own else ""

    def applies(pattern: str | None) -> bool:
        if pattern is None:
            return True
        if pattern not in matches:
            raise PolicyError([Problem(policy.name, "for", f"the pattern '{plain(pattern)}' was not resolved")])
        return host in matches[pattern]

    layers: list[tuple[str, Reboot]] = [("policy", policy.reboot[0])]
    if own and own.reboot:
        layers.append((of_ring, own.reboot))
    layers += [(f"for {rule.pattern}", rule) for rule in policy.reboot[1:] if applies(rule.pattern)]
    if "lockstep_reboot" in host_vars:
        layers.append(("host variable lockstep_reboot", reboot_rule(host_vars["lockstep_reboot"])))
    mode, mode_from = next((rule.mode, layer) for layer, rule in reversed(layers) if rule.mode is not None)
    timeout, timeout_from = next(
        (rule.timeout_ms, layer) for layer, rule in reversed(layers) if rule.timeout_ms is not None
    )

    if "lockstep_health" in host_vars:
        health = tuple(health_check(item) for item in host_vars["lockstep_health"])
        health_from = "host variable lockstep_health"
    else:
        every = [*policy.health, *(own.health if own else ())]
        health = tuple(dict.fromkeys(item for item in every if applies(item.pattern)))
        health_from = f"policy and {of_ring}" if own and own.health else "policy"

    rules = [(rule, "policy") for rule in policy.select.exclude] + [
        (rule, of_ring) for rule in (own.exclude if own else ())
    ]
    rules += [
        (rule, "host variable lockstep_select")
        for rule in excludes(host_vars.get("lockstep_select", {}).get("exclude", ()))
    ]
    held = [(rule, layer) for rule, layer in rules if applies(rule.pattern)]
    won = [("reboot.mode", mode_from), ("reboot.timeout", timeout_from), ("health", health_from)]
    won += [(f"select.exclude {rule.glob}", f"for {rule.pattern}" if rule.pattern else layer) for rule, layer in held]
    return Settings(
        str(mode), int(timeout or 0), health, tuple(dict.fromkeys(rule.glob for rule, _layer in held)), tuple(won)
    )


def _check_variables(host: str, host_vars: Mapping[str, Any]) -> None:
    where = f"variables of {plain(host, 100)}"
    found = [
        Problem(where, path_text((name, *path)), message)
        for name, shape in VARIABLES.items()
        if name in host_vars
        for path, message in check(host_vars[name], shape)
    ]
    if found:
        raise PolicyError(found)


def variable_problem(host_vars: Mapping[str, Any]) -> str:
    """The first thing that is wrong with a host's variables, `variable lockstep_windows[0]: …`; empty for none."""
    for name, shape in VARIABLES.items():
        if name in host_vars:
            for path, message in check(host_vars[name], shape):
                return f"variable {path_text((name, *path))}: {message}"
    return ""


def misspelt(host_vars: Mapping[str, Any]) -> list[str]:
    """A sentence for each variable that starts with `lockstep_` and that nothing reads."""
    known = [*VARIABLES, *COMMON]
    strange = sorted(name for name in host_vars if name.startswith("lockstep_") and name not in known)
    return [f"the variable {plain(name, 100)} is read by nothing{did_you_mean(name, known)}" for name in strange]
