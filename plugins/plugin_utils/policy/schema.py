# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The policy file as a JSON Schema (draft 2020-12), and what the design names but no code reads yet. Data only.

`docs/policy.schema.json` is the same for editors; a test compares the two.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.approvals import RULE_KEYS
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.budgets.keys import BUDGETS
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.emergency import KEYS as EMERGENCY
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.hooks import HOOKS
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.looks import LOOKS
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.notify import KEYS as NOTIFY
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.order import ORDER
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.proof import GATE
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.keys import CLOSES, RISK
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.rollback import RULE as ROLLBACK
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.shapes import (
    DURATION,
    NAME,
    PATTERN,
    SOME,
    keys,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.shares import SHARE
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.types import SHAPE as TYPES
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.windows import keys as window_keys

NOT_BUILT: dict[str, frozenset[str]] = {
    "": frozenset({"routine", "owners"}),
    "gate": frozenset({"min_verified", "approvals", "probes"}),
    "rings": frozenset({"windows", "approvals", "budgets", "freezes", "rollback", "notify"}),
    "reboot": frozenset({"windows", "message", "order"}),
    "health": frozenset({"metric", "prometheus", "log"}),
}
"""By place: keys of the design that nothing reads yet. They are refused, since a freeze that nobody reads would not
hold."""

_GLOB = {"type": "string", "pattern": r"^[^\s]+$"}
_GLOBS = {"type": "array", "items": _GLOB}

DELAY = keys({"security": DURATION, "other": DURATION})
EXCLUDE_FOR = keys({"for": PATTERN, "packages": _GLOBS}, ("for", "packages"))
SELECT = keys(
    {
        "security": {"type": "boolean"},
        "other": {"type": "boolean"},
        "types": TYPES,
        "delay": DELAY,
        "exclude": {"type": "array", "items": {"anyOf": [_GLOB, EXCLUDE_FOR]}},
        "only": _GLOBS,
        "untested": {"enum": ["withhold", "other_start", "allow"]},
        "age_unknown": {"enum": ["withhold", "allow"]},
        "closes": CLOSES,
    }
)
_REBOOT_KEYS = {"mode": {"enum": ["when_needed", "never", "always"]}, "timeout": DURATION}
REBOOT = keys(_REBOOT_KEYS)
REBOOT_RULE = keys({"for": PATTERN, **_REBOOT_KEYS})
CHECK = {
    **keys(
        {
            "for": PATTERN,
            "unit": {"type": "string", "pattern": r"^[A-Za-z0-9@:._\\-]+\.[a-z]+$"},
            "http": {"type": "string", "pattern": r"^https?://[^\s]+$"},
            "expect": {"type": "integer", "minimum": 100, "maximum": 599},
            "tcp": {"type": ["integer", "string"], "minimum": 1, "maximum": 65535, "pattern": r"^[^\s]+:[0-9]{1,5}$"},
            "command": {"type": ["string", "array"], "minLength": 1, "minItems": 1, "items": {"type": "string"}},
            "timeout": DURATION,
        }
    ),
    "oneOf": [{"required": [kind]} for kind in ("unit", "http", "tcp", "command")],
    "dependentRequired": {"expect": ["http"]},
}
HEALTH = {"type": "array", "items": CHECK}
HOST_SELECT = keys({"exclude": _GLOBS})
"""A ring or a host may only narrow what is selected: the plan is one for the whole fleet."""
RING = keys(
    {
        "name": NAME,
        "hosts": PATTERN,
        "share": {"type": "string", "pattern": SHARE},
        "soak": DURATION,
        "batch": {"anyOf": [SOME, {"type": "array", "minItems": 1, "items": SOME}]},
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
    **keys(
        {
            "version": {"const": 1},
            "fleet": NAME,
            "rings": {"type": "array", "minItems": 1, "items": RING},
            "select": SELECT,
            "reboot": {"anyOf": [REBOOT, {"type": "array", "minItems": 1, "items": REBOOT_RULE}]},
            "health": HEALTH,
            "emergency": keys(EMERGENCY),
            "hooks": HOOKS,
            "order": ORDER,
            "notify": {"type": "array", "items": keys(NOTIFY, ("webhook",))},
            "rollback": keys(ROLLBACK),
            "approvals": {"type": "array", "minItems": 1, "items": keys(RULE_KEYS, ("before",))},
            "indexes": keys({"max_age": DURATION}),
            "windows": window_keys.WINDOWS,
            "freezes": window_keys.FREEZES,
            "time_to_patch": DURATION,
            "budgets": BUDGETS,
            "looks": LOOKS,
            "risk": RISK,
            "exceptions": {"type": "string", "minLength": 1},
        },
        ("rings",),
    ),
}
