# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which files of a plan a host may need."""

from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.controller.work import Work
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.facts import section


def spare(
    work: Work, state: dict[str, Any], lines: list[dict[str, Any]], skip: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """New packages of the platform that the host may need: it installs them only if an upgrade depends on them."""
    platform = (section(state, "platform")[0] or {}).get("id")
    taken = {(line["package"], line["arch"]) for line in [*lines, *skip]}
    return [
        line
        for line in work.plan["body"]["lines"]
        if line["platform"] == platform and line["action"] == "install" and (line["package"], line["arch"]) not in taken
    ]
