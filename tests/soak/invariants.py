# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What must hold whatever happened. It trusts nothing of Lockstep's own code: hosts are read from their disks (dpkg's
log and status, the journals, the console), the ledger as SQL.

`collect` reads, `violations` judges and is pure.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

REBOOT = "systemd-nspawn ended with 133"
SLACK_MS = 1000
"""dpkg's log has whole seconds."""
CLAIMS = ("installed", "active", "verified")


class Change(NamedTuple):
    """A package that dpkg configured."""

    ms: int
    package: str
    version: str


class Seen(NamedTuple):
    """A host as its own disk has it. `asked`: plan prefixes of the reboots that its journals asked for; `out`: when
    transactions began to change it."""

    changes: list[Change]
    versions: dict[str, str]
    unfinished: list[str]
    asked: list[str]
    reboots: int
    out: list[int]


class Facts(NamedTuple):
    """Hosts, and tables of the ledger. `windows`: spans in which hosts may be changed, None for always."""

    hosts: dict[str, Seen]
    plans: dict[str, dict[str, Any]]
    statuses: list[dict[str, Any]]
    transactions: list[dict[str, Any]]
    evidence: list[dict[str, Any]]
    windows: list[tuple[int, int]] | None
    budgets: dict[str, tuple[int, list[str]]]


def changes_of(log: str) -> list[Change]:
    """What dpkg's own log (in UTC) says was configured."""
    found = []
    for line in log.splitlines():
        words = line.split()
        if len(words) < 5 or words[2] != "configure":
            continue
        when = datetime.fromisoformat(f"{words[0]} {words[1]}").replace(tzinfo=timezone.utc)
        found.append(Change(int(when.timestamp() * 1000), words[3].partition(":")[0], words[4]))
    return found


def host_of(root: Path, console: str, since_ms: int) -> Seen:
    """Read a host's disk. What dpkg did before `since_ms` was the lab's."""
    status = (root / "var/lib/dpkg/status").read_text(errors="replace")
    versions, unfinished = {}, []
    for stanza in status.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in stanza.split("\n") if ": " in line and line[0] != " ")
        if fields.get("Status", "").endswith(" ok installed"):
            versions[fields["Package"]] = fields["Version"]
        elif "Package" in fields and not fields.get("Status", "").endswith(("config-files", "not-installed")):
            unfinished.append(fields["Package"])
    asked, out = [], []
    folder = root / "var/lib/lockstep/journal"
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        for line in path.read_bytes().replace(b"\0", b"").splitlines():
            try:
                record = json.loads(line)
            except ValueError:  # the power went while it was written
                continue
            asked += [path.name.partition("-")[0]] if record["step"] == "rebooting" else []
            out += [record["ms"]] if record["step"] == "apply" else []
    changes = [row for row in changes_of((root / "var/log/dpkg.log").read_text()) if row.ms >= since_ms]
    return Seen(changes, versions, unfinished, asked, console.count(REBOOT), out)


def ledger_of(path: Path) -> dict[str, Any]:
    """Tables of the ledger."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    database.row_factory = sqlite3.Row

    def rows(query: str) -> list[dict[str, Any]]:
        return [dict(row) for row in database.execute(query)]

    plans = rows("SELECT plan_id, packed FROM plans JOIN content ON content.digest = plans.plan_id")
    found = {
        "plans": {row["plan_id"]: json.loads(zlib.decompress(row["packed"])) for row in plans},
        "statuses": rows("SELECT plan_id, name, status, ring FROM plan_hosts JOIN hosts ON hosts.id = host_id"),
        "transactions": rows("SELECT t.*, name FROM transactions t JOIN hosts ON hosts.id = host_id"),
        "evidence": [{**row, "body": json.loads(row["body"])} for row in rows("SELECT * FROM evidence ORDER BY seq")],
    }
    database.close()
    return found


def violations(facts: Facts) -> list[str]:
    """Every sentence that does not hold, in words."""
    return [
        *_gates(facts),
        *_versions(facts),
        *_reboots(facts),
        *_budgets(facts),
        *_records(facts),
        *_claims(facts),
    ]


def _gates(facts: Facts) -> Iterable[str]:
    gates = [row for row in facts.evidence if row["kind"] == "gate" and row["body"]["decision"] == "go"]
    for name, host in facts.hosts.items():
        for change in host.changes:
            if not any(name in row["body"]["hosts"] and row["ms"] <= change.ms + SLACK_MS for row in gates):
                yield f"{name}: {change.package} {change.version} was installed, and no gate had let the host go"
            if facts.windows is not None and not _inside(change.ms, facts.windows):
                yield f"{name}: {change.package} {change.version} was installed outside every window"
    for gate in gates:
        scope = facts.plans[gate["body"]["plan"]]["scope"]
        earlier = [entry["ring"] for entry in scope]
        for ring in earlier[: earlier.index(gate["subject"])]:
            if not any(
                row["kind"] == "ring_state"
                and (row["subject"], row["body"]["after"], row["body"]["plan"])
                == (ring, "passed", gate["body"]["plan"])
                and row["seq"] < gate["seq"]
                for row in facts.evidence
            ):
                yield f"ring {gate['subject']} went although ring {ring} had not passed"


def _inside(ms: int, windows: Sequence[tuple[int, int]]) -> bool:
    return any(start - SLACK_MS <= ms <= end for start, end in windows)


def _versions(facts: Facts) -> Iterable[str]:
    planned = {(line["package"], line["version"]) for body in facts.plans.values() for line in body["lines"]}
    for name, host in facts.hosts.items():
        for change in host.changes:
            if (change.package, change.version) not in planned:
                yield f"{name}: {change.package} {change.version} is in no plan"


def _reboots(facts: Facts) -> Iterable[str]:
    for name, host in facts.hosts.items():
        for plan in sorted(set(host.asked)):
            if host.asked.count(plan) > 1:
                yield f"{name}: rebooted {host.asked.count(plan)} times for plan {plan}"
        if host.reboots > len(host.asked):
            yield f"{name}: {host.reboots} reboots, and its journals asked for {len(host.asked)}"


def _budgets(facts: Facts) -> Iterable[str]:
    """A host is out from its first change until the ledger calls it verified."""
    for bucket, (limit, members) in facts.budgets.items():
        spans = [(start, name, _back(facts, name, start)) for name in members for start in facts.hosts[name].out]
        for start, _name, _end in spans:
            out = sorted({name for begun, name, end in spans if begun <= start < end})
            if len(out) > limit:
                yield f"budget {bucket} allows {limit} out, and {', '.join(out)} were out together"


def _back(facts: Facts, name: str, start: int) -> float:
    proofs = (
        row["ms"]
        for row in facts.evidence
        if row["kind"] == "host_status"
        and row["subject"] == name
        and row["body"]["after"] == "verified"
        and row["ms"] >= start
    )
    return min(proofs, default=float("inf"))


def _records(facts: Facts) -> Iterable[str]:
    for name, host in facts.hosts.items():
        mine = [row for row in facts.transactions if row["name"] == name]
        for change in host.changes:
            if not any(row["started_ms"] <= change.ms + SLACK_MS and _line(facts, row, change) for row in mine):
                yield f"{name}: {change.package} {change.version} has no transaction in the ledger"


def _line(facts: Facts, row: Mapping[str, Any], change: Change) -> bool:
    lines = facts.plans[row["plan_id"]]["lines"]
    return any((line["package"], line["version"]) == (change.package, change.version) for line in lines)


def _claims(facts: Facts) -> Iterable[str]:
    newest = next(reversed([row["subject"] for row in facts.evidence if row["kind"] == "plan_created"]), "")
    for row in facts.statuses:
        if row["plan_id"] != newest or row["status"] not in CLAIMS:
            continue
        host = facts.hosts[row["name"]]
        for line in facts.plans[newest]["lines"]:
            have = host.versions.get(line["package"])
            if have != line["version"]:
                yield f"{row['name']}: the ledger says {row['status']}, and {line['package']} is {have}"
        if host.unfinished:
            yield f"{row['name']}: the ledger says {row['status']}, and dpkg is not done with {host.unfinished}"
    for row in facts.transactions:
        if row["plan_id"] == newest and row["outcome"] == "done" and not facts.hosts[row["name"]].out:
            yield f"{row['name']}: the ledger says a transaction is done that the host knows nothing of"
