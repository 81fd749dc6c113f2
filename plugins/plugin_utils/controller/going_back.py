# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take a host back to the versions that it had before a plan, and prove it."""

from __future__ import annotations

import hashlib
import time
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import hooks
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import HostAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.looking import look
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.module_call import call_until
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.rebooting import reboot_once
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.recording import record, sentence, slim
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.staging import stage
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.takeover import stop_when_refused
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.work import Work
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.rollback import Way, judge_back, told, way_back
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.verify import health_lost
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names

UNDER_WAY = "a rollback was begun here and has no result yet; run rollback again for this host"
SETTLE_SECONDS = 60


def go_back(action: HostAction, work: Work, why: str, only: str = "") -> dict[str, Any]:
    """Roll a host back and record it as `rolled_back`; where that is not possible its status stays, with a problem.

    `only`: a package or source; the rest stays as the plan has left it.
    """
    noted = ((work.record or {}).get("detail") or {}).get("before")
    if not noted:
        return {"problem": f"{action.host}: this plan has begun nothing here"}
    before = {"sections": work.base.ledger.contents(noted)}
    found = look(action, work.base.ledger, work.base.fleet, work.base.token, {"refresh": "never"})
    if not found.answer:
        return {"problem": f"{action.host}: {found.problem}"}
    way = way_back(
        work.plan["body"], before, {"sections": found.sections}, only, work.base.policy.rollback.irreversible
    )
    problem = way.problem or _files(action, work, before, way)
    if problem:
        return {"problem": f"{action.host}: not rolled back: {problem}"}
    if action._task.check_mode:
        return {"changed": bool(way.lines), "would": [_step(line) for line in way.lines], "lost": way.lost}
    if not way.lines:
        return record(
            action, work, "rolled_back", f"{why}: nothing of the plan was on it", detail={"going_back": False}
        )
    refused = hooks.before(hooks.place_of(action, work), work.base.policy.hooks, work.matches)
    if refused:
        return {"problem": f"{action.host}: not rolled back: {refused}"}
    record(action, work, "failed", UNDER_WAY, detail={"going_back": True})
    return _carry(action, work, why, before, way)


def _files(action: HostAction, work: Work, before: dict[str, Any], way: Way) -> str:
    """Bring the older versions' files onto the host; why that is not possible, or an empty text."""
    platform = before["sections"]["platform"]["id"]
    known = work.base.ledger.files(work.base.fleet, platform)
    wanted = [line for line in way.lines if line["action"] != "remove"]
    for line in wanted:
        line["sha256"], line["size"] = known.get((line["package"], line["arch"], line["version"]), (None, None))
    ready = [line for line in wanted if line["sha256"]]
    unknown = [
        {"name": line["package"], "arch": line["arch"], "version": line["version"]}
        for line in wanted
        if not line["sha256"]
    ]
    if not wanted:
        return ""
    staged = stage(action, work, "stage", ready, unknown)
    if staged.problem:
        return staged.problem
    found = {(row["name"], row["arch"], row["version"]): row for row in staged.old if row.get("path")}
    lacking = []
    for line in wanted:
        row = found.get((line["package"], line["arch"], line["version"]))
        if row:
            line["sha256"], line["size"] = row["sha256"], row["size"]
        elif not line["sha256"]:
            lacking.append(f"{line['package']} {line['version']}")
    return (
        f"not to be had any more, from its repositories, its caches or the store: {names(lacking)}" if lacking else ""
    )


def _carry(action: HostAction, work: Work, why: str, before: dict[str, Any], way: Way) -> dict[str, Any]:
    ledger, token = work.base.ledger, work.base.token
    transaction = ledger.next_attempt(work.plan_id, action.host, token, now_ms(), back=True)
    back_id = hashlib.sha256(f"rollback\n{transaction}".encode()).hexdigest()
    arguments = {
        "plan_id": back_id,
        "ledger_id": ledger.ledger_id,
        "token": token,
        "transaction": transaction,
        "attempt": int(transaction.rpartition("-")[2]),
        "lines": way.lines,
        "skip": [],
        "back": True,
        "lock_timeout": int(action.argument("lock_timeout", 300)),
        "timeout": int(action.argument("timeout", 3600)),
        "reboot_follows": work.settings.reboot_mode != "never",
    }
    answer = call_until(action, "transaction", arguments, action._vars, float(action.argument("reconnect", 120)))
    if answer.kind != "ok":
        return record(action, work, "failed", f"{UNDER_WAY} ({answer.message})", detail={"going_back": True})
    result = answer.result
    if result["outcome"] == "refused":
        stop_when_refused(ledger, work.base.fleet, token, action.host)
    ledger.record_transaction(transaction, work.plan_id, action.host, slim(result), token, now_ms())
    detail = {"transaction": transaction, "going_back": result["outcome"] == "unknown"}
    if result["outcome"] not in ("installed", "nothing"):
        return record(action, work, "failed", f"the rollback: {sentence(result)}", detail=detail)
    if result["reboot_reasons"] and work.settings.reboot_mode != "never":
        timeout = work.settings.reboot_timeout_ms / 1000
        rebooted = reboot_once(action, work.base, back_id, str(result["boot_id"]), timeout)
        if rebooted.problem or rebooted.after is None:
            said = rebooted.problem or f"it did not come back within {timeout:.0f} s of the rollback's reboot"
            return record(action, work, "failed", f"the rollback: {said}", detail={**detail, "going_back": True})
    return _prove(action, work, why, before, way, detail)


def _prove(
    action: HostAction, work: Work, why: str, before: dict[str, Any], way: Way, detail: dict[str, Any]
) -> dict[str, Any]:
    """Look afresh: the versions are those before, and what worked before works again."""
    checks = [check.arguments() for check in work.settings.health]
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        found = look(action, work.base.ledger, work.base.fleet, work.base.token, {"refresh": "never", "checks": checks})
        if not found.answer:
            return record(action, work, "failed", f"after the rollback: {found.problem}", detail=detail)
        now = {"sections": found.sections}
        wrong = judge_back(way.lines, now)
        broken = health_lost(before, now, work.settings.health)
        if wrong or not broken or time.monotonic() >= deadline:
            break
        time.sleep(2)
    if wrong:
        return record(action, work, "failed", f"after the rollback: {'; '.join(wrong)}", detail=detail)
    still = f"; still not as before: {'; '.join(broken)}" if broken else ""
    kept = {**detail, "rolled_back": [_step(line) for line in way.lines], "lost": way.lost}
    stuck = "" if broken else hooks.after(hooks.place_of(action, work))
    still += f"; {stuck}" if stuck else ""
    return record(action, work, "rolled_back", f"{why}: {told(way.lines, way.lost)}{still}", detail=kept, changed=True)


def _step(line: dict[str, Any]) -> list[Any]:
    return [line["package"], line["arch"], line["from"][0] if line["from"] else None, line["version"]]
