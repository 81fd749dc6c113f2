# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why a host is patched or not, and what changes that and when: a few lines from what is recorded. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy import safeguard
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.choose import hold_why, holds_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.facts import section
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.machine import next_step
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.orders import (
    RESUME,
    Order,
    halted,
    recall_of,
    recall_text,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.summary import HOST, LEFT_OUT, SKIPPED
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import duration_text
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names, plain, plural, utc

SHOWN = 12


@dataclass(frozen=True)
class Known:
    """What is recorded of a host."""

    host: str
    state: Mapping[str, Any] | None
    """`{seen_ms, reachable, error, sections}`, None where nobody has looked at it."""
    plan: Mapping[str, Any] | None = None
    """The open plan or else the newest one that has the host: `{plan_id, state, body, left_out}`."""
    ring: str | None = None
    record: Mapping[str, Any] | None = None
    rings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    halts: Sequence[Order] = ()
    recalls: Sequence[Order] = ()
    held: str = ""
    """Why the safeguard holds it, empty when it does not."""
    findings: Sequence[Mapping[str, Any]] | None = None
    """Open ones `{vuln, source, answer, fixed, due_ms, exception}`, None where the host was never assessed."""


def explain(known: Known, package: str, cve: str, now_ms: int, look_max_age_ms: int) -> list[str]:
    """The lines. `package`: a package or source; `cve`: a vulnerability; both empty: the host as a whole."""
    lines = [_look(known, now_ms, look_max_age_ms)]
    if known.halts:
        lines.append(f"rollouts are {halted(known.halts)}; {RESUME}")
    if cve:
        lines += _vulnerability(known, cve, now_ms)
    elif package:
        lines += _package(known, package)
    else:
        lines += _everything(known)
    return [*lines, *_plan(known)]


def _look(known: Known, now_ms: int, look_max_age_ms: int) -> str:
    if known.state is None or known.state.get("seen_ms") is None:
        error = (known.state or {}).get("error")
        why = f" ({plain(error)})" if error else ""
        return f"nobody has looked at it{why}: what it needs is unknown; run detect"
    age = now_ms - int(known.state["seen_ms"])
    seen = f"last looked at {utc(known.state['seen_ms'])}, {duration_text(max(age, 0))} ago"
    if not known.state.get("reachable"):
        error = plain(known.state.get("error") or "no answer")
        return f"{seen}; since then it was not reached ({error}): what follows may be old; {HOST['unreachable'].next}"
    if age > look_max_age_ms:
        return f"{seen}: too old to be relied on (looks.max_age {duration_text(look_max_age_ms)}); run detect"
    return seen


def _everything(known: Known) -> list[str]:
    candidates, why = section(known.state, "candidates")
    if candidates is None:
        return [f"what is pending is unknown: {why}"]
    security = sum(1 for item in candidates if item.get("security"))
    lines = [f"{len(candidates)} updates are pending, {security} of them security"]
    left = [entry for entry in (known.plan or {}).get("left_out", ()) if entry["host"] == known.host]
    by: dict[str, list[str]] = {}
    sources = {item["name"]: item["source"] for item in candidates}
    for entry in left:
        if not entry["taken"]:
            by.setdefault(str(entry["why"]), []).append(str(entry["package"] or "the whole host"))
    for reason, found in sorted(by.items()):
        meaning = LEFT_OUT.get(reason)
        says = f": {meaning.message}; {meaning.next}" if meaning else ""
        lines.append(f"left out as {reason}: {names(dict.fromkeys(found))}{says}")
        everything = "the whole host" in found
        lines += _leaves_open(known, None if everything else {sources.get(name, name) for name in found})
    return lines


def _leaves_open(known: Known, sources: Collection[str] | None) -> list[str]:
    """Which vulnerabilities stay open while these sources (None: all) stay as they are, exceptions included."""
    if known.findings is None:
        return ["  what that leaves open is unknown: the host was never assessed; run assess with lockstep_feeds"]
    found = [item for item in known.findings if sources is None or item["source"] in sources]
    if not found:
        return ["  that leaves no vulnerability open, by the last assessment"]
    accepted = sorted({plain(item["exception"], 60) for item in found if item["exception"]})
    also = f"; under exception {names(accepted)}" if accepted else ""
    vulns = list(dict.fromkeys(str(item["vuln"]) for item in found))
    return [f"  that leaves open {plural(len(vulns), 'vulnerability id')}: {names(vulns)}{also}"]


def _package(known: Known, package: str) -> list[str]:
    packages, why = section(known.state, "packages")
    if packages is None:
        return [f"its packages are unknown: {why}"]
    have = [item for item in packages if package in (item["name"], item["source"])]
    offered = [
        item for item in section(known.state, "candidates")[0] or [] if package in (item["name"], item["source"])
    ]
    if not have and not offered:
        return [f"{plain(package, 100)} is not installed, and nothing would install it"]
    lines = [f"{item['name']} {plain(item['version'], 100)} is installed" for item in have[:SHOWN]]
    if not offered:
        _content, trouble = section(known.state, "candidates")
        lines.append(
            f"whether there is a newer version is unknown: {trouble}" if trouble else "no newer version is offered"
        )
    holds = holds_of(known.state or {})
    for item in offered[:SHOWN]:
        what = f"{item['name']} {plain(item['version'], 100)}" if item["version"] else f"the removal of {item['name']}"
        kind = "security" if item.get("security") else "other"
        order = recall_of(
            known.recalls, item["source"], str(item.get("source_version")), item["name"], str(item["version"])
        )
        if order is not None:
            lines.append(f"{what} ({kind}) is offered and {recall_text(order)}; {LEFT_OUT['recalled'].next}")
        elif item["name"] in holds:
            reason, detail = hold_why(holds[item["name"]])
            lines.append(f"{what} ({kind}) is {reason}: {detail}; {LEFT_OUT[reason].next}")
            lines += _leaves_open(known, {item["source"]})
        elif item.get("kept_back"):
            reason = "phased" if item.get("phased") is not None else "kept_back"
            lines.append(f"{what} ({kind}): {reason}: {plain(item['kept_back'])}; {LEFT_OUT[reason].next}")
        else:
            lines.append(f"{what} ({kind}) is offered{_planned(known, item)}")
    return lines


def _planned(known: Known, item: Mapping[str, Any]) -> str:
    if known.plan is None:
        return "; no plan has this host yet: run plan, or rollout"
    left = next(
        (
            entry
            for entry in known.plan["left_out"]
            if entry["host"] == known.host and entry["package"] in (item["name"], None) and not entry["taken"]
        ),
        None,
    )
    if left is not None:
        return f"; the plan leaves it out as {left['why']}: {plain(left['detail'])}; {left['next']}"
    platform = (section(known.state, "platform")[0] or {}).get("id")
    lines = [
        line for line in known.plan["body"]["lines"] if line["package"] == item["name"] and line["platform"] == platform
    ]
    if not lines:
        return "; it came after the plan was frozen: it waits for the next plan"
    if all(line["version"] != item["version"] for line in lines):
        planned = names(str(line["version"]) for line in lines)
        return f"; the plan has {planned}, which was tested; this one waits for the next plan"
    return "; it is in the plan"


def _vulnerability(known: Known, cve: str, now_ms: int) -> list[str]:
    if known.findings is None:
        return [
            f"whether {plain(cve, 40)} is open is unknown: the host was never assessed; run assess with lockstep_feeds"
        ]
    found = [item for item in known.findings if item["vuln"].upper() == cve.upper()]
    if not found:
        return [f"{plain(cve, 40)} is not open here by the last assessment"]
    lines = []
    for item in found[:SHOWN]:
        due = ""
        if item["due_ms"] is not None:
            late = "overdue since" if item["due_ms"] < now_ms else "due"
            due = f", {late} {utc(item['due_ms'])}"
        accepted = f", under exception '{plain(item['exception'], 60)}'" if item["exception"] else ""
        fix = f"fixed in {plain(item['fixed'], 100)}" if item["fixed"] else "no fix yet"
        lines.append(
            f"{plain(cve, 40)} is open in {plain(item['source'], 100)}: {item['answer']}, {fix}{due}{accepted}"
        )
        lines += _package(known, item["source"])
    return lines


def _plan(known: Known) -> list[str]:
    if known.plan is None or known.ring is None:
        return ["no plan has it in its scope: it takes part once a ring of the policy has it and a plan is made"]
    record = known.record or {}
    short, status, reason = known.plan["plan_id"][:12], record.get("status", "pending"), str(record.get("reason") or "")
    meaning = (SKIPPED.get(reason) if status == "skipped" else HOST.get(status)) or HOST["skipped"]
    said = f"{status}: {plain(reason)}" if reason else status
    lines = [f"plan {short} is {known.plan['state']}; in ring '{known.ring}' the host is {said}"]
    if record.get("retired_ms") is not None:
        who = f"{plain(record.get('retired_by'), 100)} on {utc(record['retired_ms'])}"
        return [
            *lines,
            f"it is retired from this plan by {who}: {plain(record.get('retired_reason'))}; the next decides",
        ]
    if known.plan["state"] != "open":
        return [*lines, "it changes no more; the next plan decides"]
    then = next_step(record)
    if then.step == "nothing":
        return lines if meaning.next == "nothing" else [*lines, f"it {meaning.message}; {meaning.next}"]
    if then.step == "person":
        return [*lines, f"{then.why}; {meaning.next}; or resolve it with retry, and run rollout"]
    if known.held:
        return [*lines, f"{known.held}; {safeguard.NEXT}"]
    for entry in known.plan["body"]["scope"]:
        ring = known.rings.get(entry["ring"], {})
        if entry["ring"] == known.ring:
            break
        if ring.get("state") != "passed":
            why = plain(ring.get("reason") or "it has not begun")
            return [*lines, f"it waits for ring '{entry['ring']}', which is {ring.get('state', 'waiting')}: {why}"]
    return [*lines, f"next for it: {then.step} ({then.why}); run rollout"]
