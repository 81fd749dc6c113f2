# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The VEX files of an assessment, beside its report."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.texts import write_text

NAMES = ("assess-openvex.json", "assess-vex.cdx.json")


def write_vex(directory: str, data: Mapping[str, Any]) -> list[str]:
    """Write what the exceptions cover as OpenVEX and CycloneDX; return the paths. Where they cover nothing there is
    nothing to say, and files of before, which say otherwise, are removed."""
    paths = [os.path.join(os.path.abspath(directory), name) for name in NAMES]
    if not any(row["findings"] for row in data["exceptions"]):
        for path in paths:
            with suppress(OSError):
                os.unlink(path)
        return []
    # imported only here: the library takes as long to load as a small report to write
    from ansible_collections.lockstep.patching.plugins.plugin_utils.sbom import vex

    items = vex.covered(data["exceptions"], data["steps"])
    for path, form in zip(paths, (vex.openvex, vex.cyclonedx), strict=True):
        write_text(path, form(data["fleet"], items, data["now_ms"]))
    return paths
