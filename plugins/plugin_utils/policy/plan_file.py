# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A plan as a file: its schema, reading it with suspicion, and writing it. Pure.

The file is the plan's body with its id beside it: `{"id": "…", "plan": {…}}`, or the body alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.lockstep.patching.plugins.module_utils._model.canonical import digest
from ansible_collections.lockstep.patching.plugins.module_utils._model.patch_types import BASES, TYPES
from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.complaints import path_text
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.validator import worst_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import plain

AGAIN = "fetch the plan anew from the ledger (playbook plan), or make a new one; a plan is never edited"
_TEXT = {"type": "string", "maxLength": 300}
_NAME = {"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9+._-]{0,199}$"}
_VERSION = {"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9.+:~^_-]{0,199}$"}
_REPOSITORY = {
    "type": "object",
    "required": ["origin", "label", "codename", "component", "keys"],
    "properties": {"keys": {"type": "array", "items": _TEXT}},
}
_LINE: dict[str, Any] = {
    "platform": _TEXT,
    "package": _NAME,
    "arch": {"type": "string", "pattern": r"^[a-z0-9][a-z0-9_-]{0,29}$"},
    "action": {"enum": ["upgrade", "install", "remove"]},
    "from": {"type": "array", "items": _VERSION, "uniqueItems": True},
    "version": {"type": ["string", "null"], "pattern": _VERSION["pattern"]},
    "source": _NAME,
    "source_version": _TEXT,
    **dict.fromkeys(("origin", "label", "codename", "component"), _TEXT),
    "security": {"type": ["boolean", "null"]},
    "phased": {"type": ["integer", "null"], "minimum": 0, "maximum": 100},
    "size": {"type": ["integer", "null"], "minimum": 0},
    "sha256": {"type": ["string", "null"], "pattern": r"^[0-9a-f]{64}$"},
}

_TYPES: dict[str, Any] = {
    "type": {"enum": list(TYPES)},
    "type_from": {"enum": list(BASES)},
    "advisories": {"type": "array", "items": _TEXT, "uniqueItems": True},
}
"""Plans that were made before there were patch types do not say them."""
_WINDOWS: dict[str, Any] = {"supersedes": {"type": "array", "items": _VERSION, "uniqueItems": True}}
"""Only updates of Windows say it; they have their KB as package, their update id as version, and no checksum."""


def _keys(properties: dict[str, Any], **optional: Any) -> dict[str, Any]:
    known = {**properties, **optional}
    return {"type": "object", "additionalProperties": False, "required": list(properties), "properties": known}


SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://lockstep.github.io/patching/plan.schema.json",
    "title": "Lockstep plan",
    **_keys(
        {
            "schema": {"const": 1},
            "fleet": {"type": "string", "minLength": 1},
            "policy": {"type": "string", "pattern": r"^([0-9a-f]{64})?$"},
            "scope": {
                "type": "array",
                "items": _keys(
                    {
                        "ring": {"type": "string", "minLength": 1},
                        "hosts": {"type": "array", "items": _TEXT, "uniqueItems": True},
                    }
                ),
            },
            "platforms": {
                "type": "object",
                "additionalProperties": _keys(
                    {
                        "os": {"type": ["string", "null"]},
                        "version": {"type": ["string", "null"]},
                        "arch": {"type": ["string", "null"]},
                        "repositories": {"type": ["array", "null"], "items": _REPOSITORY},
                    },
                    manager={"type": ["string", "null"]},
                ),
            },
            "lines": {
                "type": "array",
                "items": {
                    **_keys(_LINE, **_TYPES, **_WINDOWS),
                    "if": {"properties": {"action": {"const": "remove"}}},
                    "then": {"properties": {"version": {"type": "null"}}},
                    "else": {"properties": {"version": {"type": "string"}}},
                },
            },
        }
    ),
}


def write_plan(body: Mapping[str, Any]) -> str:
    """The text of a plan's file, which a person can read and diff."""
    return json.dumps({"id": digest(body), "plan": body}, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def check_plan(text: str, name: str = "the plan", expected_id: str | None = None) -> dict[str, Any]:
    """The body of a plan's file; LockstepError with one clear reason if it is broken, edited or not the plan that
    `expected_id` names."""
    body, stated = _parse(text, name)
    if isinstance(body, dict) and body.get("schema") != 1:
        raise LockstepError(
            f"it has schema {plain(body.get('schema'), 40)}; this version reads schema 1",
            name,
            "use the version that wrote it, or plan again",
        )
    error = worst_of(body, SCHEMA)
    if error is not None:
        raise LockstepError(
            f"it is no plan: {path_text(tuple(error.absolute_path)) or 'the file'}: {plain(error.message)}", name, AGAIN
        )
    found = digest(body)
    for wanted in (stated, expected_id):
        if wanted is not None and wanted != found:
            raise LockstepError(
                f"its content has the id {found[:12]}, and {plain(wanted, 64)[:12]} is stated: it was changed",
                name,
                AGAIN,
            )
    _sense(body, name)
    return body


def _parse(text: str, name: str) -> tuple[Any, str | None]:
    try:
        data = json.loads(text, parse_float=_refuse, parse_constant=_refuse, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise LockstepError(f"it cannot be read as JSON: {plain(error)}", name, AGAIN) from error
    if isinstance(data, dict) and "plan" in data:
        return data["plan"], str(data.get("id"))
    return data, None


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is no whole number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _sense(body: Mapping[str, Any], name: str) -> None:
    """What a schema cannot say."""
    strange = sorted({line["platform"] for line in body["lines"]} - set(body["platforms"]))
    if strange:
        raise LockstepError(f"a line is for the platform {plain(strange[0])}, which it does not describe", name, AGAIN)
    hosts = [host for entry in body["scope"] for host in entry["hosts"]]
    twice = sorted({host for host in hosts if hosts.count(host) > 1}) if len(set(hosts)) != len(hosts) else []
    if twice:
        raise LockstepError(f"host {plain(twice[0])} is in two rings of its scope", name, AGAIN)
