# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""JSON Schema errors as sentences that say what is allowed. Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.budgets import keys as budget_keys
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.document import Path
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.schema import NOT_BUILT
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.shares import SHARE
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import DURATION, PERCENT
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.windows import keys as window_keys
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import did_you_mean, plain

NOT_BUILT_TEXT = (
    "is not built yet in this version, and a policy with a rule that nothing reads must not patch production; take it"
    " out until a version reads it"
)

_FORMS = {
    SHARE: "a share such as 10%, or rest",
    **window_keys.FORMS,
    **budget_keys.FORMS,
    DURATION: "a duration such as 90m, 24h or 7d",
    PERCENT: "a number of hosts such as 3, or a share such as 10%",
    r"^(100|[1-9][0-9]?)%$": "a number of hosts such as 3, or a share such as 10% (at least 1)",
    r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$": "a name of letters, digits, dot, dash and underscore",
    r"^[^\s]+$": "a package name or pattern without spaces, such as linux-image-*",
    r"^[1-9][0-9]?%$": "a share from 1% to 99%",
    r"^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+){0,2}$": "the name of a role, such as mine or acme.web.healthy",
    r"^https?://[^\s]+$": "an http:// or https:// address",
    r"^[^\s]+:[0-9]{1,5}$": "a port such as 5432, or address:port",
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$": "a date such as 2026-12-31",
    r"^(CVE-[0-9]{4}-[0-9]{4,}|[A-Z]+-[A-Za-z0-9:._-]+)$": "an id such as CVE-2026-12345",
    r"^[A-Za-z0-9@:._\\-]+\.[a-z]+$": "a unit name with its kind, such as nginx.service",
}
_TYPES = {
    "object": "keys and values",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
}


def path_text(path: Path) -> str:
    """`rings[1].gate`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{plain(part, 60)}" if text else plain(part, 60)
    return text


def _place(path: Path) -> str:
    words = [part for part in path if isinstance(part, str)]
    return words[-1] if words else ""


def unknown_key(path: Path, key: str, allowed: list[str]) -> str:
    """Why a key is refused: not built yet, or not known at all."""
    if key in NOT_BUILT.get(_place(path), ()):
        return f"'{key}' {NOT_BUILT_TEXT}"
    unbuilt = sorted(NOT_BUILT.get(_place(path), ()))
    near = did_you_mean(key, [*allowed, *unbuilt])
    if any(f"'{name}'" in near for name in unbuilt):
        near += " (which is not built yet)"
    return f"unknown key '{plain(key, 60)}'{near} (allowed here: {', '.join(allowed)})"


def _form(schema: dict[str, Any]) -> str:
    """What a schema allows, in words."""
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return "one of " + ", ".join(schema["enum"])
    if schema.get("pattern") in _FORMS:
        return _FORMS[schema["pattern"]]
    if "anyOf" in schema:
        return ", or ".join(dict.fromkeys(_form(option) for option in schema["anyOf"]))
    if schema.get("type") == "array" and "items" in schema:
        return f"a list, each {_form(schema['items'])}"
    if schema.get("type") == "integer" and "maximum" in schema:
        return f"a whole number from {schema.get('minimum', 0)} to {schema['maximum']}"
    types = schema.get("type", "something else")
    return " or ".join(_TYPES.get(name, name) for name in ([types] if isinstance(types, str) else types))


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return "keys and values" if isinstance(value, dict) else "a list"
    return f"'{plain(value, 60)}'"


def complaints(error: Any, before: Path = ()) -> list[tuple[Path, str]]:
    """One `jsonschema` error as `[(path, sentence)]`; `before` is the path that leads to it."""
    path: Path = (*before, *error.relative_path)
    schema, value = error.schema, error.instance
    if error.validator == "additionalProperties":
        allowed = list(schema["properties"])
        return [((*path, key), unknown_key(path, key, allowed)) for key in value if key not in allowed]
    if error.validator == "required":
        missing = [key for key in schema["required"] if key not in value]
        return [(path, f"'{key}' is missing") for key in missing if f"'{key}'" in error.message]
    if error.validator == "dependentRequired":
        return [(path, "'expect' needs 'http': only a web check has a status to expect")]
    if error.validator == "oneOf":
        kinds = [option["required"][0] for option in schema["oneOf"]]
        given = [kind for kind in kinds if kind in value]
        return [(path, f"give exactly one of {', '.join(kinds)}; this has {' and '.join(given) or 'none of them'}")]
    if error.validator == "anyOf":
        return _nearest(error, path)
    if error.validator == "minItems":
        return [(path, "this list must not be empty")]
    return [(path, f"is {_shown(value)}; must be {_form(schema)}")]


def _nearest(error: Any, path: Path) -> list[tuple[Path, str]]:
    """Of several allowed forms the one whose kind of value was given, or all of them in words."""
    options: dict[Any, list[Any]] = {}
    for part in error.context:
        options.setdefault(part.relative_schema_path[0], []).append(part)
    for parts in options.values():
        if not any(part.validator == "type" and not part.relative_path for part in parts):
            return [found for part in parts for found in complaints(part, path)]
    return [(path, f"is {_shown(error.instance)}; must be {_form(error.schema)}")]
