# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`select.types`: which types of updates a plan takes, and how a plan says them. Pure.

`_model/patch_types.py` says what a type is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.lockstep.patching.plugins.module_utils._model.patch_types import (
    SEVERITIES,
    TYPES,
    basis_of,
    ids_of,
    line_type,
    type_of,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names, plural

SHAPE: dict[str, Any] = {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"enum": list(TYPES)}}
"""`select.types` in the policy's schema."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._:/-]{0,199}")
_KNOWN = {
    "advisories": "types from advisories",
    "origin": "types from the archive of origin: security or unclassified",
    "none": "no advisory data, so nothing tells what an update is for",
}


def clash(select: Mapping[str, Any]) -> str | None:
    """What is wrong with `types` beside `security` or `other`, which say the same thing twice."""
    double = [f"'{key}'" for key in ("security", "other") if key in select]
    if "types" not in select or not double:
        return None
    return f"'types' says which updates are taken, and {' and '.join(double)} would too: keep one way"


def refusal(group: list[Mapping[str, Any]], types: tuple[str, ...]) -> str | None:
    """Why `select.types` does not take candidates that go together, or None where it does. No types: all are taken."""
    kind = type_of(group)
    if not types or kind in types:
        return None
    bases = {basis_of(item) for item in group}
    ids = sorted({text for item in group for text in ids_of(item)})
    if "advisories" in bases:
        how = names(ids, 3) if ids else "no advisory names it"
    else:
        how = "by the archive that it comes from" if "origin" in bases else "its repositories give no advisory data"
    article = "an" if kind[0] in "aeiou" else "a"
    return f"it is {article} {kind} update ({how}); select.types takes {', '.join(types)}"


def counts_text(lines: list[Mapping[str, Any]]) -> str:
    """`4 lines: 1 security, 3 unclassified (types from advisories)` of the lines of one platform."""
    kinds = [line_type(line) for line in lines]
    parts = ", ".join(f"{kinds.count(kind)} {kind or 'removed'}" for kind in (*TYPES, "") if kind in kinds)
    bases = [line.get("type_from") for line, kind in zip(lines, kinds, strict=True) if kind]
    how = "; ".join(
        text if bases.count(basis) == len(bases) else f"{bases.count(basis)} with {text}"
        for basis, text in _KNOWN.items()
        if basis in bases
    )
    return plural(len(lines), "line") + (f": {parts}" if parts else "") + (f" ({how})" if how else "")


def malformed_advisories(value: Any) -> bool:
    """Whether what a host calls its advisories cannot be used."""
    if value is None:
        return False
    return not isinstance(value, list) or not all(isinstance(item, dict) and _usable(item) for item in value)


def _usable(item: Mapping[str, Any]) -> bool:
    issued, cves = item.get("issued_ms"), item.get("cves")
    return (
        isinstance(item.get("id"), str)
        and bool(_ID.fullmatch(item["id"]))
        and item.get("type") in TYPES
        and item.get("severity") in (None, *SEVERITIES)
        and isinstance(cves, list)
        and all(isinstance(cve, str) and _ID.fullmatch(cve) for cve in cves)
        and (issued is None or (isinstance(issued, int) and not isinstance(issued, bool)))
    )
