# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Going back to the versions before a plan: when, which hosts, and what that means for one of them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.facts import installed, scheme_of_state, section
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.versions import compare
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names, plain, plural

RULE: dict[str, Any] = {
    "on": {"enum": ["never", "failed_health", "failed"]},
    "scope": {"enum": ["host", "ring"]},
    "irreversible": {"type": "array", "items": {"type": "string", "pattern": r"^[^\s]+$"}},
}
TOUCHED = ("installed", "active", "verified", "regressed", "failed", "unreachable")
"""Statuses of hosts that a plan may have changed."""


@dataclass(frozen=True)
class Rollback:
    """When hosts go back by themselves."""

    on: str = "never"
    """`never`; `failed_health`: a host has regressed; `failed`: also one whose transaction failed."""
    scope: str = "host"
    """`host`, or `ring`: all hosts of its ring that the plan has changed."""
    irreversible: tuple[str, ...] = ()
    """Packages or sources whose scripts cannot be undone: a host that takes one is not rollback-able."""

    def wanted(self, status: str) -> bool:
        """Whether a host with this status goes back by itself."""
        return status == "regressed" and self.on != "never" or status == "failed" and self.on == "failed"


def rule_of(given: Mapping[str, Any]) -> Rollback:
    """The policy's `rollback`."""
    return Rollback(**{**given, "irreversible": tuple(given.get("irreversible", ()))})


class Way(NamedTuple):
    """What going back means for a host."""

    lines: list[dict[str, Any]]
    """As in a plan, with action `downgrade`, `install` or `remove`; `sha256` and `size` are None until they are
    known."""
    problem: str
    """Why the host cannot go back, or an empty text."""
    lost: list[str]
    """Security fixes that are gone again, in words."""


def way_back(
    body: Mapping[str, Any],
    before: Mapping[str, Any],
    now: Mapping[str, Any],
    only: str = "",
    irreversible: Iterable[str] = (),
) -> Way:
    """The way from the state `now` to the versions of the state `before`, for what the plan `body` has changed.

    `only`: the name of a package or source, then all packages of that source go back and the rest stays.
    """
    for name, state in (("before the plan", before), ("now", now)):
        why = section(state, "packages")[1] or section(state, "platform")[1]
        if why:
            return Way([], f"the packages {name} are unknown: {why}", [])
    platform = section(before, "platform")[0]["id"]
    planned = [line for line in body["lines"] if line["platform"] == platform]
    if only:
        sources = {line["source"] for line in planned if only in (line["package"], line["source"])}
        planned = [line for line in planned if line["source"] in sources]
    had, has, scheme = installed(before), installed(now), scheme_of_state(before)
    lines: list[dict[str, Any]] = []
    foreign: list[str] = []
    for key, steps in _by_package(planned).items():
        old, new = had.get(key), has.get(key)
        if (old and old["version"]) == (new and new["version"]):
            continue
        if new is not None and new["version"] not in {step["version"] for step in steps}:
            foreign.append(f"{key[0]} is {plain(new['version'], 100)}")
            continue
        lines.append(_line(steps[0], old, new, scheme))
    if foreign:
        return Way([], f"changed since by somebody else: {names(foreign)}", [])
    stuck = [line["package"] for line in lines if _any(line, irreversible)]
    if stuck:
        return Way([], f"the policy calls it irreversible: {names(stuck)}", [])
    kernels = [line["package"] for line in lines if line["action"] == "remove" and "kernel" in _kinds(line)]
    if kernels:
        return Way([], f"a new kernel is not taken back ({names(kernels)}): boot the old one from the boot loader", [])
    lost = [
        f"{line['package']} {line['from'][0]} → {line['version'] or 'removed'}"
        for line in lines
        if line["security"] and line["from"]
    ]
    return Way(lines, "", lost)


def _by_package(lines: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for line in lines:
        found.setdefault((line["package"], line["arch"]), []).append(line)
    return found


def _line(
    planned: Mapping[str, Any], old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, scheme: str
) -> dict[str, Any]:
    if old is None:
        action = "remove"
    elif new is None:
        action = "install"
    else:
        action = "downgrade" if compare(old["version"], new["version"], scheme) < 0 else "upgrade"
    return {
        **planned,
        "action": action,
        "from": [new["version"]] if new else [],
        "version": old["version"] if old else None,
        "source": str(old["source"]) if old else planned["source"],
        "source_version": str(old["source_version"] or "") if old else "",
        "phased": None,
        "size": None,
        "sha256": None,
    }


def _any(line: Mapping[str, Any], globs: Iterable[str]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs for name in (line["package"], line["source"]))


def _kinds(line: Mapping[str, Any]) -> set[str]:
    return (
        {"kernel"} if _any(line, ("linux-image-[0-9]*", "kernel-core", "kernel-default", "kernel-uek-core")) else set()
    )


def judge_back(lines: Sequence[Mapping[str, Any]], now: Mapping[str, Any]) -> list[str]:
    """What is not as it was before the plan, in words; empty when the host is back."""
    if section(now, "packages")[1]:
        return [f"the installed packages are unknown: {section(now, 'packages')[1]}"]
    has = installed(now)
    wrong = []
    for line in lines:
        found = has.get((line["package"], line["arch"]))
        if (found["version"] if found else None) != line["version"]:
            is_now = plain(found["version"], 100) if found else "not installed"
            wrong.append(f"{line['package']} is {is_now}; it was {line['version'] or 'not installed'} before")
        elif found and found["status"] != "installed":
            wrong.append(f"{line['package']} is {plain(found['status'], 40)}")
    return wrong


def hosts_back(
    scope: Sequence[Mapping[str, Any]],
    statuses: Mapping[str, Mapping[str, Any]],
    ring: str = "",
    hosts: Collection[str] | None = None,
) -> list[str]:
    """Hosts of a plan that it may have changed: all, those of a ring, or those named."""
    return [
        host
        for entry in scope
        if ring in ("", entry["ring"])
        for host in entry["hosts"]
        if (hosts is None or host in hosts)
        and (statuses.get(host) or {}).get("status") in TOUCHED
        and (statuses.get(host) or {}).get("phase") != "absent"
    ]


def told(lines: Sequence[Mapping[str, Any]], lost: Sequence[str]) -> str:
    """One sentence for the record."""
    text = f"{plural(len(lines), 'package')} back to what was there before the plan"
    return text + (f"; security fixes that are gone again: {names(lost)}" if lost else "")
