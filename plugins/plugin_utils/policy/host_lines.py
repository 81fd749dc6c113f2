# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which of a plan's lines one host takes, from the plan and the host's state as it is now. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.choose import hold_why, holds_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.facts import installed, section
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.summary import SKIPPED
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.versions import compare

Line = dict[str, Any]


def host_lines(
    body: Mapping[str, Any], state: Mapping[str, Any], left_out: Iterable[Mapping[str, Any]] = ()
) -> tuple[list[Line], list[dict[str, Any]]]:
    """`(lines, skip)` of the host that `state` describes.

    `left_out` are the plan's entries of this host; without them (somebody has only the plan's file) what held and what is offered
    today decides. `skip` is `[{package, arch, version, why, detail, next}]`: lines for packages that the host has and does not take, also
    `newer`, which is never downgraded. A line that the host has already carried out is in neither list.
    """
    platform = (section(state, "platform")[0] or {}).get("id")
    mine = [line for line in body["lines"] if line["platform"] == platform]
    have, holds = installed(state), holds_of(state)
    offered = {(item["name"], item["arch"]): item for item in section(state, "candidates")[0] or []}
    stems = {(item["source"], _stem(item["name"]), item["arch"]) for item in offered.values() if item["action"] == "install"}
    out = {(item["package"], item["arch"]): item for item in left_out if item.get("package") and not item.get("taken")}
    whole = next((item for item in left_out if not item.get("package")), None)
    lines: list[Line] = []
    skip: list[dict[str, Any]] = []
    stopped: dict[str, dict[str, Any]] = {}
    for line in mine:
        key = (line["package"], line["arch"])
        has = have.get(key)
        if line["action"] == "upgrade":
            if has is None:
                continue
            order = compare(has["version"], line["version"])
            if order == 0:
                continue
            if order > 0:
                skip.append(_skip(line, "newer", f"{has['version']} is installed"))
                continue
        elif line["action"] == "install":
            if has is not None and compare(has["version"], line["version"]) >= 0:
                continue
            if has is None and key not in out and (line["source"], _stem(line["package"]), line["arch"]) not in stems:
                continue
        elif has is None or offered.get(key, {}).get("action") != "remove":
            continue
        reason = _reason(line, out.get(key), whole, holds, offered.get(key))
        if reason:
            skip.append(_skip(line, *reason))
            if reason[0] != "phased":
                stopped[line["source"]] = skip[-1]
        else:
            lines.append(line)
    together = [line for line in lines if line["source"] in stopped]
    for line in together:
        cause = stopped[line["source"]]
        skip.append(_skip(line, cause["why"], f"with {cause['package']} of the same source: {cause['detail']}"))
    return _one_version([line for line in lines if line["source"] not in stopped]), skip


def _reason(
    line: Line,
    left: Mapping[str, Any] | None,
    whole: Mapping[str, Any] | None,
    holds: Mapping[str, Mapping[str, Any]],
    offered: Mapping[str, Any] | None,
) -> tuple[str, str] | None:
    """Why a host does not take a line that would change it."""
    if whole:
        return str(whole["why"]), str(whole["detail"])
    if left and (left["version"] is None or line["version"] is None or compare(left["version"], line["version"]) <= 0 or left["why"] != "phased"):
        return str(left["why"]), str(left["detail"])
    hold = holds.get(line["package"])
    if hold and hold.get("kind") == "hold":
        return hold_why(hold)
    if line["phased"] is not None and (not offered or offered["version"] != line["version"] or offered.get("kept_back")):
        return "phased", "the vendor does not offer it to this host"
    return None


def _stem(name: str) -> str:
    """A package's name without its numbers: kernels carry their version in it."""
    return re.sub(r"[0-9]+", "#", name)


def _one_version(lines: list[Line]) -> list[Line]:
    """Of a phased and a common version of one package the newer one."""
    best: dict[tuple[str, str], Line] = {}
    for line in lines:
        key = (line["package"], line["arch"])
        known = best.get(key)
        if known is None or (line["version"] and known["version"] and compare(line["version"], known["version"]) > 0):
            best[key] = line
    return list(best.values())


def _skip(line: Line, why: str, detail: str) -> dict[str, Any]:
    reason = SKIPPED.get(why)
    return {
        "package": line["package"],
        "arch": line["arch"],
        "version": line["version"],
        "why": why,
        "detail": detail,
        "next": reason.next if reason else "",
    }
