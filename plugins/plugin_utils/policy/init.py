# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A first policy from the groups of an existing inventory. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names, plain, plural

_ROLES: tuple[tuple[str, str], ...] = (
    ("test", r"(^|[_-])(test|tests|testing|tst|canary|canaries|pilot|dev|devel|development|lab|sandbox)([_-]|$)"),
    ("staging", r"(^|[_-])(staging|stage|stg|preprod|pre_prod|acceptance|accept|acc|uat|qa|integration)([_-]|$)"),
    ("production", r"(^|[_-])(production|prod|prd|live)([_-]|$)"),
)
_BUILT_IN = frozenset({"all", "ungrouped"})
EDIT = "EDIT_ME"
"""What stands where a person must choose; no inventory has such a group, so a plan stops and names it."""


def _role(group: str) -> str | None:
    return next((role for role, pattern in _ROLES if re.search(pattern, group.lower())), None)


def _usable(group: str) -> bool:
    """A group name that stands for itself in a pattern and in YAML."""
    return re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", group) is not None


def suggest_rings(groups: Mapping[str, Sequence[str]]) -> tuple[list[tuple[str, str]], list[str]]:
    """`([(ring, pattern)], remarks)`: rings for groups whose names tell what they are; a host goes to the earliest
    ring that has it."""
    by: dict[str, list[str]] = {role: [] for role, _pattern in _ROLES}
    live = [set(hosts) for group, hosts in groups.items() if hosts and _role(group) == "production"]
    for group in sorted(groups):
        role = _role(group)
        if role in ("test", "staging") and any(hosts <= set(groups[group]) for hosts in live):
            continue  # it has production inside, so its name is that of the whole site (acme_lab) and not of a ring
        if role and group not in _BUILT_IN and _usable(group) and groups[group]:
            by[role].append(group)
    remarks: list[str] = []
    rings: list[tuple[str, str]] = []
    before: list[str] = []
    taken: set[str] = set()
    for role, _pattern in _ROLES:
        hosts = {host for group in by[role] for host in groups[group]}
        if not hosts - taken:
            continue
        shared = sorted({group for group in before if set(groups[group]) & hosts})
        rings.append((role, ":".join([*by[role], *(f"!{group}" for group in shared)])))
        if shared:
            remarks.append(
                f"{role}: {plural(len(hosts & taken), 'host')} also in {names(shared)}, and left to the earlier ring"
            )
        before += by[role]
        taken |= hosts
    everybody = {host for hosts in groups.values() for host in hosts}
    if everybody - taken and rings:
        remarks.append(f"in no ring, and so never patched: {names(sorted(everybody - taken), 10)}")
    return rings, remarks


def suggest_policy(groups: Mapping[str, Sequence[str]], name: str = "the inventory") -> str:
    """The text of a policy for an inventory's groups, with comments. It is valid YAML also where a person must still
    choose."""
    rings, remarks = suggest_rings(groups)
    roles = {role for role, _pattern in rings}
    if "production" not in roles or len(rings) < 2:
        rings, remarks = (
            _unsure(rings),
            [
                *remarks,
                (
                    "The names of the groups do not tell which hosts are for testing and which are production: replace"
                    f" each {EDIT}."
                ),
                "The test ring needs hosts of every platform that production has.",
                "A pattern can be a group, a host, a wildcard, or groups joined like web:!web01.",
            ],
        )
    comments = "".join(f"# {plain(remark)}\n" for remark in remarks)
    shown = sorted(group for group in groups if group not in _BUILT_IN and groups[group])
    listing = "".join(
        f"#   {plain(group, 60)}: {plural(len(groups[group]), 'host')}: {names(groups[group], 4)}\n"
        for group in shown[:40]
    )
    more = f"#   and {len(shown) - 40} more groups\n" if len(shown) > 40 else ""
    known = f"# Groups of {plain(name, 100)}:\n{listing}{more}" if shown else f"# {plain(name, 100)} has no groups\n"
    lines = "".join(
        f'  - name: {role}\n    hosts: "{pattern}"\n    soak: {"0h" if at == len(rings) - 1 else "24h"}\n{_more(at)}'
        for at, (role, pattern) in enumerate(rings)
    )
    return _TEXT.format(known=known, comments=comments, rings=lines)


def _unsure(rings: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The same rings with a test and a production ring that a person fills in."""
    found = dict(rings)
    between = [(role, pattern) for role, pattern in rings if role == "staging"]
    return [("test", found.get("test", EDIT)), *between, ("production", found.get("production", EDIT))]


def _more(at: int) -> str:
    if at == 0:
        return "    gate: {max_failed: 0, max_absent: 0}\n"
    return (
        "    batch: 10%                  # of the ring at once, at least one host; 3, or [1, 10%, 50%]\n    gate:"
        " {max_failed: 1%, max_absent: 5%}\n"
    )


_TEXT = """\
---
# Lockstep policy. Every key is in docs/policy.md; what is left out has a default, and the playbook plan prints it.
{known}
{comments}version: 1
fleet: default

# Rings are patched in this order; a ring starts only when the one before it has passed. The first is the test group.
rings:
{rings}
select:
  security: true
  other: true
  # How long a version must be known before it is planned
  delay: {{security: 0d, other: 0d}}
  # Packages or sources to leave alone, such as linux-image-* or docker-ce
  exclude: []
  # withhold: production gets only steps that a test host took
  untested: withhold

reboot:
  mode: when_needed             # or never, always
  timeout: 10m

# What must work after patching, besides the units and ports that worked before:
#   - {{for: web, unit: nginx.service}}
#   - {{http: "http://localhost/health", expect: 200}}
#   - {{tcp: 5432}}
#   - {{command: /usr/local/bin/check}}
health: []
"""
