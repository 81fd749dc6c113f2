# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller import orders
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.actions import ControllerAction
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.common import now_ms
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.facts import rings_of, statuses_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.run import Run
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.signatures import sign
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger import Ledger
from ansible_collections.lockstep.patching.plugins.plugin_utils.ledger.orders import EVERY_FLEET
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.approvals import lacking, text_to_sign
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.orders import resolution, resolved_reason
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names, plural

GIVE_REASON = "give -e \"lockstep_reason='why'\""


class ActionModule(ControllerAction):
    """Keep what a person orders: halt, resume, approve, resolve or recall. Touches no host."""

    def decide(self) -> dict[str, Any]:
        run = self.current
        if run is None:
            raise LockstepError(
                "no run is open", "role order", "use the playbooks halt, resume, approve, resolve, recall"
            )
        if run.stopped:
            return {}
        reason = str(self.argument("reason", "")).strip()
        if not reason:
            raise LockstepError(f"{run.stage} needs a reason", run.stage, GIVE_REASON)
        ledger = Ledger.open(run.ledger, create=False)
        note = getattr(self, "_" + str(self.argument("kind")))(run, ledger, reason)
        run.notes.append(note)
        self.files.save(run)
        return {"changed": True, "note": note}

    def _halt(self, run: Run, ledger: Ledger, reason: str) -> str:
        fleet = run.fleet if run.policy else EVERY_FLEET
        if not run.check:
            ledger.give_order("halt", "", reason, {}, run.token, now_ms(), fleet=fleet)
        which = f"fleet {fleet}" if run.policy else "every fleet of this ledger"
        return f"{which} is halted: what runs on a host finishes, nothing new starts; the playbook resume lifts it"

    def _resume(self, run: Run, ledger: Ledger, reason: str) -> str:
        found = ledger.orders(run.fleet, "halt") if run.policy else ledger.every_order("halt")
        if not found:
            raise LockstepError("nothing is halted", f"ledger of fleet {run.fleet}", "nothing was changed")
        if not run.check:
            ledger.end_orders([item["id"] for item in found], reason, run.token, now_ms())
        who = names(sorted({item["actor"] for item in found}))
        return f"{plural(len(found), 'halt')} of {who} lifted; run rollout again"

    def _approve(self, run: Run, ledger: Ledger, reason: str) -> str:
        plan, policy = ledger.plan(run.plan_id or ""), self.files.read_policy()
        ring = str(self.argument("ring", ""))
        known = [entry["ring"] for entry in plan["body"]["scope"]]
        if ring and ring not in known:
            raise LockstepError(
                f"plan {plan['plan_id'][:12]} has no ring '{ring}'", "lockstep_ring", f"one of {names(known)}"
            )
        detail: dict[str, Any] = {}
        text = text_to_sign(run.fleet, plan["plan_id"], ring)
        if self.argument("signature"):
            detail["signature"] = self._read(str(self.argument("signature")))
        elif self.argument("sign"):
            detail["signature"] = sign(text, str(self.argument("sign")))
        mine = {"subject": ring, "actor": self.common().actor, "reason": reason, "detail": detail}
        self._refuse_worthless(run, policy, plan, mine, text)
        if not run.check:
            ledger.give_order("approval", ring, reason, detail, run.token, now_ms(), plan_id=plan["plan_id"])
        still = [orders.unapproved(ledger, policy, run.policy, plan, name) for name in known]
        lacks = "; ".join(each for each in still if each)
        return f"approved for {f'ring {ring}' if ring else 'every ring'}; " + (
            lacks or "no approval is missing; next: rollout"
        )

    @staticmethod
    def _refuse_worthless(run: Run, policy: Policy, plan: dict[str, Any], mine: dict[str, Any], text: str) -> None:
        """An approval that counts nowhere would only look like one."""
        rules = [rule for rule in policy.approvals if mine["subject"] in ("", rule.before)]
        if not rules:
            raise LockstepError(
                "the policy asks for no such approval", "approve", "nothing was kept; see approvals in docs/policy.md"
            )
        why = []
        for rule in rules:
            alone = type(rule)(**{**vars(rule), "count": 1})
            why.append(lacking(alone, orders.with_signers([mine], rule, run.policy, plan), plan["actor"]))
        if all(why):
            wants = " The text to sign is:\n" + text if any(rule.signed for rule in rules) else ""
            raise LockstepError(
                f"this approval does not count: {'; '.join(why)}",
                "approve",
                "let somebody approve it who may; sign with lockstep_sign=KEY or hand in lockstep_signature=FILE"
                f" where signatures are asked for.{wants}",
            )

    @staticmethod
    def _read(path: str) -> str:
        try:
            with open(path, encoding="ascii") as handle:
                return handle.read(20_000)
        except (OSError, UnicodeDecodeError) as error:
            raise LockstepError(f"the signature cannot be read: {error}", path, "check lockstep_signature") from error

    def _resolve(self, run: Run, ledger: Ledger, reason: str) -> str:
        host, wanted = str(self.argument("host", "")), str(self.argument("resolution", ""))
        ring = str(self.argument("ring", ""))
        if ring and not host and not wanted:
            return self._accept(run, ledger, ring, reason)
        if wanted not in ("retry", "skip") or not host:
            raise LockstepError(
                "a host is resolved by name, with retry or skip",
                "resolve",
                f"give -e host=NAME -e lockstep_resolution=retry or skip, and {GIVE_REASON}; or -e lockstep_ring=RING"
                " to bear that a ring has too few hosts or worse rates than the fleet's",
            )
        plan_id = run.plan_id or ""
        record = statuses_of(ledger, plan_id, [host]).get(host)
        if record is None:
            raise LockstepError(f"plan {plan_id[:12]} does not have this host", host, "check host=NAME")
        after = resolution(record["status"], wanted)
        if not after:
            raise LockstepError(
                f"it is {record['status']}, so there is nothing to resolve", host, "nothing was changed; run rollout"
            )
        if not run.check:
            detail = {"resolution": wanted, "before": record["status"], "after": after}
            ledger.give_order("resolution", host, reason, detail, run.token, now_ms(), plan_id=plan_id)
            said = resolved_reason(reason) if wanted == "skip" else f"to be tried again: {reason}"
            kept = {"resolved_from": record["status"]} if after == "pending" else record["detail"]
            ledger.set_host(
                plan_id,
                host,
                after,
                record["phase"] if after == record["status"] else "",
                said,
                kept,
                run.token,
                now_ms(),
            )
        what = "is skipped and blocks no gate" if wanted == "skip" else "is tried again by the next rollout"
        return f"{host} {what} (it was {record['status']}): {reason}"

    def _accept(self, run: Run, ledger: Ledger, ring: str, reason: str) -> str:
        """A person bears that a ring proves less than its gate asks for: too few hosts, or worse rates."""
        plan_id, settings = run.plan_id or "", self.files.read_policy().ring(ring)
        state = rings_of(ledger, plan_id).get(ring, {}).get("state")
        if state is None or settings is None:
            raise LockstepError(f"plan {plan_id[:12]} has no ring '{ring}'", "lockstep_ring", "check the name")
        if state == "passed" or not (settings.gate.min_hosts or settings.gate.statistics):
            why = "it has passed" if state == "passed" else "its gate has neither min_hosts nor statistics"
            raise LockstepError(
                f"ring '{ring}': {why}, so there is nothing to accept", "resolve", "nothing was changed"
            )
        if not run.check:
            ledger.give_order("resolution", ring, reason, {"ring": ring}, run.token, now_ms(), plan_id=plan_id)
        return f"ring '{ring}' may pass with the hosts and rates that it has: {reason}; next: rollout"

    def _recall(self, run: Run, ledger: Ledger, reason: str) -> str:
        package, version = str(self.argument("package", "")), str(self.argument("version", ""))
        if not package:
            raise LockstepError("a recall names a package", "recall", f"give -e package=NAME, and {GIVE_REASON}")
        if bool(self.argument("end", False)):
            return self._end_recall(run, ledger, package, version, reason)
        plan = ledger.open_plan(run.fleet)
        lines = (
            [] if plan is None else [row for row in plan["body"]["lines"] if package in (row["package"], row["source"])]
        )
        versions = [version] if version else sorted({str(row["version"]) for row in lines if row["version"]})
        if not versions:
            raise LockstepError(
                f"no open plan has {package}, so the version to recall is not known",
                "recall",
                "give it as lockstep_version",
            )
        for each in versions if not run.check else ():
            ledger.give_order("recall", package, reason, {"version": each}, run.token, now_ms())
        return f"{package} {names(versions)} is recalled{self._who_has(ledger, run, plan, package, versions)}"

    def _end_recall(self, run: Run, ledger: Ledger, package: str, version: str, reason: str) -> str:
        found = [
            item
            for item in ledger.orders(run.fleet, "recall")
            if item["subject"] == package and version in ("", item["detail"]["version"])
        ]
        if not found:
            raise LockstepError(
                f"{package} {version} is not recalled".replace("  ", " "), "recall", "nothing was changed"
            )
        if not run.check:
            ledger.end_orders([item["id"] for item in found], reason, run.token, now_ms())
        return f"the recall of {package} {names(item['detail']['version'] for item in found)} is ended"

    @staticmethod
    def _who_has(ledger: Ledger, run: Run, plan: dict[str, Any] | None, package: str, versions: list[str]) -> str:
        """Which hosts have it already, by their last look."""
        have = []
        for host, kept in ledger.states(run.fleet, None, ["packages"]):
            packages = kept["sections"].get("packages")
            for item in packages if isinstance(packages, list) else ():
                if package in (item["name"], item["source"]) and {item["version"], item["source_version"]} & set(
                    versions
                ):
                    have.append(host)
                    break
        taken = f"; plan {plan['plan_id'][:12]} no longer installs it" if plan else ""
        return taken + (
            f"; {plural(len(have), 'host')} had it at the last look: {names(have)}; see rollback" if have else ""
        )
