# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the order inside a ring goes by: host variables, assessed deadlines, and what commands say of clusters."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import own_variables
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.hooks import filled
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.order import (
    Seat,
    Urgency,
    most_urgent_first,
    seats,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.inputs import profile_of

URGENT = ("lockstep_criticality", "lockstep_exposure")
SECONDS, AT_ONCE = 30, 16
"""How long a command may take to say a host's role, and how many run at the same time."""


def sort_scope(
    policy: Policy,
    scope: Sequence[dict[str, Any]],
    variables: Mapping[str, Any],
    matches: Mapping[str, Sequence[str]],
    due: Mapping[str, int],
) -> None:
    """Bring the hosts of each ring of a new plan into their order. `due`: the earliest deadline of hosts that have
    one; `variables` are those of the play."""
    hosts = [host for entry in scope for host in entry["hosts"]]
    own = own_variables.read(variables["hostvars"], hosts, URGENT)
    urgency = {}
    for host in {*own, *due}:
        profile, _notes = profile_of(policy.risk, host, own.get(host, {}), (), matches)
        urgency[host] = Urgency(profile.criticality, profile.exposure, due.get(host))
    for entry in scope:
        entry["hosts"] = most_urgent_first(policy.order, entry["hosts"], urgency, matches)


def seats_of(policy: Policy, hosts: Iterable[str], variables: Mapping[str, Any]) -> dict[str, Seat]:
    """The places of hosts in their clusters, as they are now."""
    clusters = policy.order.clusters
    if not clusters:
        return {}
    wanted = {name for cluster in clusters for name in (cluster.by, cluster.role) if name}
    own = own_variables.read(variables["hostvars"], hosts, wanted)
    asked: dict[str, str] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for cluster in clusters:
            members = [host for host, values in own.items() if cluster.command and values.get(cluster.by)]
            calls = {host: filled(cluster.command, {"host": host, "address": host}) for host in members}
            asked.update(zip(calls, pool.map(_role, calls.values()), strict=True))
    return seats(clusters, own, asked)


def _role(words: Sequence[str]) -> str:
    """The last line that a command prints, empty where it fails."""
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    lines = done.stdout.decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
