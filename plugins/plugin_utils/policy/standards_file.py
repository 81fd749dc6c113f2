# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The file of standards and the file of end-of-life dates: text in, typed values or every mistake out. Pure."""

from __future__ import annotations

from datetime import date
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy import ranges
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.complaints import path_text
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.control_rules import CHOICES
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.document import Path, read
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.load import check
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Problem
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.shapes import NAME, PATTERN, keys
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.standards import Standard

_TEXT = {"type": "string", "minLength": 1}
_DATE = {"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
_PACKAGE = {"anyOf": [_TEXT, keys({"name": _TEXT, "version": {"type": ["string", "number"]}}, ("name", "version"))]}
_VALUE = {"type": ["string", "boolean", "integer"]}
CONTROLS: dict[str, Any] = {
    **{
        name: {"type": ["string", "boolean"]} if name == "updates" else {"enum": list(allowed)}
        for name, allowed in CHOICES.items()
    },
    "sshd": {"type": "object", "additionalProperties": {"anyOf": [_VALUE, {"type": "array", "items": _VALUE}]}},
    "agents": {"type": "array", "minItems": 1, "items": _TEXT},
}
STANDARD = keys(
    {
        "name": NAME,
        "for": PATTERN,
        "os": {"anyOf": [_TEXT, {"type": "array", "minItems": 1, "items": _TEXT}]},
        "kernel": {"type": ["string", "number"]},
        "packages": keys(
            {"required": {"type": "array", "items": _PACKAGE}, "forbidden": {"type": "array", "items": _PACKAGE}}
        ),
        "repositories": {
            "type": "array",
            "minItems": 1,
            "items": keys(dict.fromkeys(("origin", "label", "codename", "component"), _TEXT)),
        },
        "controls": keys(CONTROLS),
    },
    ("name", "for"),
)
STANDARDS = keys({"standards": {"type": "array", "minItems": 1, "items": STANDARD}}, ("standards",))
_SOURCED = {"source": _TEXT, "ends": _DATE, "lts_ends": _DATE}
EOL = keys(
    {
        "checked": _DATE,
        "releases": {"type": "array", "items": keys({"release": _TEXT, **_SOURCED}, ("release", "ends", "source"))},
        "packages": {
            "type": "array",
            "items": keys({"package": _TEXT, "version": _TEXT, **_SOURCED}, ("package", "ends", "source")),
        },
    },
    ("checked",),
)


def load_standards(text: str, name: str) -> list[Standard]:
    """The standards of a file; LockstepError with all mistakes, each with file and line."""
    data = _load(text, name, STANDARDS, _sense)
    return [_standard(entry) for entry in data["standards"]]


def load_eol(text: str, name: str) -> dict[str, Any]:
    """The dates of a file: `{checked, releases: [{release, ends, lts_ends, source}], packages: [{package, …}]}`."""
    data: dict[str, Any] = _load(text, name, EOL, _dates)
    return data


def _load(text: str, name: str, shape: dict[str, Any], sense: Any) -> dict[str, Any]:
    document = read(text)
    found: list[tuple[int, Path, str]] = [(spot.line, spot.path, spot.message) for spot in document.problems]
    if document.data is None and not found:
        found.append((1, (), "the file is empty"))
    if not found:
        found += [(document.line(path), path, message) for path, message in check(document.data, shape)]
    if not found:
        found += [(document.line(path), path, message) for path, message in sense(document.data)]
    if found:
        told = [str(Problem(f"{name}:{line}", path_text(path), message)) for line, path, message in found]
        raise LockstepError("the file cannot be used:\n  " + "\n  ".join(told), next_step="mend what is named")
    data: dict[str, Any] = document.data
    return data


def _sense(data: dict[str, Any]) -> list[tuple[Path, str]]:
    found: list[tuple[Path, str]] = []
    seen: set[str] = set()
    for at, entry in enumerate(data["standards"]):
        if entry["name"] in seen:
            found.append((("standards", at, "name"), f"two standards are called '{entry['name']}'"))
        seen.add(entry["name"])
        for kind in ("required", "forbidden"):
            for number, row in enumerate(entry.get("packages", {}).get(kind, ())):
                try:
                    _range(row)
                except ValueError as error:
                    found.append((("standards", at, "packages", kind, number), str(error)))
    return found


def _dates(data: dict[str, Any]) -> list[tuple[Path, str]]:
    found: list[tuple[Path, str]] = []
    for kind in ("releases", "packages"):
        for at, row in enumerate(data.get(kind, ())):
            for key in ("ends", "lts_ends"):
                try:
                    date.fromisoformat(row.get(key, "2000-01-01"))
                except ValueError:
                    found.append(((kind, at, key), f"'{row[key]}' is no day of the calendar"))
    return found


def _standard(entry: dict[str, Any]) -> Standard:
    system = entry.get("os", ())
    packages = entry.get("packages", {})
    controls = {key: _updates(value) if key == "updates" else value for key, value in entry.get("controls", {}).items()}
    return Standard(
        name=entry["name"],
        pattern=entry["for"],
        os=(system,) if isinstance(system, str) else tuple(system),
        kernel=str(entry.get("kernel", "")),
        required=tuple(_range(row) for row in packages.get("required", ())),
        forbidden=tuple(_range(row) for row in packages.get("forbidden", ())),
        repositories=tuple(entry.get("repositories", ())),
        controls=tuple(controls.items()),
    )


def _updates(value: Any) -> str:
    # YAML reads off and on as truth values
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def _range(row: Any) -> tuple[str, str]:
    if isinstance(row, str):
        return row, ""
    wanted = str(row["version"])
    ranges.parse(wanted)
    return row["name"], wanted
