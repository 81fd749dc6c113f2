# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The terminal summary of an assessment: what to patch first. Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.report.layout import Cell, Layout
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.text import names, plural
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.times import age, day, utc

WORK, HOSTS, NEWS, REASONS, NO_FIX = 12, 10, 10, 8, 5
WORDS = {"entered_kev": "entered KEV", "decision": "decided anew", "appeared": "new", "gone": "gone"}


def assess_lines(view: dict[str, Any], out: Layout) -> None:
    """Into `out`: the fleet at a glance, the work list, the most vulnerable hosts, what is new, what is not known."""
    now_ms = view["generated_ms"]
    out.heading(f"Vulnerabilities of fleet {view['fleet']}, {utc(now_ms)}")
    _glance(view, now_ms, out)
    _work(view, now_ms, out)
    _hosts(view, now_ms, out)
    _news(view, now_ms, out)
    _exceptions(view, now_ms, out)
    _unknown(view, out)


def deadline(ms: int | None, now_ms: int) -> Cell:
    """`in 3 d`, `2 days overdue`, or `none`."""
    if ms is None:
        return "none", "soft"
    if ms < now_ms:
        late = (now_ms - ms) // 86_400_000
        return (f"{plural(late, 'day')} overdue" if late else "overdue"), "bad"
    return age(ms, now_ms), "warn" if ms - now_ms < 7 * 86_400_000 else ""


def _glance(view: dict[str, Any], now_ms: int, out: Layout) -> None:
    total = view["summary"]
    hosts = [(f"{total['hosts']:,}", "bold"), (f"{total['assessed']:,} assessed", "ok" if total["assessed"] else "")]
    hosts += [(f"{total['stale']:,} by an older look", "unk")] * bool(total["stale"])
    hosts += [(f"{total['unknown']:,} unknown", "unk")] * bool(total["unknown"])
    out.fact("Hosts", hosts)
    found = [(f"{total['vulnerabilities']:,} on {plural(total['with_open'], 'host')}", "bold")]
    found += [
        (f"{count:,} {name}", "bad" if name == "critical" else "unk" if name == "unknown" else "")
        for name, count in total["severity"].items()
        if count
    ]
    out.fact("Open vulnerabilities", found if total["vulnerabilities"] else [("0", "ok")])
    kev = (f"{total['kev']:,} on {plural(total['kev_hosts'], 'host')}", "bad") if total["kev"] else ("0 found", "ok")
    out.fact("Known exploited", [kev])
    late = (f"{total['overdue']:,} on {plural(total['overdue_hosts'], 'host')}", "bad")
    out.fact("Overdue", [late if total["overdue"] else ("0", "ok")])
    if total["excepted"]:
        out.fact("Excepted", [(f"{total['excepted']:,}", "info")])
    scheme = view["scheme"]
    counts = "first seen" if scheme["counts_from"] == "first_seen" else "publication"
    out.fact("Decided by", [(f"{scheme['name']} {scheme['version']}".strip(), ""), (f"counted from {counts}", "soft")])
    out.fact("Data", [_feed(item, now_ms) for item in view["feeds"]] or [("none", "unk")])


def _feed(item: dict[str, Any], now_ms: int) -> Cell:
    aged = "no date" if item["as_of_ms"] is None else f"of {day(item['as_of_ms'])}"
    if item["problem"]:
        return f"{item['name']} {aged}: {item['problem']}", "unk"
    old = item["as_of_ms"] is not None and now_ms - item["as_of_ms"] > 7 * 86_400_000
    return f"{item['name']} {aged}", "warn" if old else ""


def _work(view: dict[str, Any], now_ms: int, out: Layout) -> None:
    todo = [row for row in view["work"] if row["to"] is not None and row["open"]]
    stuck = [row for row in view["work"] if row["to"] is None and row["open"]]
    if todo:
        out.heading("Patch first")
    for row in todo[:WORK]:
        out.text(_job(row), "bold", indent=2, hang=4)
        text, css = deadline(row["first_due_ms"], now_ms)
        out.text(f"{_closes(row)}, {_due(text, row)}", css, indent=6, hang=2)
        more = [*row["consequences"], *([row["blocked"]] if row["blocked"] else [])]
        if more:
            out.text("; ".join(more), "soft", indent=6, hang=2)
    out.more(len(todo) - WORK, "upgrades")
    if stuck:
        out.heading("Open without an upgrade on offer")
        for row in stuck[:NO_FIX]:
            text, css = deadline(row["first_due_ms"], now_ms)
            out.text(
                f"{row['source']} {_versions(row['from'])} on {plural(row['hosts'], 'host')}: {row['blocked']}; "
                f"{_closes(row, 'has')}, {_due(text, row)}",
                css,
                indent=2,
                hang=4,
            )
        out.more(len(stuck) - NO_FIX, "packages")


def _job(row: dict[str, Any]) -> str:
    return f"{row['source']} {_versions(row['from'])} → {row['to']} on {plural(row['hosts'], 'host')}"


def _versions(found: list[str]) -> str:
    return names(found, 2)


def _closes(row: dict[str, Any], verb: str = "closes") -> str:
    kev = f", {len(row['kev'])} in KEV" if row["kev"] else ""
    excepted = f" ({row['excepted']} excepted)" if row["excepted"] else ""
    count = "1 vulnerability" if row["open"] == 1 else f"{row['open']:,} vulnerabilities"
    return f"{verb} {count}{excepted}{kev}"


def _due(text: str, row: dict[str, Any]) -> str:
    if text == "none":
        return f"no deadline ({row['decision']})"
    return f"first deadline {text} ({row['decision']})"


def _hosts(view: dict[str, Any], now_ms: int, out: Layout) -> None:
    worst = [row for row in view["hosts"] if row["open"]]
    if not worst:
        return
    out.heading("Most vulnerable hosts")
    rows = []
    for row in worst[:HOSTS]:
        text, css = deadline(row["first_due_ms"], now_ms)
        rows.append(
            [
                (row["host"], "bold"),
                (f"{row['overdue_upgrades']:,}", "bad" if row["overdue_upgrades"] else ""),
                (f"{row['kev']:,}", "bad" if row["kev"] else ""),
                (text, css),
                (f"{row['upgrades']:,}", ""),
                (f"{row['open']:,}", ""),
                (f"{row['severity'][0]:,}", "bad" if row["severity"][0] else ""),
                (row["exposure"], "unk" if row["exposure"] == "unknown" else ""),
                (row["criticality"], "unk" if row["criticality"] == "unknown" else ""),
            ]
        )
    head = ["Host", "Overdue", "KEV", "First deadline", "Packages", "Vulns", "Critical", "Exposure", "Criticality"]
    if out.columns < 100:
        head, rows = head[:-1], [row[:-1] for row in rows]
    out.table(head, rows, right={1, 2, 4, 5, 6})
    out.more(len(worst) - HOSTS, "hosts")


def _news(view: dict[str, Any], now_ms: int, out: Layout) -> None:
    news = view["news"]
    if news["since_ms"] is None:
        return
    out.heading(f"New since {utc(news['since_ms'])}")
    if not news["lines"]:
        out.text("Nothing.", "ok", indent=2)
    for row in news["lines"][:NEWS]:
        count = "1 vulnerability" if row["vulns"] == 1 else f"{row['vulns']:,} vulnerabilities"
        which = names(row["some"], 3) if row["vulns"] <= 3 else f"{count}, {names(row['some'], 1)}"
        css = "bad" if row["kev"] and row["kind"] != "gone" else "ok" if row["kind"] == "gone" else ""
        text = f"{WORDS[row['kind']]}: {row['source']}: {which} on {plural(row['hosts'], 'host')}: {row['after']}"
        if row["due_ms"] is not None and row["kind"] != "gone":
            text += f", deadline {deadline(row['due_ms'], now_ms)[0]}"
        out.text(text, css, indent=2, hang=4)
    out.more(len(news["lines"]) - NEWS, "changes")


def _exceptions(view: dict[str, Any], now_ms: int, out: Layout) -> None:
    told = [row for row in view["exceptions"] if row["standing"] in ("expired", "ends_soon")]
    if not told:
        return
    out.heading("Exceptions that ended or end soon")
    for row in told:
        when = f"expired {day(row['until_ms'])}: its findings are open" if row["standing"] == "expired" else ""
        when = when or f"ends {age(row['until_ms'], now_ms)}"
        css = "bad" if row["standing"] == "expired" else "warn"
        out.text(f"{row['id']} ({row['kind']}, {row['owner']}): {when}; {row['reason']}", css, indent=2, hang=4)


def _unknown(view: dict[str, Any], out: Layout) -> None:
    if not view["unknown"] and not view["assumptions"]:
        return
    out.heading("Not known, and what to do next")
    for item in view["unknown"][:REASONS]:
        where = f" of {names(item['hosts'], 3)}" if item["hosts"] else ""
        out.text(f"{item['what']}{where}: {item['why']}", "unk", indent=2, hang=4)
        out.text(f"Next: {item['next']}", indent=6, hang=2)
    out.more(len(view["unknown"]) - REASONS, "reasons")
    for item in view["assumptions"]:
        out.text(
            f"{item['input']} is unknown for {item['of']}; it counts as {item['counts_as']}", "unk", indent=2, hang=4
        )
        out.text(f"Next: {item['next']}", indent=6, hang=2)
