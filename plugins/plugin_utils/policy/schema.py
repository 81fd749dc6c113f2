# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The policy file as a JSON Schema (draft 2020-12), and what the design names but no code reads yet. Data only.

`docs/policy.schema.json` is the same for editors; a test compares the two.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import DURATION, PERCENT

NOT_BUILT: dict[str, frozenset[str]] = {
    "": frozenset(
        {"windows", "freezes", "budgets", "approvals", "rollback", "exceptions", "notify", "risk", "routine", "owners"}
    ),
    "gate": frozenset({"min_hosts", "min_verified", "approvals", "probes"}),
    "rings": frozenset({"windows", "approvals", "budgets", "freezes", "rollback", "notify"}),
    "reboot": frozenset({"windows", "message", "order"}),
    "health": frozenset({"metric", "prometheus", "log"}),
}
"""By place: keys of the design that nothing reads yet. They are refused, since a freeze that nobody reads would not
hold."""

_DURATION = {"type": ["string", "integer"], "pattern": DURATION, "minimum": 0, "maximum": 0}
_COUNT = {"type": ["integer", "string"], "minimum": 0, "pattern": PERCENT}
_BATCH = {"type": ["integer", "string"], "minimum": 1, "pattern": r"^(100|[1-9][0-9]?)%$"}
_PATTERN = {"type": "string", "minLength": 1}
_GLOB = {"type": "string", "pattern": r"^[^\s]+$"}
_GLOBS = {"type": "array", "items": _GLOB}


def _keys(properties: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": properties}
    return {**shape, "required": list(required)} if required else shape


GATE = _keys({"max_failed": _COUNT, "max_absent": _COUNT})
DELAY = _keys({"security": _DURATION, "other": _DURATION})
EXCLUDE_FOR = _keys({"for": _PATTERN, "packages": _GLOBS}, ("for", "packages"))
SELECT = _keys(
    {
        "security": {"type": "boolean"},
        "other": {"type": "boolean"},
        "delay": DELAY,
        "exclude": {"type": "array", "items": {"anyOf": [_GLOB, EXCLUDE_FOR]}},
        "only": _GLOBS,
        "untested": {"enum": ["withhold", "other_start", "allow"]},
        "age_unknown": {"enum": ["withhold", "allow"]},
    }
)
_REBOOT_KEYS = {"mode": {"enum": ["when_needed", "never", "always"]}, "timeout": _DURATION}
REBOOT = _keys(_REBOOT_KEYS)
REBOOT_RULE = _keys({"for": _PATTERN, **_REBOOT_KEYS})
CHECK = {
    **_keys(
        {
            "for": _PATTERN,
            "unit": {"type": "string", "pattern": r"^[A-Za-z0-9@:._\\-]+\.[a-z]+$"},
            "http": {"type": "string", "pattern": r"^https?://[^\s]+$"},
            "expect": {"type": "integer", "minimum": 100, "maximum": 599},
            "tcp": {"type": ["integer", "string"], "minimum": 1, "maximum": 65535, "pattern": r"^[^\s]+:[0-9]{1,5}$"},
            "command": {"type": ["string", "array"], "minLength": 1, "minItems": 1, "items": {"type": "string"}},
            "timeout": _DURATION,
        }
    ),
    "oneOf": [{"required": [kind]} for kind in ("unit", "http", "tcp", "command")],
    "dependentRequired": {"expect": ["http"]},
}
HEALTH = {"type": "array", "items": CHECK}
HOST_SELECT = _keys({"exclude": _GLOBS})
"""A ring or a host may only narrow what is selected: the plan is one for the whole fleet."""
RING = _keys(
    {
        "name": {"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"},
        "hosts": _PATTERN,
        "soak": _DURATION,
        "batch": {"anyOf": [_BATCH, {"type": "array", "minItems": 1, "items": _BATCH}]},
        "gate": GATE,
        "reboot": REBOOT,
        "health": HEALTH,
        "select": HOST_SELECT,
    },
    ("name", "hosts"),
)
POLICY: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://lockstep.github.io/patching/policy.schema.json",
    "title": "Lockstep policy",
    **_keys(
        {
            "version": {"const": 1},
            "fleet": {"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"},
            "rings": {"type": "array", "minItems": 1, "items": RING},
            "select": SELECT,
            "reboot": {"anyOf": [REBOOT, {"type": "array", "minItems": 1, "items": REBOOT_RULE}]},
            "health": HEALTH,
            "indexes": _keys({"max_age": _DURATION}),
            "looks": _keys({"max_age": _DURATION}),
        },
        ("rings",),
    ),
}
