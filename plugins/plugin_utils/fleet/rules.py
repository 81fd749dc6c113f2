# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ordered rules: of each kind the first one that holds for a host decides."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.expressions import (
    UNREPEATED,
    Expression,
    values,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.problems import InventoryError
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.schema import CLASSES, NAME
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.shares import Slice, position
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import plain


@dataclass(frozen=True)
class Rule:
    """What a host gets for which the condition holds (without a condition every host): a value or what an expression
    gives; with a share only hosts whose position is in it."""

    when: Expression | None
    value: Any
    query: Expression | None
    share: Slice | None


class Rules:
    """All rules of one kind (`class`, `service`, `owner`, `criticality`, `ring`)."""

    def __init__(self, kind: str, rules: tuple[Rule, ...]) -> None:
        self.kind, self.rules = kind, rules
        fields = {kind}
        for rule in rules:
            for expression in (rule.when, rule.query):
                fields |= expression.fields if expression else set()
        repeats = not fields & UNREPEATED and not any(rule.share for rule in rules)
        self._order = sorted(fields)
        self._results: dict[tuple[Any, ...], Any] | None = {} if repeats else None

    def choose(self, document: Mapping[str, Any], fleet: str) -> Any:
        """The value for a host: of the first rule that holds, else what its document has. InventoryError for an
        expression that gives what the field cannot have."""
        if self._results is None:
            return self._choose(document, fleet)
        key = values(document, self._order)
        try:
            return self._results[key]
        except KeyError:
            found = self._results[key] = self._choose(document, fleet)
            return found

    def _choose(self, document: Mapping[str, Any], fleet: str) -> Any:
        for rule in self.rules:
            if rule.share is not None and not rule.share.has(position(fleet, document["name"])):
                continue
            if rule.when is None or rule.when.true_for(document):
                value = rule.value if rule.query is None else self._computed(rule.query, document)
                return [value] if self.kind == "service" and isinstance(value, str) else value
        return document[self.kind]

    def _computed(self, query: Expression, document: Mapping[str, Any]) -> Any:
        found = query.of(document)
        if found is None or found == "":
            return [] if self.kind == "service" else ""
        several = isinstance(found, list) and all(isinstance(item, str) and item for item in found)
        if self.kind == "service" and several:
            return found
        if isinstance(found, str) and (
            self.kind in ("owner", "service")
            or (found in CLASSES if self.kind == "class" else re.fullmatch(NAME, found))
        ):
            return found
        want = {"class": f"one of {', '.join(CLASSES)}", "owner": "text", "service": "text or a list of texts"}.get(
            self.kind, "a name of letters, digits, dot, dash and underscore"
        )
        raise InventoryError(
            query.spot,
            f"this gives {plain(repr(found), 60)} for {plain(document['name'], 100)}; {self.kind} must be {want}",
        )
