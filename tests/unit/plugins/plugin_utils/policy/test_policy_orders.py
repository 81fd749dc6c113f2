# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Approvals that count and those that do not, recalls, and what a person may resolve."""

from __future__ import annotations

from typing import Any

import pytest
from policy_facts import TWO_LINES

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.approvals import Rule, lacking, text_to_sign
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.load import load_policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.machine import finished, resolved
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import PolicyError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.orders import (
    halted,
    recalled_lines,
    resolution,
    resolved_reason,
)

AUTHOR = "ann@control"


def said(actor: str, ring: str = "", signer: str | None = None) -> dict[str, Any]:
    return {"subject": ring, "actor": actor, "signer": signer, "reason": "tested", "detail": {}}


@pytest.mark.parametrize(
    ("rule", "given", "part"),
    [
        (Rule("prod"), [], "has none"),
        (Rule("prod"), [said("bob@control")], ""),
        (Rule("prod"), [said("bob@control", "prod")], ""),
        (Rule("prod"), [said("bob@control", "other")], "has none"),
        (Rule("prod"), [said(AUTHOR)], "ann@control: made the plan"),
        (Rule("prod", author=True), [said(AUTHOR)], ""),
        (Rule("prod", count=2), [said("bob@control"), said("bob@control")], "has 1 (bob@control)"),
        (Rule("prod", count=2), [said("bob@control"), said("eve@control")], ""),
        (Rule("prod", by=("bob",)), [said("eve@control")], "is not among those who may"),
        (Rule("prod", by=("bob",)), [said("bob@control")], ""),
        (Rule("prod", signers="keys"), [said("bob@control")], "bob@control: no valid signature"),
        (Rule("prod", signers="keys"), [said("bob@control", signer="bob@example.org")], ""),
        (Rule("prod", signers="keys"), [said(AUTHOR, signer="bob@example.org")], "made the plan"),
        (Rule("prod", 2, keyring="k"), [said("a@b", signer="bob"), said("c@d", signer="bob")], "has 1 (bob)"),
    ],
)
def test_which_approvals_count(rule: Rule, given: list[dict[str, Any]], part: str) -> None:
    text = lacking(rule, given, AUTHOR)
    assert part in text if part else text == ""


def test_a_signature_is_of_one_plan_ring_and_fleet() -> None:
    texts = {text_to_sign(*of) for of in (("f", "p", ""), ("g", "p", ""), ("f", "q", ""), ("f", "p", "prod"))}
    assert len(texts) == 4


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("approvals: [{before: prod}]", "there is no ring 'prod'; the rings are test, production"),
        ("approvals: [{before: test, signers: a, keyring: b}]", "not both"),
        ("approvals: [{before: test, count: 2, by: [ann]}]", "only 1 people may approve"),
        ("approvals: [{count: 1}]", "before"),
        ("approvals: [{before: test, count: 0}]", "count"),
    ],
)
def test_approvals_that_could_never_be_are_refused(text: str, part: str) -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy(f"{TWO_LINES}{text}\n", "policy.yml")
    assert part in str(caught.value) and "policy.yml:" in str(caught.value)


def line(package: str, source: str, version: str = "2", platform: str = "p") -> dict[str, Any]:
    return {
        "platform": platform,
        "package": package,
        "arch": "amd64",
        "version": version,
        "source": source,
        "source_version": version,
    }


def order(subject: str, **more: Any) -> dict[str, Any]:
    return {"subject": subject, "actor": "bob", "reason": "drops connections", "ms": 0, "detail": more}


def test_a_recall_takes_all_packages_of_a_source_and_only_that_version() -> None:
    lines = [line("libx", "x"), line("x-tools", "x"), line("x-tools", "x", "1", "q"), line("y", "y")]
    found = recalled_lines(lines, [order("libx", version="2")])
    assert [(entry["package"], entry["version"]) for entry in found] == [("libx", "2"), ("x-tools", "2")]
    assert all(entry["why"] == "recalled" and "drops connections" in entry["detail"] for entry in found)
    assert recalled_lines(lines, [order("y", version="3")]) == [] and recalled_lines(lines, []) == []


@pytest.mark.parametrize(
    ("status", "wanted", "after"),
    [
        ("failed", "skip", "skipped"),
        ("failed", "retry", "failed"),
        ("unreachable", "skip", "skipped"),
        ("regressed", "skip", "skipped"),
        ("rolled_back", "retry", "pending"),
        ("rolled_back", "skip", "skipped"),
        ("installed", "skip", "skipped"),
        ("skipped", "retry", "pending"),
        ("skipped", "skip", ""),
        ("verified", "skip", ""),
        ("pending", "retry", ""),
        ("staged", "skip", ""),
    ],
)
def test_what_a_person_may_resolve(status: str, wanted: str, after: str) -> None:
    assert resolution(status, wanted) == after


def test_a_host_that_a_person_took_out_of_the_way_is_finished() -> None:
    record = {"status": "skipped", "reason": resolved_reason("new disk")}
    assert resolved(record) and finished(record)
    assert not resolved({"status": "skipped", "reason": "unsupported"}) and not resolved(None)
    assert not finished({"status": "failed", "reason": resolved_reason("x")})


def test_a_halt_names_who_and_why() -> None:
    assert halted([]) == ""
    assert halted([{**order(""), "reason": "a\x1b[31mb"}]) == "halted by bob since 1970-01-01 00:00 UTC: a?[31mb"
