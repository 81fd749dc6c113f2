# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The policy's keys `risk` and `select.closes`: their schema, and their typed values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.model import Closes, ControlRule, Risk
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.scheme import COUNTS_FROM
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.words import (
    CRITICALITY,
    EXPOSURE,
    HUMAN_IMPACT,
    IN_USE,
    SEVERITY,
    UNKNOWN,
    WORDS,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.shapes import DURATION, keys
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import duration_ms

VECTORS = ("network", "adjacent", "local", "physical")
_WORD = {"type": "string", "minLength": 1}


def _some(values: tuple[str, ...]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": {"enum": list(values)}}


def _meaning(values: tuple[str, ...]) -> dict[str, Any]:
    """Words of the site's own, and what each stands for."""
    return {"type": "object", "additionalProperties": {"enum": list(values)}}


CONTROL = keys(
    {
        "control": _WORD,
        "extend": DURATION,
        "attack_vector": _some(VECTORS),
        "packages": {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": r"^[^\s]+$"}},
        "in_use": _some((*IN_USE, UNKNOWN)),
        "for": _WORD,
    },
    ("control", "extend"),
)
RISK = keys(
    {
        "scheme": _WORD,
        "counts_from": {"enum": list(COUNTS_FROM)},
        "unknown": keys({name: {"enum": list(values)} for name, values in WORDS.items()}),
        "exposure": _meaning(EXPOSURE),
        "criticality": _meaning(CRITICALITY),
        "human_impact": keys({name: {"enum": list(HUMAN_IMPACT)} for name in CRITICALITY}),
        "controls": {"type": "array", "items": CONTROL},
        "warn": DURATION,
    }
)
CLOSES = keys(
    {
        "kev": {"type": "boolean"},
        "decisions": {"type": "array", "minItems": 1, "items": _WORD},
        "due_within": DURATION,
        "severity": {"enum": list(SEVERITY[1:])},
    }
)
DEFAULTS = {"risk.scheme": Risk.scheme, "risk.warn": "14d"}
"""The value of each key that a policy leaves out."""


def risk_of(given: Mapping[str, Any]) -> Risk:
    """The value of `risk` that the schema has accepted."""

    def pairs(key: str) -> tuple[tuple[str, str], ...]:
        return tuple(sorted((str(word).strip().lower(), value) for word, value in given.get(key, {}).items()))

    return Risk(
        scheme=given.get("scheme", DEFAULTS["risk.scheme"]),
        counts_from=given.get("counts_from"),
        unknown=pairs("unknown"),
        exposure=pairs("exposure"),
        criticality=pairs("criticality"),
        human_impact=pairs("human_impact"),
        controls=tuple(_control(item) for item in given.get("controls", ())),
        warn_ms=duration_ms(given.get("warn", DEFAULTS["risk.warn"])),
    )


def _control(given: Mapping[str, Any]) -> ControlRule:
    lists = {key: tuple(given.get(key, ())) for key in ("attack_vector", "packages", "in_use")}
    return ControlRule(control=given["control"], by_ms=duration_ms(given["extend"]), pattern=given.get("for"), **lists)


def closes_of(given: Mapping[str, Any] | None) -> Closes | None:
    """The value of `select.closes`, None where the policy does not have it."""
    if not given:
        return None
    within = given.get("due_within")
    return Closes(
        kev=bool(given.get("kev", False)),
        decisions=tuple(given.get("decisions", ())),
        due_within_ms=None if within is None else duration_ms(within),
        severity=given.get("severity"),
    )
