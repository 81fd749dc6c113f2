# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The JSON Schema library, imported when something is checked: it is slow to import, and what reads no policy and no
plan runs without it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError

if TYPE_CHECKING:
    from jsonschema import ValidationError


def errors_of(data: Any, shape: dict[str, Any]) -> Iterable[ValidationError]:
    """Everything in `data` that a JSON Schema does not allow."""
    try:
        from jsonschema import Draft202012Validator
    except ImportError as error:
        raise LockstepError(
            "the Python library jsonschema is not installed",
            next_step="pip install -r requirements.txt of the collection",
        ) from error
    return Draft202012Validator(shape).iter_errors(data)


def worst_of(data: Any, shape: dict[str, Any]) -> ValidationError | None:
    """The one of them that says most."""
    found = list(errors_of(data, shape))
    if not found:
        return None
    from jsonschema.exceptions import best_match

    return best_match(found)
