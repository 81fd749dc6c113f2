# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The policy key `looks`: how old a look may be, and what is read besides packages. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.lockstep.patching.plugins.module_utils._model.rules import problems
from ansible_collections.lockstep.patching.plugins.module_utils._model.state import PARTS
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.agents import AGENTS
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.shapes import DURATION, keys
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import duration_ms

DEFAULT_PARTS = ("network", "hardware", "use", "controls")
"""Those that cost next to nothing; the others start programs or read many folders."""
SHORTEST = "30d"
"""Looks are kept at least so long."""
_TEXT = {"type": "string", "minLength": 1}
_PATH = {"type": "string", "pattern": "^/"}
SOFTWARE = keys(
    {
        "name": _TEXT,
        "vendor": _TEXT,
        "path": _PATH,
        "command": {"type": "array", "minItems": 1, "items": {"type": "string"}},
        "file": {"type": "string", "pattern": r"^(/|\{path\})"},
        "regex": _TEXT,
    },
    ("name", "path"),
)
AGENT = {
    **keys({"name": _TEXT, "kind": _TEXT, "unit": _TEXT, "process": _TEXT, "path": _PATH}, ("name",)),
    "anyOf": [{"required": [key]} for key in ("unit", "process", "path")],
}
LOOKS = keys(
    {
        "max_age": DURATION,
        "keep": DURATION,
        "parts": {
            "type": ["array", "string"],
            "items": {"enum": list(PARTS)},
            "uniqueItems": True,
            "pattern": "^(all|none)$",
        },
        "software": {"type": "array", "items": SOFTWARE},
        "agents": {"type": "array", "items": AGENT},
    }
)


@dataclass(frozen=True)
class Looks:
    """What a look reads besides the package manager's part."""

    parts: tuple[str, ...] = DEFAULT_PARTS
    software: tuple[dict[str, Any], ...] = ()
    agents: tuple[dict[str, Any], ...] = AGENTS

    def arguments(self) -> dict[str, Any]:
        """For the module that looks."""
        given: dict[str, Any] = {"parts": list(self.parts)}
        if "declared" in self.parts:
            given["software"] = [dict(rule) for rule in self.software]
        if "controls" in self.parts:
            given["agents"] = [dict(rule) for rule in self.agents]
        return given


def looks(given: dict[str, Any]) -> Looks:
    """Typed values of the key `looks`. Rules for software mean that it is looked for."""
    software = tuple(given.get("software", ()))
    wanted = parts_of(given["parts"]) if "parts" in given else DEFAULT_PARTS
    if software and given.get("parts") != "none" and "declared" not in wanted:
        wanted = (*wanted, "declared")
    return Looks(wanted, software, tuple(given.get("agents", AGENTS)))


def parts_of(given: Any) -> tuple[str, ...]:
    """The parts that `all`, `none`, a list or names with commas between stand for; ValueError for an unknown one."""
    if given in ("all", "none"):
        return PARTS if given == "all" else ()
    names = [str(name).strip() for name in (given.split(",") if isinstance(given, str) else given)]
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        raise ValueError(f"there is no part '{unknown[0]}'; give all, none or some of {', '.join(PARTS)}")
    return tuple(part for part in PARTS if part in names)


def sense(given: dict[str, Any]) -> list[tuple[tuple[Any, ...], str]]:
    """What a schema cannot say of the key `looks`: `[(path, sentence)]`."""
    found: list[tuple[tuple[Any, ...], str]] = []
    if duration_ms(given.get("keep", SHORTEST)) < duration_ms(SHORTEST):
        found.append((("looks", "keep"), f"at least {SHORTEST}: reports and plans go by looks of the last days"))
    for key in ("software", "agents"):
        for at, rule in enumerate(given.get(key, ())):
            told = problems([rule], []) if key == "software" else problems([], [rule])
            found += [(("looks", key, at), text) for text in told]
    return found
