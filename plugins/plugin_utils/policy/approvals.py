# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Approvals: who must have said yes before a ring may begin. Pure; signatures are checked by who calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names, plain, plural

RULE_KEYS: dict[str, Any] = {
    "before": {"type": "string", "minLength": 1},
    "count": {"type": "integer", "minimum": 1, "maximum": 20},
    "by": {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
    "author": {"type": "boolean"},
    "signers": {"type": "string", "minLength": 1},
    "keyring": {"type": "string", "minLength": 1},
}
HOW = "with the playbook approve"


@dataclass(frozen=True)
class Rule:
    """How many people must approve a plan before a ring begins."""

    before: str
    count: int = 1
    by: tuple[str, ...] = ()
    """Who may; empty for anybody. Compared with the signer, or else with the actor and the part of it before `@`."""
    author: bool = False
    """Whether who made the plan counts."""
    signers: str | None = None
    """An SSH `allowed_signers` file, relative to the policy: only approvals that it verifies count."""
    keyring: str | None = None
    """The same with a GnuPG keyring of public keys."""

    @property
    def signed(self) -> bool:
        return bool(self.signers or self.keyring)


def rules_of(given: Iterable[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """The policy's `approvals`."""
    return tuple(Rule(**{**item, "by": tuple(item.get("by", ()))}) for item in given)


def sense(given: Sequence[Mapping[str, Any]], rings: Sequence[str]) -> list[tuple[tuple[Any, ...], str]]:
    """What a schema cannot say: `[(path, sentence)]`."""
    found: list[tuple[tuple[Any, ...], str]] = []
    for at, rule in enumerate(given):
        if rule["before"] not in rings:
            known = ", ".join(rings)
            found.append((("approvals", at, "before"), f"there is no ring '{rule['before']}'; the rings are {known}"))
        if "signers" in rule and "keyring" in rule:
            found.append((("approvals", at), "give signers (SSH) or keyring (GnuPG), not both"))
        if rule.get("by") and len(set(rule["by"])) < rule.get("count", 1):
            found.append(
                (("approvals", at, "count"), f"only {len(set(rule['by']))} people may approve, so this never is")
            )
    return found


def text_to_sign(fleet: str, plan_id: str, ring: str) -> str:
    """What an approval signs. ring: empty for every ring of the plan."""
    return f"lockstep approval 1\nfleet: {fleet}\nplan: {plan_id}\nring: {ring or '*'}\n"


def lacking(rule: Rule, given: Iterable[Mapping[str, Any]], author: str) -> str:
    """What a ring still needs by this rule, or an empty text.

    `given` are approvals of the plan `{subject: ring or empty, actor, signer: identity or None}`, where signer is who
    signed by the rule's own keys. A person counts once; `author` made the plan.
    """
    people: dict[str, str] = {}
    refused: list[str] = []
    for item in given:
        if item["subject"] not in ("", rule.before):
            continue
        who = str(item["signer"] if rule.signed else item["actor"]) if item.get("signer") or not rule.signed else ""
        if not who:
            refused.append(f"{plain(item['actor'], 100)}: no valid signature")
        elif not rule.author and author in (item["actor"], who):
            refused.append(f"{plain(who, 100)}: made the plan")
        elif rule.by and who not in rule.by and who.partition("@")[0] not in rule.by:
            refused.append(f"{plain(who, 100)}: is not among those who may")
        else:
            people[who] = who
    if len(people) >= rule.count:
        return ""
    has = f"has {len(people)} ({names(people)})" if people else "has none"
    why = f" (not counted: {names(dict.fromkeys(refused))})" if refused else ""
    kind = "signed approval" if rule.signed else "approval"
    return f"ring '{rule.before}' needs {plural(rule.count, kind)} and {has}{why}"
