# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is done around a host, a batch or a ring: the policy's `hooks`, and which of them hold where. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.shapes import DURATION, NAME, PATTERN, keys
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import duration_ms

KINDS = ("command", "http", "role")
SCOPES = ("host", "batch", "ring")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
TIMEOUT = "5m"
PLACES = ("{host}", "{address}", "{hosts}", "{ring}", "{fleet}", "{plan}")
"""What may stand in a command, a URL, a body or a role's variables."""

_STEP = {
    **keys(
        {
            "command": {"type": ["string", "array"], "minLength": 1, "minItems": 1, "items": {"type": "string"}},
            "on": {"enum": ["controller", "host"]},
            "http": {"type": "string", "pattern": r"^https?://[^\s]+$"},
            "method": {"enum": list(METHODS)},
            "body": {"type": ["string", "object", "array"]},
            "expect": {"type": "integer", "minimum": 100, "maximum": 599},
            "role": {"type": "string", "pattern": r"^[A-Za-z_][A-Za-z0-9_.-]*$"},
            "vars": {"type": "object"},
        }
    ),
    "oneOf": [{"required": [kind]} for kind in KINDS],
    "dependentRequired": {
        "on": ["command"],
        "method": ["http"],
        "body": ["http"],
        "expect": ["http"],
        "vars": ["role"],
    },
}
HOOKS: dict[str, Any] = {
    "type": "array",
    "items": {
        **keys(
            {
                "name": NAME,
                "for": PATTERN,
                "rings": {"type": "array", "minItems": 1, "items": NAME},
                "scope": {"enum": list(SCOPES)},
                "timeout": DURATION,
                "pre": _STEP,
                "post": _STEP,
                "undo": _STEP,
            },
            ("name",),
        ),
        "anyOf": [{"required": ["pre"]}, {"required": ["post"]}],
        "dependentRequired": {"undo": ["pre"]},
    },
}


@dataclass(frozen=True)
class Step:
    """One thing to do. `what`: the words of a command, a URL, or the name of a role."""

    kind: str
    what: Any
    on: str = "controller"
    method: str = "POST"
    body: Any = None
    expect: int | None = None
    vars: Mapping[str, Any] | None = None
    timeout_ms: int = 0

    def document(self) -> dict[str, Any]:
        """For the ledger: how to do it, also when the policy has changed since."""
        return {**vars(self), "what": list(self.what) if isinstance(self.what, tuple) else self.what}


def step_of(document: Mapping[str, Any]) -> Step:
    """The step that `Step.document` has kept."""
    what = document["what"]
    return Step(**{**document, "what": tuple(what) if isinstance(what, list) else what})


@dataclass(frozen=True)
class Hook:
    """What is done before and after."""

    name: str
    scope: str
    pattern: str | None
    rings: tuple[str, ...]
    pre: Step | None
    post: Step | None
    undo: Step | None
    """What takes `pre` back where the host does not go on: the policy's `undo`, else the same as `post`."""

    def holds(self, scope: str, ring: str, hosts: Collection[str], matches: Mapping[str, Collection[str]]) -> bool:
        """Whether it is for these hosts of this ring: a host's own hook, or one for a batch that has such a host."""
        if scope != self.scope or self.rings and ring not in self.rings:
            return False
        return self.pattern is None or any(host in matches[self.pattern] for host in hosts)


def hooks_of(given: Iterable[Mapping[str, Any]]) -> tuple[Hook, ...]:
    """The policy's `hooks`."""
    made = []
    for item in given:
        timeout = duration_ms(item.get("timeout", TIMEOUT))
        steps = {name: _step(item[name], timeout) if name in item else None for name in ("pre", "post", "undo")}
        undo = steps["undo"] or (steps["post"] if steps["pre"] else None)
        rings = tuple(item.get("rings", ()))
        scope = item.get("scope", "host")
        made.append(Hook(item["name"], scope, item.get("for"), rings, steps["pre"], steps["post"], undo))
    return tuple(made)


def _step(item: Mapping[str, Any], timeout_ms: int) -> Step:
    kind = next(name for name in KINDS if name in item)
    what = item[kind]
    if kind == "command":
        what = tuple(shlex.split(what) if isinstance(what, str) else what)
    method = item.get("method", "POST" if "body" in item else "GET")
    return Step(
        kind,
        what,
        item.get("on", "controller"),
        method,
        item.get("body"),
        item.get("expect"),
        item.get("vars"),
        timeout_ms,
    )


def sense(given: Sequence[Mapping[str, Any]], rings: Collection[str]) -> list[tuple[tuple[Any, ...], str]]:
    """`[(path, sentence)]` for what a schema cannot say of `hooks`."""
    found: list[tuple[tuple[Any, ...], str]] = []
    names: set[str] = set()
    for at, item in enumerate(given):
        if item["name"] in names:
            found.append((("hooks", at, "name"), f"two hooks are called '{item['name']}'; give each its own name"))
        names.add(item["name"])
        for place, ring in enumerate(item.get("rings", ())):
            if ring not in rings:
                found.append(
                    (("hooks", at, "rings", place), f"no ring is called '{ring}'; there are {', '.join(rings)}")
                )
        for name in ("pre", "post", "undo"):
            step = item.get(name, {})
            path = ("hooks", at, name)
            if step.get("on") == "host" and item.get("scope", "host") != "host":
                found.append(((*path, "on"), f"a hook of a {item['scope']} runs on the controller; leave 'on' out"))
            if isinstance(step.get("command"), str):
                try:
                    if not shlex.split(step["command"]):
                        found.append(((*path, "command"), "the command is empty"))
                except ValueError as error:
                    found.append(((*path, "command"), f"the command cannot be read: {error}"))
    return found


def filled(value: Any, places: Mapping[str, str], url: bool = False) -> Any:
    """`value` with what is known for each of PLACES, at any depth. What stands for a place is never read again."""
    if isinstance(value, str):
        return _fill(value, places, url)
    if isinstance(value, Mapping):
        return {key: filled(item, places) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [filled(item, places) for item in value]
    return value


def _fill(text: str, places: Mapping[str, str], url: bool) -> str:
    parts: list[str] = []
    while True:
        spots = [(at, place) for place in PLACES if (at := text.find(place)) >= 0]
        if not spots:
            return "".join([*parts, text])
        at, place = min(spots)
        value = places.get(place.strip("{}"), "")
        parts += [text[:at], quote(value, safe="") if url else value]
        text = text[at + len(place) :]
