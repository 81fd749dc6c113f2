# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which hosts are in which ring. Pure: who calls asks Ansible what each pattern matches."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.proof import short_of_hosts
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.shares import shared_hosts
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import did_you_mean, names, plain


def resolve_rings(
    policy: Policy, matched: Mapping[str, tuple[Sequence[str], Sequence[str]]], groups: Collection[str]
) -> list[dict[str, Any]]:
    """The scope of a new plan, `[{ring, hosts}]` in the order of the policy.

    `matched` has for each ring `(hosts, tokens of its pattern that match nothing)`, `groups` all group and host names
    of the inventory. Raises LockstepError, with every ring that is wrong, for a token that matches nothing, an empty
    ring and a host in two rings.
    """
    if not policy.rings:
        raise LockstepError(
            "there is no policy, so there are no rings",
            policy.name,
            "give one with -e lockstep_policy=PATH; the playbook init writes one",
        )
    matched = _shared(policy, matched)
    wrong: list[str] = []
    seen: dict[str, str] = {}
    scope: list[dict[str, Any]] = []
    for ring in policy.rings:
        hosts, unmatched = matched.get(ring.name, ((), ()))
        for token in unmatched:
            name = token.lstrip("!&")
            part = "" if token == ring.hosts else f" (in its pattern '{plain(ring.hosts, 100)}')"
            if name in groups:
                wrong.append(f"ring '{ring.name}': the group '{plain(name, 100)}'{part} has no hosts in the inventory")
            else:
                wrong.append(
                    f"ring '{ring.name}': '{plain(token, 100)}'{part} matches nothing in the inventory"
                    f"{did_you_mean(name, groups)}"
                )
        if not hosts and not unmatched:
            wrong.append(f"ring '{ring.name}': its pattern '{plain(ring.hosts, 100)}' leaves no host")
        twice: dict[str, list[str]] = {}
        for host in hosts:
            if host in seen:
                twice.setdefault(seen[host], []).append(host)
            seen.setdefault(host, ring.name)
        wrong += [
            f"{names(shared)}: in ring '{other}' and in ring '{ring.name}'; a host has one ring"
            for other, shared in twice.items()
        ]
        short = short_of_hosts(ring.gate, ring.name, dict.fromkeys(hosts))
        wrong += [short] if short else []
        scope.append({"ring": ring.name, "hosts": list(dict.fromkeys(hosts))})
    if wrong:
        raise LockstepError(
            "the rings do not fit the inventory:\n  " + "\n  ".join(wrong),
            policy.name,
            "mend the patterns or the inventory; no host was touched",
        )
    return scope


def _shared(policy: Policy, matched: Mapping[str, tuple[Sequence[str], Sequence[str]]]) -> dict[str, Any]:
    """`matched`, where rings with a share have theirs."""
    found: dict[str, Any] = dict(matched)
    sharing: list[tuple[str, str, str, Sequence[str]]] = []
    before: list[str] = []
    taken: dict[str, set[str]] = {}
    for ring in policy.rings:
        hosts, _unmatched = matched.get(ring.name, ((), ()))
        if ring.share is None:
            before += hosts
        else:
            sharing.append((ring.name, ring.hosts, ring.share, hosts))
            taken[ring.name] = set(before)
    for name, hosts in shared_hosts(sharing, policy.fleet, taken).items():
        found[name] = (hosts, matched.get(name, ((), ()))[1])
    return found
