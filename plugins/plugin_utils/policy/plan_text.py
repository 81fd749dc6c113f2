# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A plan as text that a person reads and compares. Pure; at most 80 columns where names allow it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import digest
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.summary import LEFT_OUT
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.types import counts_text
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names, plain, plural


def render_plan(body: Mapping[str, Any], left_out: Iterable[Mapping[str, Any]] = ()) -> str:
    """The plan: scope, lines by platform, and what is left out by reason."""
    text = [f"plan {digest(body)[:12]}  fleet {plain(body['fleet'], 60)}", "", "rings"]
    for entry in body["scope"]:
        text.append(f"  {plain(entry['ring'], 30)}: {plural(len(entry['hosts']), 'host')}: {names(entry['hosts'])}")
    for platform in sorted(body["platforms"]):
        lines = [line for line in body["lines"] if line["platform"] == platform]
        text += ["", f"{plain(platform, 60)}: {counts_text(lines)}"]
        text += [line_text(line) for line in lines] or ["  nothing"]
    left = list(left_out)
    out = [item for item in left if not item.get("taken")]
    text += [
        "",
        f"left out: {plural(len(out), 'entry') if len(out) == 1 else str(len(out)) + ' entries'}",
        *_grouped(out),
    ]
    allowed = [item for item in left if item.get("taken")]
    if allowed:
        text += ["", "taken although untested, because select.untested allows it", *_grouped(allowed)]
    return "\n".join(text) + "\n"


def line_text(line: Mapping[str, Any]) -> str:
    """`  ! openssl amd64  3.0.19 -> 3.0.20`; `!` marks security, `+` a new package, `-` a removal."""
    mark = {"install": "+", "remove": "-"}.get(line["action"], " ")
    arrow = line["version"] or "removed"
    if line["from"]:
        arrow = f"{', '.join(line['from'])} -> {arrow}"
    phased = f" (phased {line['phased']}%)" if line["phased"] is not None else ""
    named = f" ({names(line['advisories'], 2)})" if line.get("advisories") else ""
    return f"  {'!' if line['security'] else ' '}{mark} {line['package']} {line['arch']}  {arrow}{phased}{named}"


def _grouped(entries: list[Mapping[str, Any]]) -> list[str]:
    """Equal entries of several hosts as one."""
    groups: dict[tuple[str, str, str, str], list[str]] = {}
    for item in entries:
        what = (
            " ".join(plain(item[key], 100) for key in ("package", "arch", "version") if item.get(key)) or "everything"
        )
        key = (str(item["why"]), what, str(item.get("detail") or ""), str(item.get("next") or ""))
        groups.setdefault(key, []).append(str(item["host"]))
    text: list[str] = []
    for why, what, detail, step in sorted(groups):
        message = plain(detail) or (LEFT_OUT[why].message if why in LEFT_OUT else "")
        text += [f"  {why}: {what}", f"      {names(groups[why, what, detail, step])}: {message}"]
        if step and step != "nothing":
            text.append(f"      next: {plain(step)}")
    return text


def diff_plans(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """What a new plan changes: rings and lines, `-` gone, `+` come; empty where nothing differs."""

    def scope(body: Mapping[str, Any]) -> set[str]:
        return {
            f"  host {plain(host, 100)} in ring {plain(entry['ring'], 60)}"
            for entry in body["scope"]
            for host in entry["hosts"]
        }

    def lines(body: Mapping[str, Any]) -> set[str]:
        return {
            f"{line_text(line)}  [{plain(line['platform'], 60)}] {(line['sha256'] or 'no checksum')[:12]}"
            for line in body["lines"]
        }

    text: list[str] = []
    for part in (scope, lines):
        before, after = part(old), part(new)
        text += [
            f"{'-' if item in before else '+'}{item}"
            for item in sorted(before ^ after, key=lambda item: (item.lstrip(" !+-"), item not in before))
        ]
    return "\n".join(text) + "\n" if text else ""
