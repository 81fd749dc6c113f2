# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The inputs of a decision, and the values that each may have. Data only."""

from __future__ import annotations

UNKNOWN = "unknown"
YES_NO = ("yes", "no")
EXPOSURE = ("open", "controlled", "small")
CRITICALITY = ("low", "medium", "high", "critical")
HUMAN_IMPACT = ("low", "medium", "high", "very high")
SEVERITY = ("none", "low", "medium", "high", "critical")
IN_USE = ("listening", "running", "mapped", "no")

WORDS: dict[str, tuple[str, ...]] = {
    "kev": YES_NO,
    "exploitation": ("none", "poc", "active"),
    "automatable": YES_NO,
    "technical_impact": ("partial", "total"),
    "severity": SEVERITY,
    "exposure": EXPOSURE,
    "criticality": CRITICALITY,
    "human_impact": HUMAN_IMPACT,
    "in_use": IN_USE,
    "fix": ("available", "none"),
}
"""Inputs that are words; each may also be `unknown`."""
NUMBERS: dict[str, tuple[int, int]] = {"cvss": (10, 10), "epss": (100_000, 1)}
"""Inputs that are numbers: {input: (steps to 1, greatest)}. They are kept as whole numbers of steps: CVSS 9.8 is 98,
EPSS 0.18126 is 18126."""
INPUTS = (*WORDS, *NUMBERS)

DECIDING_BY_HOST = ("exposure", "criticality", "human_impact")
"""Inputs that an operator sets for hosts."""
