# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""JMESPath expressions over a host's document: compiled once, checked for fields that no host has, and quick for many
hosts whose fields are the same."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

try:
    import jmespath
    from jmespath.exceptions import JMESPathError
    from jmespath.functions import Functions
except ImportError:  # said when a rule is read, so that the file loads where the requirements are not installed
    jmespath, JMESPathError, Functions = None, ValueError, None

from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.problems import InventoryError, Spot
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import did_you_mean, plain

UNREPEATED = frozenset({"name", "address", "@", "cmdb", "vars"})
"""Fields whose values hardly two hosts share, or that have no hash: remembering results by them is of no use."""
_ROOT_FIRST = {
    "subexpression",
    "index_expression",
    "projection",
    "value_projection",
    "filter_projection",
    "flatten",
    "pipe",
}


class Expression:
    """One expression. `fields` are the parts of the document that it reads."""

    def __init__(
        self, text: str, spot: Spot, known: Collection[str] | None, extras: Collection[str] | None = None
    ) -> None:
        """`known`: the fields of a document, None for records that may have any; `extras`: those of its `cmdb`.

        Raises InventoryError with the column of what does not compile, or of a field that no host has."""
        self.text, self.spot = text, spot
        if jmespath is None:
            raise InventoryError(spot, "rules need the Python library jmespath: pip install -r requirements.txt")
        try:
            self._compiled = jmespath.compile(text)
        except JMESPathError as error:
            at = getattr(error, "lex_position", None)
            said = str(error).splitlines()[0].split(", for expression")[0].rstrip(":. ")
            raise InventoryError(_moved(spot, at), f"this rule does not compile: {said}: {plain(text)}") from error
        self.fields: set[str] = set()
        self._walk(self._compiled.parsed, known, extras)
        self._order = sorted(self.fields)
        repeats = known is not None and not self.fields & UNREPEATED
        self._results: dict[tuple[Any, ...], Any] | None = {} if repeats else None

    def _walk(self, node: Mapping[str, Any], known: Collection[str] | None, extras: Collection[str] | None) -> None:
        kind, children = node["type"], node.get("children", [])
        if kind == "field":
            self._know(str(node["value"]), known)
            return
        if kind == "current":
            self.fields.add("@")
        if kind == "function_expression":
            self._function(str(node["value"]), len(children))
        if (
            kind == "subexpression"
            and extras is not None
            and children[0] == {"type": "field", "children": [], "value": "cmdb"}
        ):
            self._know(str(children[1].get("value", "")), extras, "cmdb.")
            return
        for child in children[:1] if kind in _ROOT_FIRST else [] if kind == "expref" else children:
            if isinstance(child, Mapping):
                self._walk(child, known, extras)

    def _know(self, name: str, known: Collection[str] | None, before: str = "") -> None:
        if known is not None and name not in known:
            raise InventoryError(
                _moved(self.spot, max(self.text.find(name), 0)),
                f"no host has the field '{plain(before + name, 60)}'{did_you_mean(name, known)} in: {plain(self.text)}",
            )
        self.fields.add(before + name)

    def _function(self, name: str, count: int) -> None:
        function = Functions.FUNCTION_TABLE.get(name)
        at = _moved(self.spot, max(self.text.find(name), 0))
        if function is None:
            raise InventoryError(
                at, f"there is no function '{plain(name, 60)}'{did_you_mean(name, Functions.FUNCTION_TABLE)}"
            )
        signature = function["signature"]
        variadic = bool(signature) and bool(signature[-1].get("variadic"))
        if count < len(signature) or (count > len(signature) and not variadic):
            raise InventoryError(at, f"the function {name} takes {len(signature)} arguments and is given {count}")

    def of(self, document: Mapping[str, Any]) -> Any:
        """The value for a host's document; InventoryError where the values do not fit the expression."""
        if self._results is None:
            return self._search(document)
        key = values(document, self._order)
        try:
            return self._results[key]
        except KeyError:
            found = self._results[key] = self._search(document)
            return found

    def true_for(self, document: Mapping[str, Any]) -> bool:
        """Whether it holds: as JMESPath has it, null, false, empty text, lists and objects do not."""
        found = self.of(document)
        return found is True or (found is not None and found is not False and found not in ("", [], {}))

    def _search(self, document: Mapping[str, Any]) -> Any:
        try:
            return self._compiled.search(document)
        except JMESPathError as error:
            said = " ".join(str(error).split())
            host = plain(document.get("name"), 100)
            what = f"this rule cannot be applied to the host {host}: {plain(said)}, in: {plain(self.text)}"
            raise InventoryError(self.spot, what) from error


def values(document: Mapping[str, Any], fields: Collection[str]) -> tuple[Any, ...]:
    """What a document has in these fields (`cmdb.rack` too), as a key of a dictionary."""
    found = (document["cmdb"].get(field[5:]) if field[:5] == "cmdb." else document[field] for field in fields)
    return tuple(tuple(value) if isinstance(value, list) else value for value in found)


def _moved(spot: Spot, offset: int | None) -> Spot:
    return spot._replace(column=spot.column + (offset or 0))
