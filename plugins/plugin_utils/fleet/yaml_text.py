# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""YAML text to records, from the parser's events: without recursion, aliases or types.

A file that others wrote must neither exhaust the stack of libyaml's composer (100 kB of brackets end the process) nor
turn `no` into false and `007` into 7, so every scalar stays the text that it is.
"""

from __future__ import annotations

from typing import Any

import yaml

from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.problems import InventoryError, Spot, spot_at
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import plain

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_DEPTH = 20
_NOTHING = ("", "~", "null", "Null", "NULL")


def read_yaml(text: str, file: str) -> Any:
    """What the text says, as dictionaries, lists, texts and None; a key that is given twice is an error."""
    return _Builder(text, file, None).build()


def locate_yaml(text: str, file: str, path: tuple[Any, ...]) -> Spot:
    """Where a part of valid YAML text stands; of a part that is not there, where what should hold it stands."""
    builder = _Builder(text, file, path)
    builder.build()
    return builder.nearest


class _Open:
    """A mapping or list that has begun: its value, the step that leads to it, and the key that waits for a value."""

    def __init__(self, value: Any, step: Any) -> None:
        self.value, self.step = value, step
        self.key: str | None = None


class _Builder:
    def __init__(self, text: str, file: str, path: tuple[Any, ...] | None) -> None:
        self.text, self.file, self.path = text, file, path
        self.nearest, self._near = Spot(file, 1, 1), -1
        self._stack: list[_Open] = []
        self._root: list[Any] = []

    def build(self) -> Any:
        try:
            for event in yaml.parse(self.text, Loader=_LOADER):
                self._take(event)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            what = f"this is not YAML: {error.problem or error.context}"
            raise InventoryError(Spot(self.file, line, column), what) from error
        except yaml.reader.ReaderError as error:
            at = next((at for at, char in enumerate(self.text) if ord(char) == error.character), 0)
            raise InventoryError(spot_at(self.file, self.text, at), f"this is not YAML: {error.reason}") from error
        return self._root[0] if self._root else None

    def _spot(self, event: Any) -> Spot:
        return Spot(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _take(self, event: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            holder = self._stack[-1] if self._stack else None
            if holder is not None and isinstance(holder.value, dict) and holder.key is None:
                if event.value in holder.value:
                    raise InventoryError(self._spot(event), f"the key '{plain(event.value, 60)}' is given twice")
                holder.key = event.value
            else:
                self._add(event, None if event.implicit[0] and event.value in _NOTHING else event.value)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            if len(self._stack) >= _MAX_DEPTH:
                raise InventoryError(self._spot(event), "this is nested too deeply")
            value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
            self._stack.append(_Open(value, self._add(event, value)))
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._stack.pop()
        elif isinstance(event, yaml.AliasEvent):
            raise InventoryError(self._spot(event), "aliases (*name) are not read here; write the value out")
        elif isinstance(event, yaml.DocumentStartEvent) and self._root:
            raise InventoryError(self._spot(event), "a second document (---) begins here, and one file has one")

    def _add(self, event: Any, value: Any) -> Any:
        """Put a value where it belongs; return its key or number there."""
        step: Any = None
        if not self._stack:
            self._root.append(value)
        else:
            holder = self._stack[-1]
            if isinstance(holder.value, list):
                step = len(holder.value)
                holder.value.append(value)
            elif holder.key is None:
                raise InventoryError(self._spot(event), "a key must be a word")
            else:
                step, holder.key = holder.key, None
                holder.value[step] = value
        if self.path is not None:
            here = (*(held.step for held in self._stack[1:]), step) if self._stack else ()
            if len(here) > self._near and here == self.path[: len(here)]:
                self.nearest, self._near = self._spot(event), len(here)
        return step
