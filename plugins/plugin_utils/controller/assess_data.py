# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An assessment in the shape that its report takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.assessing import Assessed, newer
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.offers import Offers
from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.risk_files import RiskFiles
from ansible_collections.lockstep.patching.plugins.plugin_utils.feeds.library import Feeds
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.exceptions import standing
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.lots import Lot, Lots, Offer, lots_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.model import Entry, Facts, Group
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.news import gathered
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.scheme import Scheme
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.words import UNKNOWN
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.work import (
    host_list,
    share_of,
    tally,
    work_list,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names, one_line, plural, utc

NO_FACTS = Facts()
_KERNELS = ("linux", "kernel")
_NEVER = 1 << 62
NEXT = {
    "exposure": "say it in the inventory: the host variable lockstep_exposure is open, controlled or small",
    "criticality": "say it in the inventory: the host variable lockstep_criticality is low, medium, high or critical",
    "human_impact": "say it in the inventory: the host variable lockstep_criticality is low, medium, high or critical",
    "kev": "give CISA's catalogue of known exploited vulnerabilities in lockstep_feeds, or a newer copy of it",
    "in_use": "look at the hosts with the part 'use'",
}
"""What to do about an input that is unknown; the others come from feeds."""
FEED_NEXT = (
    "give CVE records with SSVC and CVSS (vulnrichment) in lockstep_feeds, or say in the policy what it counts as"
)


def assess_data(
    fleet: str,
    policy: Policy,
    path: str | None,
    files: RiskFiles,
    feeds: Feeds,
    made: Assessed,
    offers: Offers,
    now_ms: int,
    silent: Sequence[str] = (),
) -> dict[str, Any]:
    """What `report.assess.assess_view` takes. `silent`: pending versions whose package files carry no changelog."""
    scheme = files.scheme
    lots = lots_of(made.books, made.shelves, made.groups, offers.of)
    lines = work_list(lots.lots, made.groups, scheme, made.facts, newer, now_ms)
    steps = _Steps(made, scheme, now_ms)
    hosts = [_host(row, made) for row in host_list(lots, made.groups, scheme, made.facts, now_ms)]
    of_lots = [steps.of_lot(lot) for lot in lots.lots]
    work = []
    for line in lines:
        numbers = sorted({steps.number(name, offer) for name, offer in line.pop("shares")})
        work.append({**line, "in_use": dict(line["in_use"]), "steps": numbers, "consequences": _consequences(line)})
    return {
        "fleet": fleet,
        "now_ms": now_ms,
        "policy": path,
        "closing": None,
        "scheme": scheme.about(),
        "feeds": [status._asdict() for status in feeds.statuses],
        "unknown": [*_unnamed(made, offers, lots), *_silent(silent), *_unknown(made, feeds)],
        "assumptions": _assumptions(made, scheme),
        "work": work,
        "hosts": hosts,
        "lots": of_lots,
        "steps": steps.rows,
        "vulnerabilities": _vulnerabilities(made, scheme, steps, lots, now_ms),
        "news": {"since_ms": made.since_ms, "lines": gathered(made.news), "items": made.news},
        "exceptions": _exceptions(made, files, policy, lots, now_ms),
    }


def told(data: Mapping[str, Any]) -> str:
    """The assessment in one line."""
    rows = [row for row in data["vulnerabilities"] if row["open"]]
    todo = [line for line in data["work"] if line["to"] is not None and line["open"]]
    vulns = {row["vuln"] for row in rows}
    if not vulns:
        return f"none open on {plural(len(data['hosts']), 'host')} that the feeds know of"
    kev = {row["vuln"] for row in rows if row["kev"] == "yes"}
    late = {row["vuln"] for row in rows if row["overdue"]}
    due = min((row["first_due_ms"] for row in rows if row["first_due_ms"] is not None), default=None)
    text = f"{len(vulns)} open on {plural(sum(bool(row['open']) for row in data['hosts']), 'host')}"
    text += f", {len(kev)} in KEV" * bool(kev) + f", {len(late)} overdue" * bool(late)
    text += f", first deadline {utc(due)}" if due is not None else ", no deadline"
    return text + f"; {plural(len(todo), 'upgrade')} on offer"


def closing(data: Mapping[str, Any]) -> str:
    """How an assessment ends: not well where a host gave no answer, since nothing new is known of it."""
    silent = [row for row in data["hosts"] if row["error"]]
    if silent:
        said = "; ".join(f"{row['host']}: {one_line(row['error'])}" for row in silent[:3])
        more = f"; and {len(silent) - 3} more" if len(silent) > 3 else ""
        count = f"{len(silent)} of {plural(len(data['hosts']), 'host')}"
        step = "check power, network, SSH and sudo there, then run assess again"
        return "stopped: " + one_line(f"{count} gave no answer ({said}{more}); {told(data)}\n{step}")
    unknown = [row for row in data["hosts"] if row["status"] != "assessed"]
    text = f"done: {plural(len(data['hosts']), 'host')} assessed: {told(data)}"
    if unknown:
        text += f"; nothing new is known of {names(row['host'] for row in unknown)} ({unknown[0]['unknown'][0]})"
    problems = [row for row in data["unknown"] if row["what"].startswith("feed ")]
    if problems:
        text += f"; {problems[0]['what']}: {problems[0]['why']}; {problems[0]['next']}"
    return one_line(text)


class _Steps:
    """Each distinct group together with what its hosts are offered, once."""

    def __init__(self, made: Assessed, scheme: Scheme, now_ms: int) -> None:
        self.made, self.scheme, self.now_ms = made, scheme, now_ms
        self.rows: list[dict[str, Any]] = []
        self.numbers: dict[tuple[str, Offer], int] = {}
        self.of_group: dict[str, list[int]] = {}
        self.findings: dict[tuple[Entry, bool], dict[str, Any]] = {}

    def number(self, name: str, offer: Offer) -> int:
        key = (name, offer)
        if key not in self.numbers:
            self.numbers[key] = len(self.rows)
            self.of_group.setdefault(name, []).append(len(self.rows))
            self.rows.append(self._row(self.made.groups[name], offer))
        return self.numbers[key]

    def of_lot(self, lot: Lot) -> list[int]:
        """The steps of a lot, the first deadline first."""
        numbers = [self.number(name, offer) for name, offer in lot.pairs()]
        return sorted(numbers, key=lambda at: (self.rows[at]["first_due_ms"] or _NEVER, self.rows[at]["source"]))

    def _row(self, group: Group, offer: Offer) -> dict[str, Any]:
        counted = tally(group.findings, self.scheme, self.made.facts, self.now_ms)
        closes = share_of(group, offer, newer).closes
        closed = {entry.vuln for entry in closes}
        blocked = offer.blocked if closes else "no upgrade on offer closes it"
        return {
            "source": group.source,
            "upgrade": offer.source or group.source,
            "version": group.version,
            "ecosystem": group.ecosystem,
            "to": offer.version if closes else None,
            "blocked": blocked,
            "in_use": group.in_use,
            "exposure": group.profile.exposure,
            "criticality": group.profile.criticality,
            "controls": list(group.profile.controls),
            "open": counted.open,
            "kev": counted.kev,
            "overdue": counted.overdue,
            "excepted": counted.excepted,
            "first_due_ms": counted.first_due_ms,
            "decision": counted.decision,
            "findings": [self._finding(entry, closed) for entry in sorted(group.findings, key=_urgency)],
        }

    def _finding(self, entry: Entry, closed: set[str]) -> dict[str, Any]:
        """One for all steps in which it is the same: versions of a package have most findings in common."""
        key = (entry, entry.vuln in closed)
        if key not in self.findings:
            self.findings[key] = self._told(entry, key[1])
        return self.findings[key]

    def _told(self, entry: Entry, closes: bool) -> dict[str, Any]:
        facts = self.made.facts.get(entry.vuln, NO_FACTS)
        return {
            "vuln": entry.vuln,
            "severity": facts.severity,
            "kev": facts.kev,
            "answer": entry.answer,
            "closes": closes,
            "fixed": entry.fixed,
            "decision": self.scheme.rows[entry.row].decision,
            "row": entry.row,
            "due_ms": entry.due_ms,
            "opened_ms": entry.opened_ms,
            "decided_ms": entry.decided_ms,
            "extended_ms": entry.extended_ms,
            "exception": entry.exception,
            "reopened": entry.reopened,
        }


def _urgency(entry: Entry) -> tuple[Any, ...]:
    return entry.exception is not None, entry.due_ms or _NEVER, entry.row, entry.vuln


def _host(row: dict[str, Any], made: Assessed) -> dict[str, Any]:
    host = row["host"]
    profile = made.profiles[host]
    return {
        **row,
        "status": made.states[host],
        "look_ms": made.looks[host],
        "exposure": profile.exposure,
        "criticality": profile.criticality,
        "controls": list(profile.controls),
        "unknown": made.notes[host],
        "error": made.errors.get(host),
    }


def _consequences(line: Mapping[str, Any]) -> list[str]:
    """What an upgrade costs: beside the risk of waiting stands that of the change."""
    if line["to"] is None:
        return []
    if line["source"].startswith(_KERNELS):
        return ["takes effect with a reboot"]
    told = []
    uses = line["in_use"]
    restarts = uses.get("listening", 0) + uses.get("running", 0) + uses.get("mapped", 0)
    if restarts:
        listening = f", it listens on {uses['listening']}" if uses.get("listening") else ""
        told.append(f"restarts what uses it on {plural(restarts, 'host')}{listening}")
    if uses.get("no"):
        told.append(f"not in use on {plural(uses['no'], 'host')}")
    if uses.get(UNKNOWN):
        told.append(f"whether it is in use is unknown on {plural(uses[UNKNOWN], 'host')}")
    return told


def _unknown(made: Assessed, feeds: Feeds) -> list[dict[str, Any]]:
    found: dict[tuple[str, str, str], list[str]] = {}
    for problem in feeds.problems:
        what = f"feed {problem.feed}"
        found[what, f"{problem.where}: {problem.what}; in use is {problem.used}", problem.next] = []
    for host, notes in made.notes.items():
        for note in notes:
            step = "look at it again: power, network, SSH and sudo there, then run assess"
            if note.startswith("lockstep_"):
                note, _colon, step = note.partition(";")
            what = "vulnerabilities" if made.states[host] != "assessed" else "a host variable"
            found.setdefault((what, note, step.strip()), []).append(host)
    rows = [{"what": what, "why": why, "next": step, "hosts": hosts} for (what, why, step), hosts in found.items()]
    return sorted(rows, key=lambda row: (bool(row["hosts"]), -len(row["hosts"]), row["what"], row["why"]))


def _unnamed(made: Assessed, offers: Offers, lots: Lots) -> list[dict[str, Any]]:
    """Security updates on offer that close nothing anybody has named: no feed knows them, which does not make them
    needless."""
    found: dict[tuple[str, ...], list[str]] = {}
    closing: dict[int, set[str]] = {}
    for host, numbers in lots.of.items():
        pending = offers.security(host)
        if not pending:
            continue
        named: set[str] = set()
        for number in numbers:
            if number not in closing:
                pairs = lots.lots[number].pairs()
                closing[number] = {
                    made.groups[name].source
                    for name, offer in pairs
                    if share_of(made.groups[name], offer, newer).closes
                }
            named |= closing[number]
        lacking = tuple(sorted(pending.keys() - named))
        if lacking:
            found.setdefault(lacking, []).append(host)
    return [
        {
            "what": "security updates",
            "why": f"what {plural(len(packages), 'security update')} on offer would close is named by no feed:"
            f" {names(packages, 8)}",
            "next": "refresh the feeds (the playbook maintain); the updates themselves are in the plan all the same",
            "hosts": hosts,
        }
        for packages, hosts in sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    ]


def _silent(versions: Sequence[str]) -> list[dict[str, Any]]:
    if not versions:
        return []
    why = f"{plural(len(versions), 'pending version')} without one in its files: {names(versions, 5)}"
    return [{"what": "changelogs", "why": why, "next": "read what they close on their publisher's site", "hosts": []}]


def _assumptions(made: Assessed, scheme: Scheme) -> list[dict[str, Any]]:
    """Inputs that were unknown for open findings, and what they counted as."""
    by_host = {"exposure": "exposure", "criticality": "criticality", "human_impact": "human_impact"}
    told = []
    for name in scheme.columns:
        if name not in scheme.assumed:
            continue
        if name in by_host:
            count = sum(getattr(made.profiles[host], name) == UNKNOWN for host, groups in made.books.items() if groups)
            of = plural(count, "host")
        elif name == "in_use":
            count = sum(made.groups[name].in_use == UNKNOWN for name in _open(made))
            of = plural(count, "package")
        else:
            open_now = {entry.vuln for key in _open(made) for entry in made.groups[key].findings}
            count = sum(_value(made.facts.get(vuln, NO_FACTS), name) == UNKNOWN for vuln in open_now)
            of = "1 vulnerability" if count == 1 else f"{count:,} vulnerabilities"
        if count:
            told.append(
                {"input": name, "of": of, "counts_as": str(scheme.assumed[name]), "next": NEXT.get(name, FEED_NEXT)}
            )
    return told


def _open(made: Assessed) -> set[str]:
    shelves = {name for names in made.books.values() for name in names}
    return {group for name in shelves for group in made.shelves[name].groups}


def _value(facts: Facts, name: str) -> Any:
    value = getattr(facts, name, UNKNOWN)
    return UNKNOWN if value is None else value


def _vulnerabilities(made: Assessed, scheme: Scheme, steps: _Steps, lots: Lots, now_ms: int) -> list[dict[str, Any]]:
    """One row for each vulnerability in each package."""
    on: dict[str, int] = {}
    for lot in lots.lots:
        for name in lot.groups:
            on[name] = on.get(name, 0) + len(lot.hosts)
    entries: dict[tuple[str, str], list[tuple[Entry, str]]] = {}
    for name in on:
        group = made.groups[name]
        for entry in group.findings:
            entries.setdefault((entry.vuln, group.source), []).append((entry, name))
    rows = [_vulnerability(key, found, made, scheme, steps, on, now_ms) for key, found in entries.items()]
    return sorted(
        rows,
        key=lambda row: (
            not row["open"],
            row["first_due_ms"] or _NEVER,
            row["kev"] != "yes",
            -(row["cvss"] or 0),
            row["vuln"],
            row["source"],
        ),
    )


def _vulnerability(
    key: tuple[str, str],
    found: Sequence[tuple[Entry, str]],
    made: Assessed,
    scheme: Scheme,
    steps: _Steps,
    on: Mapping[str, int],
    now_ms: int,
) -> dict[str, Any]:
    facts, known = made.facts.get(key[0], NO_FACTS), made.known.get(key[0])
    active = [(entry, name) for entry, name in found if entry.exception is None]
    first = min((entry for entry, _name in active), key=_urgency, default=None)
    return {
        "vuln": key[0],
        "source": key[1],
        "title": known.title if known else "",
        "references": list(known.references) if known else [],
        **{name: value for name, value in facts._asdict().items() if name != "kev_added_ms"},
        "answers": _distinct(entry.answer for entry, _name in found),
        "fixed": _distinct(entry.fixed for entry, _name in found if entry.fixed),
        "advisories": _distinct(item for entry, _name in found for item in entry.advisories),
        "by": _distinct(item for entry, _name in found for item in entry.by),
        "disagree": "; ".join(_distinct(entry.disagree for entry, _name in found if entry.disagree)),
        "only_changelog": all(item.endswith("changelog") for entry, _name in found for item in entry.by),
        "decision": scheme.rows[first.row].decision if first else "",
        "first_due_ms": first.due_ms if first else None,
        "open": sum(on[name] for _entry, name in active),
        "overdue": sum(on[name] for entry, name in active if entry.due_ms is not None and entry.due_ms < now_ms),
        "excepted": sum(on[name] for entry, name in found if entry.exception is not None),
        "hosts": sum(on[name] for _entry, name in found),
        "steps": sorted({number for _entry, name in found for number in steps.of_group.get(name, ())}),
    }


def _distinct(values: Iterable[str]) -> list[str]:
    return sorted(set(values))


def _exceptions(made: Assessed, files: RiskFiles, policy: Policy, lots: Lots, now_ms: int) -> list[dict[str, Any]]:
    hosts: dict[str, set[str]] = {}
    findings: dict[str, int] = {}
    for lot in lots.lots if files.waivers else ():
        counts: dict[str, int] = {}
        for entry in (entry for name in lot.groups for entry in made.groups[name].findings):
            if entry.exception is not None:
                counts[entry.exception] = counts.get(entry.exception, 0) + 1
        for waiver, count in counts.items():
            hosts.setdefault(waiver, set()).update(lot.hosts)
            findings[waiver] = findings.get(waiver, 0) + count * len(lot.hosts)
    stands = standing(files.waivers, now_ms, policy.risk.warn_ms)
    rows = [
        {
            "id": waiver.id,
            "kind": waiver.kind,
            "standing": stands[waiver.id],
            "until_ms": waiver.until_ms,
            "owner": waiver.owner,
            "reason": waiver.reason,
            "ticket": waiver.ticket,
            "justification": waiver.justification,
            "hosts": len(hosts.get(waiver.id, ())),
            "findings": findings.get(waiver.id, 0),
        }
        for waiver in files.waivers
    ]
    order = ("expired", "ends_soon", "holds", "not_yet")
    return sorted(rows, key=lambda row: (order.index(row["standing"]), row["until_ms"], row["id"]))
