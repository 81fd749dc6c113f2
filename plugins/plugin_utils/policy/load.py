# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The policy file: text in, typed values or every mistake at once out. Pure: the text is an argument, not a path."""

from __future__ import annotations

import hashlib
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy import (
    approvals,
    hooks,
    looks,
    order,
    proof,
    schema,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.budgets.keys import problems as budget_problems
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.complaints import complaints, path_text
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.document import Path, read
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.model import Policy, PolicyError, Problem
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.shares import share_problems
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.typed import build
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.types import clash
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.validator import errors_of
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.windows.keys import problems as window_problems


def load_policy(text: str, name: str) -> Policy:
    """Read a policy.

    `name` is what messages call the file. Raises PolicyError with all problems, each with file and line, key path and
    what is allowed.
    """
    document = read(text)
    found: list[tuple[int, Path, str]] = [(spot.line, spot.path, spot.message) for spot in document.problems]
    if document.data is None and not found:
        found.append((1, (), "the policy is empty; only 'rings' is required, see docs/policy.md"))
    if document.data is not None:
        found += [(document.line(path), path, message) for path, message in check(document.data, schema.POLICY)]
        if not found:
            found += [(document.line(path), path, message) for path, message in _sense(document.data)]
    if found:
        raise PolicyError([Problem(f"{name}:{line}", path_text(path), message) for line, path, message in found])
    return build(document.data, name, hashlib.sha256(text.encode("utf-8")).hexdigest())


def check(data: Any, shape: dict[str, Any]) -> list[tuple[Path, str]]:
    """`[(path, sentence)]` for everything in `data` that a schema of `schema.py` does not allow."""
    return [found for error in errors_of(data, shape) for found in complaints(error)]


def default_policy() -> Policy:
    """What holds where no policy is given. It has no rings, so it can look and report and never change a host."""
    return build({}, "(no policy)", "")


def _sense(data: dict[str, Any]) -> list[tuple[Path, str]]:
    """What a schema cannot say."""
    found: list[tuple[Path, str]] = []
    first: dict[str, int] = {}
    for at, ring in enumerate(data["rings"]):
        if ring["name"] in first:
            found.append((("rings", at, "name"), f"two rings are called '{ring['name']}'; give each its own name"))
        first.setdefault(ring["name"], at)
    found += looks.sense(data.get("looks", {}))
    found += share_problems(data["rings"])
    select = data.get("select", {})
    twice = clash(select)
    if twice:
        found.append((("select", "types"), twice))
    if not select.get("security", True) and not select.get("other", True):
        found.append((("select",), "'security' and 'other' are both false, so no update is ever selected"))
    found += approvals.sense(data.get("approvals", ()), [ring["name"] for ring in data["rings"]])
    found += hooks.sense(data.get("hooks", ()), [ring["name"] for ring in data["rings"]])
    found += order.sense(data.get("order", {}))
    found += proof.sense(data)
    found += window_problems(data, list(first))
    found += budget_problems(data)
    for path, value in _walk(data, ()):
        if path[-1] == "timeout" and str(value) in ("0", "0s", "0m", "0h", "0d", "0w"):
            found.append((path, "a timeout of 0 never succeeds; give a duration such as 10m"))
        if path[-1] == "tcp" and isinstance(value, str) and not 0 < int(value.rpartition(":")[2]) < 65536:
            found.append((path, "a port is between 1 and 65535"))
    return found


def _walk(value: Any, path: Path) -> list[tuple[Path, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(path, value)] * bool(path) + [found for key, item in items for found in _walk(item, (*path, key))]
