# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The plan: which versions the fleet takes, frozen, and what is left out and why. Pure.

docs/plan.md explains the rules; the shape is in docs/architecture.md and `plan_file.SCHEMA`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import digest
from ansible_collections.lockstep.patching.plugins.module_utils._model.managers import words
from ansible_collections.lockstep.patching.plugins.module_utils._model.patch_types import (
    BASES,
    basis_of,
    ids_of,
    strongest,
    type_of,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.ages import FirstSeen, Sightings
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.choose import Candidate, Left, choose, holds_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.coverage import Coverage, withheld
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.facts import scheme_of_state, section, trouble
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.merge import Step, merge
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.orders import Order
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.settings import Settings, effective
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.summary import LEFT_OUT

SCHEMA = 1

Body = dict[str, Any]
Scope = Sequence[Mapping[str, Any]]
"""`[{ring, hosts: [name]}]` in the order of the policy."""


def plan_id(body: Body) -> str:
    """SHA-256 of the plan's canonical JSON."""
    return digest(body)


def build_plan(
    fleet: str,
    policy: Policy,
    scope: Scope,
    states: Mapping[str, Mapping[str, Any] | None],
    first_seen: FirstSeen,
    now_ms: int,
    settings: Mapping[str, Settings] | None = None,
    recalls: Sequence[Order] = (),
    closing: Mapping[str, Collection[str]] | None = None,
) -> tuple[Body, list[dict[str, Any]]]:
    """Freeze a plan.

    `states` has `{seen_ms, reachable, error, answer, sections}` of each host of the scope, `first_seen`
    `{(platform, package, arch, version): ms}`. `settings` are the hosts' effective settings (`settings.effective`);
    without them the policy must have no `for:` patterns. `recalls` are the versions that people took back. Returns
    the body and what is left out: `[{host, platform, package, arch, version, why, detail, next, taken}]`, where
    platform, package, arch and version are None for a whole host, and `taken` is true only for an untested step
    that the policy allows. `closing` has for each host the packages that `select.closes` asks for: what one host of a
    platform needs, all of them take, so that the first ring proves it; None where the policy does not have it.
    """
    sightings = Sightings(first_seen)
    platforms: dict[str, str] = {}
    chosen: dict[str, dict[str, list[Candidate]]] = {}
    pins: dict[str, dict[str, set[str]]] = {}
    left: list[dict[str, Any]] = []
    asked = None if closing is None else _by_platform(closing, states)
    for entry in scope:
        for host in entry["hosts"]:
            state = states.get(host)
            problem = trouble(state, now_ms, policy.look_max_age_ms, policy.index_max_age_ms)
            if state is None or problem:
                why, detail, next_step = problem or (
                    "unknown",
                    "no look at this host is known",
                    "run detect and plan again",
                )
                left.append(_entry(host, None, None, why, detail, next_step))
                continue
            own = settings[host] if settings is not None else effective(policy, entry["ring"], host, {}, {})
            platform = platforms[host] = str(section(state, "platform")[0]["id"])
            wanted = None if asked is None else asked.get(platform, set())
            choice = choose(state, policy.select, own.exclude, platform, sightings, now_ms, recalls, wanted)
            chosen.setdefault(platform, {})[host] = choice.taken
            pins.setdefault(platform, {})[host] = set(holds_of(state))
            manager = str((section(state, "manager")[0] or {}).get("name") or "")
            left += [_left(host, platform, item, manager) for item in choice.left]
    steps: dict[str, list[Step]] = {}
    for platform, taken in chosen.items():
        scheme = scheme_of_state(next(states[host] or {} for host in taken))
        merged, lost = merge(taken, pins[platform], scheme)
        steps.update(merged)
        left += [_left(host, platform, item) for host, items in lost.items() for item in items]
    left += _withhold(policy, scope, states, platforms, steps)
    body = {
        "schema": SCHEMA,
        "fleet": fleet,
        "policy": policy.digest,
        "scope": [{"ring": entry["ring"], "hosts": list(entry["hosts"])} for entry in scope],
        "platforms": _platforms(platforms, states),
        "lines": _lines(platforms, steps),
    }
    left.sort(key=lambda item: tuple(str(item[key] or "") for key in ("host", "package", "arch", "version", "why")))
    return body, left


def _by_platform(
    closing: Mapping[str, Collection[str]], states: Mapping[str, Mapping[str, Any] | None]
) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for host, packages in closing.items():
        platform, _why = section(states.get(host) or {}, "platform")
        if platform:
            found.setdefault(str(platform["id"]), set()).update(packages)
    return found


def _entry(
    host: str, platform: str | None, candidate: Candidate | None, why: str, detail: str, next_step: str
) -> dict[str, Any]:
    item: Mapping[str, Any] = candidate or {}
    return {
        "host": host,
        "platform": platform,
        "package": item.get("name"),
        "arch": item.get("arch"),
        "version": item.get("version"),
        "why": why,
        "detail": detail,
        "next": next_step,
        "taken": False,
    }


def _left(host: str, platform: str, item: Left, manager: str = "") -> dict[str, Any]:
    """`manager`: whose command releases a hold."""
    step = LEFT_OUT[item.why].next
    if item.why == "held" and manager:
        step = f"release the hold ({words(manager).unhold}) once its reason is gone, then plan again"
    return _entry(host, platform, item.candidate, item.why, item.detail, step)


def _withhold(
    policy: Policy,
    scope: Scope,
    states: Mapping[str, Mapping[str, Any] | None],
    platforms: Mapping[str, str],
    steps: dict[str, list[Step]],
) -> list[dict[str, Any]]:
    """Take out of `steps` what the first ring does not prove, source by source, and list it."""
    if not scope:
        return []
    first, coverage = scope[0], Coverage()
    for host in first["hosts"]:
        if host in platforms:
            coverage.add(platforms[host], steps[host], states[host] or {})
    listed: list[dict[str, Any]] = []
    for host in (name for entry in scope[1:] for name in entry["hosts"] if name in platforms):
        platform = platforms[host]
        levels = {step.key: coverage.level(platform, step) for step in steps[host]}
        stopped = {
            step.candidate["source"] for step in steps[host] if withheld(levels[step.key], policy.select.untested)
        }
        for step in steps[host]:
            out = step.candidate["source"] in stopped
            if not out and levels[step.key] == "same_step":
                continue
            detail = coverage.detail(platform, step, first["ring"])
            if levels[step.key] == "same_step":
                detail = "another package of its source is untested, and they are taken together"
            entry = _entry(host, platform, step.candidate, "untested", detail, LEFT_OUT["untested"].next)
            listed.append({**entry, "taken": not out})
        steps[host] = [step for step in steps[host] if step.candidate["source"] not in stopped]
    return listed


def _platforms(platforms: Mapping[str, str], states: Mapping[str, Mapping[str, Any] | None]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for host, platform in platforms.items():
        content = section(states[host], "platform")[0]
        found.setdefault(
            platform, {key: content.get(key) for key in ("os", "version", "arch", "manager", "repositories")}
        )
    return found


def _origin(candidate: Candidate) -> dict[str, str]:
    """The origin that a line names: the security archive of a security update, else the first."""
    origins = candidate.get("origins") or [{}]
    if candidate["security"]:
        origins = sorted(
            origins, key=lambda item: "security" not in " ".join(str(value) for value in item.values()).lower()
        )
    return {key: str(origins[0].get(key) or "") for key in ("origin", "label", "codename", "component")}


def _lines(platforms: Mapping[str, str], steps: Mapping[str, list[Step]]) -> list[dict[str, Any]]:
    lines: dict[tuple[Any, ...], dict[str, Any]] = {}
    for host in sorted(steps):
        for step in steps[host]:
            item = step.candidate
            line = lines.setdefault(
                (platforms[host], *step.key),
                {
                    "platform": platforms[host],
                    "package": item["name"],
                    "arch": item["arch"],
                    "action": item["action"],
                    "from": [],
                    "version": item["version"],
                    "source": item["source"],
                    "source_version": item["source_version"] or "",
                    **_origin(item),
                    "security": item["security"],
                    "type": "unclassified",
                    "type_from": basis_of(item),
                    "advisories": [],
                    "phased": item.get("phased"),
                    "size": item.get("size"),
                    "sha256": item.get("sha256"),
                },
            )
            # which advisories lie between differs with the version that a host starts from: the line has them all
            line["type"] = strongest((line["type"], type_of([item])))
            line["security"] = line["type"] == "security" or line["security"]
            line["type_from"] = min(line["type_from"], basis_of(item), key=BASES.index)
            line["advisories"] = sorted({*line["advisories"], *ids_of(item)})
            if step.installed is not None and step.installed not in line["from"]:
                line["from"] = sorted([*line["from"], step.installed])
    return [lines[key] for key in sorted(lines, key=lambda key: (*key[:3], str(key[4] or ""), key[3]))]
