# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The view of `assess` as CSV. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.report.tables import table
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.times import iso

_NAMED = 50
"""Hosts whose names a row has; the file of hosts and the JSON have all of them."""


def _when(ms: int | None) -> str:
    return "none" if ms is None else iso(ms)


def _score(steps: int | None, digits: int) -> str | None:
    return None if steps is None else f"{steps / 10**digits:.{digits}f}"


def _on(some: list[str], count: int) -> list[str]:
    """Names of hosts, and how many more there are."""
    named = some[:_NAMED]
    return named + [f"and {count - len(named)} more"] * (count > len(named))


def assess_files(view: dict[str, Any]) -> dict[str, str]:
    """{name: content}: work, hosts, findings, vulnerabilities, new, exceptions."""
    return {
        "work": _work(view),
        "hosts": _hosts(view),
        "findings": _findings(view),
        "vulnerabilities": _vulnerabilities(view),
        "new": _new(view),
        "exceptions": _exceptions(view),
    }


def _work(view: dict[str, Any]) -> str:
    header = [
        "package",
        "ecosystem",
        "installed",
        "to",
        "hosts",
        "vulnerabilities",
        "kev",
        "first_deadline",
        "decision",
        "overdue",
        "excepted",
        "in_use",
        "consequences",
        "blocked",
        "on",
        "vulnerability_ids",
    ]
    return table(
        header,
        (
            [
                row["source"],
                row["ecosystem"],
                row["from"],
                row["to"] or "",
                row["hosts"],
                row["open"],
                row["kev"],
                _when(row["first_due_ms"]),
                row["decision"],
                row["overdue"],
                row["excepted"],
                [f"{use} on {count}" for use, count in sorted(row["in_use"].items())],
                row["consequences"],
                row["blocked"],
                _on(row["some"], row["hosts"]),
                row["vulns"],
            ]
            for row in view["work"]
        ),
    )


def _hosts(view: dict[str, Any]) -> str:
    header = [
        "host",
        "status",
        "looked",
        "exposure",
        "criticality",
        "controls",
        "open",
        "kev",
        "overdue",
        "excepted",
        "upgrades",
        "overdue_upgrades",
        "first_deadline",
        "decision",
        "critical",
        "high",
        "medium",
        "low",
        "none",
        "unknown_severity",
        "unknown",
    ]
    return table(
        header,
        (
            [
                row["host"],
                row["status"],
                None if row["look_ms"] is None else iso(row["look_ms"]),
                row["exposure"],
                row["criticality"],
                row["controls"],
                row["open"],
                row["kev"],
                row["overdue"],
                row["excepted"],
                row["upgrades"],
                row["overdue_upgrades"],
                _when(row["first_due_ms"]),
                row["decision"],
                *row["severity"],
                row["unknown"],
            ]
            for row in view["hosts"]
        ),
    )


def _findings(view: dict[str, Any]) -> str:
    """One row for each vulnerability in each distinct package, version and profile, with the hosts that have it."""
    on: dict[int, list[str]] = {}
    count: dict[int, int] = {}
    by_lot: list[list[str]] = [[] for _lot in view["lots"]]
    for row in view["hosts"]:
        for lot in row["lots"]:
            by_lot[lot].append(row["host"])
    for lot, hosts in enumerate(by_lot):
        for number in view["lots"][lot]:
            on.setdefault(number, []).extend(hosts[:_NAMED])
            count[number] = count.get(number, 0) + len(hosts)
    header = [
        "vulnerability",
        "package",
        "installed",
        "fixed",
        "on_offer",
        "answer",
        "decision",
        "row",
        "deadline",
        "opened",
        "decided",
        "extended_days",
        "exception",
        "reopened",
        "in_use",
        "exposure",
        "criticality",
        "controls",
        "hosts",
        "on",
    ]

    def rows() -> Iterable[list[Any]]:
        for number, step in enumerate(view["steps"]):
            hosts = _on(sorted(on.get(number, ())), count.get(number, 0))
            for item in step["findings"]:
                yield [
                    item["vuln"],
                    step["source"],
                    step["version"],
                    item["fixed"] or "",
                    step["to"] or "",
                    item["answer"],
                    item["decision"],
                    item["row"],
                    _when(item["due_ms"]),
                    iso(item["opened_ms"]),
                    iso(item["decided_ms"]),
                    item["extended_ms"] // 86_400_000,
                    item["exception"] or "",
                    item["reopened"],
                    step["in_use"],
                    step["exposure"],
                    step["criticality"],
                    step["controls"],
                    count.get(number, 0),
                    hosts,
                ]

    return table(header, rows())


def _vulnerabilities(view: dict[str, Any]) -> str:
    header = [
        "vulnerability",
        "package",
        "title",
        "severity",
        "cvss",
        "vector",
        "epss",
        "kev",
        "kev_due",
        "exploitation",
        "automatable",
        "technical_impact",
        "published",
        "decision",
        "first_deadline",
        "answer",
        "fixed",
        "open_on",
        "excepted_on",
        "disagree",
        "told_by",
        "advisories",
        "references",
    ]
    return table(
        header,
        (
            [
                row["vuln"],
                row["source"],
                row["title"],
                row["severity"],
                _score(row["cvss"], 1),
                row["vector"],
                _score(row["epss"], 5),
                row["kev"],
                "" if row["kev_due_ms"] is None else iso(row["kev_due_ms"]),
                row["exploitation"],
                row["automatable"],
                row["technical_impact"],
                None if row["published_ms"] is None else iso(row["published_ms"]),
                row["decision"],
                _when(row["first_due_ms"]),
                row["answers"],
                row["fixed"],
                row["open"],
                row["excepted"],
                row["disagree"],
                row["by"],
                row["advisories"],
                row["references"],
            ]
            for row in view["vulnerabilities"]
        ),
    )


def _new(view: dict[str, Any]) -> str:
    return table(
        ["kind", "vulnerability", "package", "before", "after", "kev", "deadline", "hosts", "on"],
        (
            [
                row["kind"],
                row["vuln"],
                row["source"],
                row["before"],
                row["after"],
                row["kev"],
                _when(row["due_ms"]),
                row["hosts"],
                row["some"],
            ]
            for row in view["news"]["items"]
        ),
    )


def _exceptions(view: dict[str, Any]) -> str:
    return table(
        ["id", "kind", "standing", "expires", "owner", "reason", "ticket", "hosts", "findings"],
        (
            [
                row["id"],
                row["kind"],
                row["standing"],
                iso(row["until_ms"]),
                row["owner"],
                row["reason"],
                row["ticket"],
                row["hosts"],
                row["findings"],
            ]
            for row in view["exceptions"]
        ),
    )
