# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`budgets` of the policy: schema, typed value, and what a schema cannot say. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.shapes import NAME, PATTERN, SOME, keys
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import Count, count

VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
GROUPS = r"^[^\s=]+$"
FORMS = {
    VARIABLE: "the name of a host variable, such as zone",
    GROUPS: "a group name or pattern such as cluster_*",
}
"""What a pattern allows, in words."""

BUDGETS = {
    "type": "array",
    "minItems": 1,
    "items": keys(
        {
            "name": NAME,
            "by": {"type": "string", "pattern": VARIABLE},
            "groups": {"type": "string", "pattern": GROUPS},
            "for": PATTERN,
            "max_out": SOME,
            "without": {"enum": ["together", "free"]},
        },
        ("max_out",),
    ),
}


@dataclass(frozen=True)
class Budget:
    """At most `max_out` hosts of each bucket are out at once. `by` (a host variable) or `groups` (a pattern of
    group names) divides the hosts into buckets; without either the hosts of `pattern` are one."""

    name: str
    by: str | None
    groups: str | None
    pattern: str | None
    max_out: Count
    without: str
    """`together`: hosts without a value are one bucket; `free`: this budget does not concern them."""

    def limit(self, hosts: int) -> int:
        """How many of a bucket's hosts may be out, at least one: else none of them could ever be patched."""
        return max(1, self.max_out.of(hosts))


def budgets(given: Any) -> tuple[Budget, ...]:
    """The entries as the policy writes them, accepted by the schema."""
    return tuple(
        Budget(
            name_of(item),
            item.get("by"),
            item.get("groups"),
            item.get("for"),
            count(item["max_out"]),
            item.get("without", "together"),
        )
        for item in given
    )


def name_of(given: Mapping[str, Any]) -> str:
    """What messages and leases call a budget."""
    return str(given.get("name") or given.get("by") or given.get("groups") or given.get("for"))


def problems(data: Mapping[str, Any]) -> list[tuple[tuple[Any, ...], str]]:
    """`[(path, sentence)]` for budgets that a schema accepts and that cannot be used."""
    found: list[tuple[tuple[Any, ...], str]] = []
    seen: dict[str, int] = {}
    for at, given in enumerate(data.get("budgets", ())):
        if "by" in given and "groups" in given:
            found.append((("budgets", at), "give one of by and groups; this has both"))
        elif not ("by" in given or "groups" in given or "for" in given):
            found.append((("budgets", at), "give by, groups or for: whose hosts are counted together?"))
        elif "without" in given and not ("by" in given or "groups" in given):
            found.append((("budgets", at, "without"), "'without' belongs to by or groups"))
        elif name_of(given) in seen:
            found.append((("budgets", at), f"two budgets are called '{name_of(given)}'; give one of them a name"))
        seen.setdefault(name_of(given), at)
    return found
