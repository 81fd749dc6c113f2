# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The libraries that read and write SBOMs. Without them everything else of the collection works, and this says so."""

from __future__ import annotations

from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError

try:
    from cyclonedx.model import Property
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.impact_analysis import (
        ImpactAnalysisJustification,
        ImpactAnalysisResponse,
        ImpactAnalysisState,
    )
    from cyclonedx.model.vulnerability import BomTarget, Vulnerability, VulnerabilityAnalysis
    from cyclonedx.output.json import JsonV1Dot6
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator
    from packageurl import PackageURL
except ImportError as _error:
    MISSING: str | None = str(_error)
    Property = Bom = Component = ComponentType = None  # type: ignore[assignment, misc]
    ImpactAnalysisJustification = ImpactAnalysisResponse = ImpactAnalysisState = None  # type: ignore[assignment, misc]
    BomTarget = Vulnerability = VulnerabilityAnalysis = None  # type: ignore[assignment, misc]
    JsonV1Dot6 = SchemaVersion = JsonStrictValidator = PackageURL = None  # type: ignore[assignment, misc]
else:
    MISSING = None

__all__ = [
    "Bom",
    "BomTarget",
    "Component",
    "ComponentType",
    "ImpactAnalysisJustification",
    "ImpactAnalysisResponse",
    "ImpactAnalysisState",
    "JsonStrictValidator",
    "JsonV1Dot6",
    "PackageURL",
    "Property",
    "SchemaVersion",
    "Vulnerability",
    "VulnerabilityAnalysis",
    "need",
]


def need() -> None:
    """Raise LockstepError where a library is missing."""
    if MISSING is not None:
        raise LockstepError(
            f"a Python library for SBOMs is not installed: {MISSING}",
            next_step="pip install -r requirements.txt of the collection",
        )
