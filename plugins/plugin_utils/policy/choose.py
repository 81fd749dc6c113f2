# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which of a host's candidates the policy takes. Pure.

The unit is a source package: packages built from one source usually depend on each other in exactly one version, so
they are taken or left together. A source is a security update if one of its packages is. Patterns (`only`, `exclude`)
match the source's name or the name of any of its packages.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.patch_types import type_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.ages import Age, Sightings
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.facts import malformed, scheme_of_state, section
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Select
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.orders import Order, recall_of, recall_text
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.types import refusal
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import duration_text
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import plain, utc

Candidate = Mapping[str, Any]


class Left(NamedTuple):
    """A candidate that is not taken."""

    candidate: Candidate
    why: str
    detail: str


class Choice(NamedTuple):
    """What of one host's candidates is taken."""

    taken: list[Candidate]
    left: list[Left]


def holds_of(state: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Holds and pins by package name; a hold is stronger than a pin."""
    found: dict[str, Mapping[str, Any]] = {}
    for item in section(state, "holds")[0] or []:
        name = str(item.get("name"))
        if name not in found or item.get("kind") == "hold":
            found[name] = item
    return found


def hold_why(hold: Mapping[str, Any]) -> tuple[str, str]:
    """The reason's name and its detail for a hold."""
    why = {"hold": "held", "pin": "pinned", "exclude": "excluded"}.get(str(hold.get("kind")), "held")
    detail = plain(hold.get("reason") or f"{plain(hold.get('kind'), 20)} on this host")
    return why, detail + (f" ({plain(hold['where'], 100)})" if hold.get("where") else "")


def choose(
    state: Mapping[str, Any],
    select: Select,
    exclude: Iterable[str],
    platform: str,
    sightings: Sightings,
    now_ms: int,
    recalls: Sequence[Order] = (),
    closing: Collection[str] | None = None,
) -> Choice:
    """Apply `select`, the host's own `exclude` patterns and recalls to the candidates of a state that is not in
    `trouble`. `closing`: packages that `select.closes` asks for, None where the policy does not have it."""
    candidates, _why = section(state, "candidates")
    holds, left, scheme = holds_of(state), [], scheme_of_state(state)
    sources: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        bad = malformed(candidate)
        if bad:
            safe = {
                "name": plain(candidate.get("name"), 100),
                "arch": plain(candidate.get("arch"), 30),
                "version": None,
            }
            left.append(Left(safe, "unknown", f"the host's answer about it cannot be used: {bad}"))
        elif candidate.get("kept_back"):
            left.append(_kept_back(candidate, holds))
        else:
            sources.setdefault(candidate["source"], []).append(candidate)
    broken = {str(item.get("source")) for item in candidates if malformed(item)}
    taken: dict[str, list[Candidate]] = {}
    for source, group in sources.items():
        ages = [sightings.age(platform, item, int(state["seen_ms"]), now_ms, scheme) for item in group]
        verdict = ("unknown", "a package of the same source cannot be used") if source in broken else None
        verdict = verdict or _recalled(source, group, recalls)
        verdict = verdict or _closes_nothing(source, group, closing)
        verdict = verdict or _verdict(source, group, select, tuple(exclude), ages, now_ms)
        if verdict:
            left += [Left(item, *verdict) for item in group]
        else:
            taken[source] = group
    return _followers(sources, taken, left)


def _kept_back(candidate: Candidate, holds: Mapping[str, Mapping[str, Any]]) -> Left:
    hold = holds.get(candidate["name"])
    if hold:
        return Left(candidate, *hold_why(hold))
    reason = plain(candidate["kept_back"])
    return Left(candidate, "phased" if candidate.get("phased") is not None else "kept_back", reason)


def _closes_nothing(source: str, group: list[Candidate], closing: Collection[str] | None) -> tuple[str, str] | None:
    if closing is None or all(item["action"] != "upgrade" for item in group):
        return None
    if any(name in closing for name in (source, *(item["name"] for item in group))):
        return None
    return "not_selected", "it closes no finding that select.closes asks for"


def _verdict(
    source: str, group: list[Candidate], select: Select, exclude: tuple[str, ...], ages: list[Age], now_ms: int
) -> tuple[str, str] | None:
    """Why a source is left out, or None. What only removes or only installs follows the others, see `_followers`."""
    glob = _match(source, group, exclude)
    if glob:
        return "excluded", f"the policy excludes '{plain(glob, 100)}'"
    if all(item["action"] != "upgrade" for item in group) and not _replaces(group):
        return None
    if select.only and not _match(source, group, select.only):
        return "not_selected", "select.only does not name it"
    unwanted = refusal(group, select.types)
    if unwanted:
        return "not_selected", unwanted
    security = type_of(group) == "security"
    kind = "security" if security else "other"
    if not (select.security if security else select.other):
        unsaid = any(item["security"] is None for item in group) and not security
        why = "nothing says whether it is for security (no advisory data), and " if unsaid else ""
        return "not_selected", f"{why}select.{kind} is false"
    delay = select.delay_security_ms if security else select.delay_other_ms
    at_least = max(age.at_least_ms for age in ages)
    if at_least >= delay:
        return None
    if any(age.known_ms is not None for age in ages):
        return (
            "too_young",
            (
                f"{duration_text(at_least)} old; select.delay.{kind} is {duration_text(delay)}, reached"
                f" {utc(now_ms + delay - at_least)}"
            ),
        )
    if select.age_unknown == "allow":
        return None
    return "age_unknown", f"nothing dates it; select.delay.{kind} is {duration_text(delay)}"


def _recalled(source: str, group: list[Candidate], recalls: Sequence[Order]) -> tuple[str, str] | None:
    found = (
        recall_of(recalls, source, str(item.get("source_version") or ""), str(item["name"]), str(item["version"]))
        for item in group
    )
    order = next((order for order in found if order), None)
    return ("recalled", recall_text(order)) if order else None


def _replaces(group: list[Candidate]) -> bool:
    """Whether a source brings a new package and takes an old one away: one that obsoletes another, an upgrade under a
    new name."""
    actions = {item["action"] for item in group}
    return actions == {"install", "remove"}


def _match(source: str, group: list[Candidate], globs: tuple[str, ...]) -> str | None:
    names = [source, *(item["name"] for item in group)]
    return next((glob for glob in globs if any(fnmatchcase(name, glob) for name in names)), None)


def _followers(sources: Mapping[str, list[Candidate]], taken: dict[str, list[Candidate]], left: list[Left]) -> Choice:
    """Sources that only install or remove packages follow the upgrades that caused them.

    Which upgrade needs them is not known here. A new package is taken with any upgrade: without one that is needed
    the host's own simulation refuses, which stops the rollout and is seen. A removal is taken only if every upgrade
    is: a needless one would do harm.
    """
    upgrading = {
        source
        for source, group in sources.items()
        if any(item["action"] == "upgrade" for item in group) or _replaces(group)
    }
    chosen = upgrading & set(taken)
    result: list[Candidate] = []
    for group in taken.values():
        for item in group:
            if _replaces(group):
                result.append(item)
            elif item["action"] == "install" and not chosen:
                left.append(Left(item, "not_selected", "no upgrade of this host that could need it is selected"))
            elif item["action"] == "remove" and (not chosen or upgrading - chosen):
                left.append(Left(item, "not_selected", "removals are taken only if every upgrade of the host is"))
            else:
                result.append(item)
    return Choice(result, left)
