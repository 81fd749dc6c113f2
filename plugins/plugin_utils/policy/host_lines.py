# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which of a plan's lines one host takes, from the plan and the host's state as it is now. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.choose import hold_why, holds_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.facts import installed, scheme_of_state, section
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.summary import SKIPPED
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.versions import compare

Line = dict[str, Any]


def host_lines(
    body: Mapping[str, Any],
    state: Mapping[str, Any],
    left_out: Iterable[Mapping[str, Any]] = (),
    exclude: Iterable[str] = (),
) -> tuple[list[Line], list[dict[str, Any]]]:
    """`(lines, skip)` of the host that `state` describes.

    `left_out` are the plan's entries of this host; without them (somebody has only the plan's file, or the host was
    out of reach when the plan was made) `exclude`, what is held and what is offered today decide. An upgrade is taken
    only from a version that the plan names: another start is a step that nobody proved. `skip` is `[{package, arch,
    version, why, detail, next}]`: lines that would change the host and that it does not take, and `newer`, which is
    never downgraded. What the host has already is in neither list.
    """
    platform = (section(state, "platform")[0] or {}).get("id")
    here = _Here(state, left_out, tuple(exclude), {line["source"]: [] for line in body["lines"]})
    for line in body["lines"]:
        if line["platform"] == platform:
            here.sources[line["source"]].append(line["package"])
    lines: list[Line] = []
    skip: list[dict[str, Any]] = []
    stopped: dict[str, dict[str, Any]] = {}
    for line in (line for line in body["lines"] if line["platform"] == platform):
        if not here.concerns(line):
            continue
        reason = here.reason(line)
        if reason is None:
            lines.append(line)
            continue
        skip.append(_skip(line, *reason))
        if (line["package"], line["arch"]) not in here.out and reason[0] not in ("phased", "newer"):
            stopped[line["source"]] = skip[-1]
    for line in lines:
        if line["source"] in stopped:
            cause = stopped[line["source"]]
            skip.append(_skip(line, cause["why"], f"with {cause['package']} of the same source: {cause['detail']}"))
    return _one_version([line for line in lines if line["source"] not in stopped], here.scheme), skip


class _Here:
    """What the host has, holds and is offered."""

    def __init__(
        self,
        state: Mapping[str, Any],
        left_out: Iterable[Mapping[str, Any]],
        exclude: tuple[str, ...],
        sources: dict[str, list[str]],
    ) -> None:
        self.have, self.holds, self.exclude, self.sources = installed(state), holds_of(state), exclude, sources
        self.scheme = scheme_of_state(state)
        self.offered = {(item["name"], item["arch"]): item for item in section(state, "candidates")[0] or []}
        new = [item for item in self.offered.values() if item["action"] == "install"]
        self.stems = {(item["source"], _stem(item["name"]), item["arch"]) for item in new}
        self.out = {
            (item["package"], item["arch"]): item for item in left_out if item.get("package") and not item.get("taken")
        }

    def concerns(self, line: Line) -> bool:
        """Whether the line would change this host, or meets a newer version on it."""
        key = (line["package"], line["arch"])
        has = self.have.get(key)
        if line["action"] == "upgrade":
            return has is not None and has["version"] != line["version"]
        if line["action"] == "install":
            if has is not None:
                return compare(has["version"], line["version"], self.scheme) > 0
            return key in self.out or (line["source"], _stem(line["package"]), line["arch"]) in self.stems
        return has is not None and self.offered.get(key, {}).get("action") == "remove"

    def reason(self, line: Line) -> tuple[str, str] | None:
        """Why the host does not take a line that concerns it."""
        key = (line["package"], line["arch"])
        has = self.have.get(key)
        if (
            has is not None
            and line["version"] is not None
            and compare(has["version"], line["version"], self.scheme) > 0
        ):
            return "newer", f"{has['version']} is installed"
        if key in self.out:
            return str(self.out[key]["why"]), str(self.out[key]["detail"])
        names = [line["source"], *self.sources[line["source"]]]
        glob = next((glob for glob in self.exclude if any(fnmatchcase(name, glob) for name in names)), None)
        if glob:
            return "excluded", f"the policy excludes '{glob}'"
        hold = self.holds.get(line["package"])
        if hold and hold.get("kind") == "hold":
            return hold_why(hold)
        offered = self.offered.get(key)
        if line["phased"] is not None and (
            not offered or offered["version"] != line["version"] or offered.get("kept_back")
        ):
            return "phased", "the vendor does not offer it to this host"
        if has is not None and has["version"] not in line["from"]:
            return "untested", f"the host has {has['version']}; the plan's step starts from {', '.join(line['from'])}"
        return None


def _stem(name: str) -> str:
    """A package's name without its numbers: kernels carry their version in it."""
    return re.sub(r"[0-9]+", "#", name)


def _one_version(lines: list[Line], scheme: str) -> list[Line]:
    """Of a phased and a common version of one package the newer one."""
    best: dict[tuple[str, str], Line] = {}
    for line in lines:
        key = (line["package"], line["arch"])
        known = best.get(key)
        if known is None or (
            line["version"] and known["version"] and compare(line["version"], known["version"], scheme) > 0
        ):
            best[key] = line
    return list(best.values())


def _skip(line: Line, why: str, detail: str) -> dict[str, Any]:
    return {
        "package": line["package"],
        "arch": line["arch"],
        "version": line["version"],
        "why": why,
        "detail": detail,
        "next": SKIPPED[why].next if why in SKIPPED else "",
    }
