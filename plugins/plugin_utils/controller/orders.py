# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Orders of people, read where they hold: before a run, a batch and a host."""

from __future__ import annotations

import os
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.signatures import signer_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.approvals import Rule, lacking, text_to_sign
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.orders import RESUME, halted, recalled_lines

ORDERS = ("halt", "resume", "approve", "resolve", "recall")
"""Stages that give an order and touch no host."""


def refuse_when_halted(ledger: Ledger, fleet: str, where: str) -> None:
    """Raises LockstepError while rollouts of the fleet are halted."""
    why = halt_text(ledger, fleet)
    if why:
        raise LockstepError(why, where, RESUME)


def halt_text(ledger: Ledger, fleet: str) -> str:
    """Who halted the fleet and why, or an empty text."""
    return halted(ledger.orders(fleet, "halt"))


def recalled(ledger: Ledger, fleet: str, plan: dict[str, Any]) -> list[dict[str, Any]]:
    """What recalls take out of a plan, as entries of `left_out`."""
    return recalled_lines(plan["body"]["lines"], ledger.orders(fleet, "recall"))


def unapproved(ledger: Ledger, policy: Policy, policy_path: str | None, plan: dict[str, Any], ring: str) -> str:
    """What the ring lacks in approvals of this plan, or an empty text."""
    rules = [rule for rule in policy.approvals if rule.before == ring]
    if not rules:
        return ""
    given = ledger.orders(plan["fleet"], "approval", plan_id=plan["plan_id"])
    texts = (lacking(rule, with_signers(given, rule, policy_path, plan), plan["actor"]) for rule in rules)
    return "; ".join(text for text in texts if text)


def with_signers(
    given: list[dict[str, Any]], rule: Rule, policy_path: str | None, plan: dict[str, Any]
) -> list[dict[str, Any]]:
    """The approvals, each with who signed it by the rule's keys."""
    if not rule.signed:
        return [{**item, "signer": None} for item in given]
    folder = os.path.dirname(policy_path or "")
    found = []
    for item in given:
        signature = item["detail"].get("signature")
        text = text_to_sign(plan["fleet"], plan["plan_id"], item["subject"])
        found.append({**item, "signer": signer_of(text, signature, rule, folder) if signature else None})
    return found
