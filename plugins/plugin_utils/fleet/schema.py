# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The source file of the inventory plugin as a JSON Schema (draft 2020-12). Data only."""

from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.shares import SHARE
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import DURATION

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
CLASSES = ("server", "database", "application", "workstation", "network", "mobile")
FIELDS = (
    "name",
    "address",
    "class",
    "criticality",
    "owner",
    "service",
    "site",
    "zone",
    "exposure",
    "ring",
    "location",
    "os",
    "os_version",
)
"""What Lockstep itself reads of a host; any other field of a source is carried in `cmdb`."""
RULED = ("class", "service", "owner", "criticality", "ring")
"""What rules decide, in the order in which they are decided: a later one sees the earlier ones."""

_TEXT = {"type": "string", "minLength": 1}
_SHARE = {"type": "string", "pattern": SHARE}


def _keys(properties: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": properties}
    return {**shape, "required": list(required)} if required else shape


FIELD = _keys({"from": _TEXT, "query": _TEXT, "split": _TEXT, "lower": {"type": "boolean"}})
INPUT = _keys(
    {
        "file": _TEXT,
        "format": {"enum": ["csv", "json", "yaml"]},
        "delimiter": {"type": "string", "minLength": 1, "maxLength": 1},
        "encoding": _TEXT,
        "records": _TEXT,
        "fields": {"type": "object", "additionalProperties": {"anyOf": [_TEXT, FIELD]}, "required": ["name"]},
        "where": _TEXT,
    },
    ("file", "fields"),
)
RANGE = _keys(
    {"range": _TEXT, **{key: {"type": "string", "pattern": NAME} for key in ("site", "zone", "exposure")}}, ("range",)
)


def _rules(values: dict[str, Any], **more: Any) -> dict[str, Any]:
    rule = _keys({"when": _TEXT, "is": values, "from": _TEXT, **more})
    return {"type": "array", "minItems": 1, "items": {**rule, "oneOf": [{"required": [key]} for key in ("is", "from")]}}


RULES = _keys(
    {
        "class": _rules({"enum": list(CLASSES)}),
        "service": _rules({"type": ["string", "array"], "minLength": 1, "items": _TEXT}),
        "owner": _rules(_TEXT),
        "criticality": _rules({"type": "string", "pattern": NAME}),
        "ring": _rules({"type": "string", "pattern": NAME}, share=_SHARE),
    }
)
SOURCE: dict[str, Any] = _keys(
    {
        "plugin": {"enum": ["lockstep.patching.fleet"]},
        "fleet": {"type": "string", "pattern": NAME},
        "ledger": {"type": ["string", "boolean"], "minLength": 1},
        "max_age": {"type": ["string", "integer"], "pattern": DURATION, "minimum": 0, "maximum": 0},
        "sources": {"type": "array", "items": INPUT},
        "others": {"type": "boolean"},
        "connect": {"type": "boolean"},
        "ranges": {"type": "array", "items": RANGE},
        "rules": RULES,
        "unmanaged": {"type": "array", "items": {"enum": list(CLASSES)}},
        "compose": {"type": "object"},
        "groups": {"type": "object"},
        "keyed_groups": {"type": "array"},
        "strict": {"type": "boolean"},
        "leading_separator": {"type": "boolean"},
        "use_extra_vars": {"type": "boolean"},
        "cache": {"type": "boolean"},
        **dict.fromkeys(("cache_plugin", "cache_connection", "cache_prefix"), {"type": "string"}),
        "cache_timeout": {"type": "integer"},
    },
    ("plugin",),
)
