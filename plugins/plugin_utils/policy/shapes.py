# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Parts of JSON Schema that the keys of a policy are made of. Data only."""

from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import DURATION as _DURATION_PATTERN
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import PERCENT

DURATION = {"type": ["string", "integer"], "pattern": _DURATION_PATTERN, "minimum": 0, "maximum": 0}
COUNT = {"type": ["integer", "string"], "minimum": 0, "pattern": PERCENT}
SOME = {"type": ["integer", "string"], "minimum": 1, "pattern": r"^(100|[1-9][0-9]?)%$"}
"""A count or share of at least one."""
PATTERN = {"type": "string", "minLength": 1}
"""An Ansible host pattern."""
NAME = {"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"}


def keys(properties: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    """An object with these keys and no others."""
    shape: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": properties}
    return {**shape, "required": list(required)} if required else shape
