# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The inventory plugin's source file: text in, typed values or every mistake at once out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.expressions import Expression
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.problems import MEND, InventoryError, Spot
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.ranges import KEYS, Ranges, read_range
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.rules import Rule, Rules
from ansible_collections.lockstep.patching.plugins.plugin_utils.fleet.schema import FIELDS, RULED, SOURCE
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.complaints import path_text
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.document import Document, Path, read
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.load import check
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.shares import slices
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.units import duration_ms

HOST_FIELDS = (
    *FIELDS,
    "arch",
    "platform",
    "groups",
    "vars",
    "cmdb",
    "in_cmdb",
    "known",
    "security",
    "pending",
    "reboot",
    "overdue",
    "excepted",
)
"""What the document of a host has, for the conditions of rules."""
MAX_AGE = "24h"


@dataclass(frozen=True)
class Field:
    """Where a field of a host comes from: the name of a column or key, or an expression over the whole record."""

    name: str
    column: str | None
    query: Expression | None
    split: str | None
    lower: bool


@dataclass(frozen=True)
class Input:
    """One export of a CMDB."""

    file: str
    format: str
    delimiter: str
    encoding: str
    records: tuple[str, ...]
    fields: tuple[Field, ...]
    where: Expression | None
    spot: Spot


@dataclass(frozen=True)
class Source:
    """The whole source file."""

    fleet: str
    inputs: tuple[Input, ...]
    others: bool
    connect: bool
    ranges: Ranges | None
    rules: dict[str, Rules]
    unmanaged: frozenset[str]
    max_age_ms: int
    reads_vars: bool

    @property
    def rings(self) -> list[str]:
        """Every ring that a rule may give."""
        given = self.rules["ring"].rules if "ring" in self.rules else ()
        return list(dict.fromkeys(str(rule.value) for rule in given if rule.value is not None))


def read_source(text: str, name: str) -> Source:
    """Read a source file; `name` is what messages call it. InventoryError with all that is wrong with its shape, or
    with the first thing that is wrong with its ranges, expressions or shares."""
    return _Reader(text, name).source()


class _Reader:
    def __init__(self, text: str, name: str) -> None:
        self.text, self.name = text, name
        self.lines = text.splitlines()
        self.doc: Document = read(text)

    def spot(self, path: Path) -> Spot:
        return Spot(self.name, *self.doc.spot(path))

    def inside(self, path: Path) -> Spot:
        """The spot of a text's first character, after its quotation mark if it has one."""
        spot = self.spot(path)
        line = self.lines[spot.line - 1] if spot.line <= len(self.lines) else ""
        quoted = line[spot.column - 1 : spot.column] in ("'", '"')
        return spot._replace(column=spot.column + quoted)

    def source(self) -> Source:
        found: list[tuple[Spot, str]] = [
            (Spot(self.name, spot.line, self.doc.spot(spot.path)[1]), spot.message) for spot in self.doc.problems
        ]
        if self.doc.data is None and not found:
            found.append((Spot(self.name, 1, 1), "the file is empty"))
        if not found:
            found = [
                (self.spot(path), f"{path_text(path)}: {message}" if path else message)
                for path, message in check(self.doc.data, SOURCE)
            ]
        if found:
            found.sort()
            first, what = found[0]
            more = "".join(f"\n  {spot}: {message}" for spot, message in found[1:])
            raise InventoryError(first, what + more, MEND)
        return self._build(self.doc.data)

    def _build(self, data: dict[str, Any]) -> Source:
        inputs = tuple(self._input(item, ("sources", at)) for at, item in enumerate(data.get("sources", [])))
        extras = {field.name for item in inputs for field in item.fields} - set(FIELDS)
        rules = {
            kind: self._rules(kind, data["rules"][kind], extras) for kind in RULED if kind in data.get("rules", {})
        }
        ranges = [
            read_range(
                item["range"], {key: item[key] for key in KEYS if key in item}, self.inside(("ranges", at, "range"))
            )
            for at, item in enumerate(data.get("ranges", []))
        ]
        expressions = [
            item for many in rules.values() for rule in many.rules for item in (rule.when, rule.query) if item
        ]
        return Source(
            fleet=data.get("fleet", "default"),
            inputs=inputs,
            others=data.get("others", True),
            connect=data.get("connect", True),
            ranges=Ranges(ranges) if ranges else None,
            rules=rules,
            unmanaged=frozenset(data.get("unmanaged", ("network", "mobile"))),
            max_age_ms=duration_ms(data.get("max_age", MAX_AGE)),
            reads_vars=any({"vars", "@"} & item.fields for item in expressions),
        )

    def _input(self, item: dict[str, Any], path: Path) -> Input:
        suffix = item["file"].rpartition(".")[2].lower()
        kind = item.get("format") or {"yml": "yaml", "yaml": "yaml", "json": "json"}.get(suffix, "csv")
        fields = []
        for name, given in item["fields"].items():
            here = (*path, "fields", name)
            if not isinstance(given, dict):
                given = {"from": given}
            elif ("from" in given) == ("query" in given):
                raise InventoryError(self.spot(here), f"{path_text(here)}: give exactly one of from and query")
            query = None
            if "query" in given:
                if kind == "csv":
                    raise InventoryError(
                        self.spot(here), f"{path_text(here)}: a CSV file has columns; name one with 'from'"
                    )
                query = Expression(given["query"], self.inside((*here, "query")), None)
            fields.append(Field(name, given.get("from"), query, given.get("split"), given.get("lower", False)))
        extras = {field.name for field in fields} - set(FIELDS)
        where = None
        if "where" in item:
            where = Expression(item["where"], self.inside((*path, "where")), (*FIELDS, "cmdb"), extras)
        return Input(
            file=item["file"],
            format=kind,
            delimiter=item.get("delimiter", ","),
            encoding=item.get("encoding", "utf-8-sig"),
            records=tuple(part for part in item.get("records", "").split(".") if part),
            fields=tuple(fields),
            where=where,
            spot=self.spot((*path, "file")),
        )

    def _rules(self, kind: str, given: list[dict[str, Any]], extras: set[str]) -> Rules:
        known = [name for name in HOST_FIELDS if name != "ring" or kind == "ring"]
        shared = [at for at, item in enumerate(given) if "share" in item]
        try:
            parts = dict(
                zip(
                    shared,
                    slices((given[at].get("when", "every host"), given[at]["share"]) for at in shared),
                    strict=True,
                )
            )
        except ValueError as error:
            raise InventoryError(self.spot(("rules", kind, shared[0], "share")), f"rules.{kind}: {error}") from error
        rules = []
        for at, item in enumerate(given):
            path = ("rules", kind, at)
            when = Expression(item["when"], self.inside((*path, "when")), known, extras) if "when" in item else None
            query = Expression(item["from"], self.inside((*path, "from")), known, extras) if "from" in item else None
            rules.append(Rule(when, item.get("is"), query, parts.get(at)))
        return Rules(kind, tuple(rules))
