# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From what hosts and feeds say to the inputs of a decision; what nobody says is `unknown`. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.model import Facts, Profile, Risk
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.words import (
    CRITICALITY,
    EXPOSURE,
    UNKNOWN,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import FIX, NO_FIX
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import plain

EXPOSURES = {
    **{word: word for word in EXPOSURE},
    "internet": "open",
    "public": "open",
    "external": "open",
    "internal": "controlled",
    "isolated": "small",
}
CRITICALITIES = {word: word for word in CRITICALITY}
HUMAN_IMPACTS = {"low": "low", "medium": "medium", "high": "high", "critical": "very high"}
"""The human impact that a host's criticality stands for, unless the policy says otherwise."""


def profile_of(
    risk: Risk, host: str, variables: Mapping[str, Any], controls: Iterable[str], matches: Mapping[str, Collection[str]]
) -> tuple[Profile, list[str]]:
    """A host's profile, and a sentence for each value that nothing knows.

    `variables` are the host's `lockstep_exposure` and `lockstep_criticality`; `controls` those that were found on it;
    `matches` the hosts of the policy's patterns.
    """
    notes: list[str] = []
    exposure = _known("lockstep_exposure", variables, {**EXPOSURES, **dict(risk.exposure)}, EXPOSURE, notes)
    criticality = _known(
        "lockstep_criticality", variables, {**CRITICALITIES, **dict(risk.criticality)}, CRITICALITY, notes
    )
    impact = {**HUMAN_IMPACTS, **dict(risk.human_impact)}.get(criticality, UNKNOWN)
    declared = {rule.control for rule in risk.controls if rule.pattern and host in matches.get(rule.pattern, ())}
    wanted = {rule.control for rule in risk.controls}
    return Profile(exposure, criticality, impact, tuple(sorted({*controls, *declared} & wanted))), notes


def _known(
    name: str, variables: Mapping[str, Any], words: Mapping[str, str], values: tuple[str, ...], notes: list[str]
) -> str:
    given = variables.get(name)
    if given is None or str(given).strip().lower() in ("", UNKNOWN):
        return UNKNOWN
    found = words.get(str(given).strip().lower())
    if found is None:
        key = name[len("lockstep_") :]
        notes.append(
            f"{name} is '{plain(given, 60)}', which is none of {', '.join(values)};"
            f" say in the policy what it is: risk: {{{key}: {{{plain(given, 60)}: {values[0]}}}}}"
        )
    return found or UNKNOWN


def inputs_of(facts: Facts, profile: Profile, in_use: str, answer: str) -> dict[str, Any]:
    """Every input of a decision."""
    return {
        "kev": facts.kev,
        "exploitation": "active" if facts.kev == "yes" else facts.exploitation,
        "automatable": facts.automatable,
        "technical_impact": facts.technical_impact,
        "severity": facts.severity,
        "exposure": profile.exposure,
        "criticality": profile.criticality,
        "human_impact": profile.human_impact,
        "in_use": in_use,
        "fix": {FIX: "available", NO_FIX: "none"}.get(answer, UNKNOWN),
        "cvss": UNKNOWN if facts.cvss is None else facts.cvss,
        "epss": UNKNOWN if facts.epss is None else facts.epss,
    }
