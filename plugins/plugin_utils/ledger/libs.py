# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""SQLAlchemy, or a stand-in that lets this package be imported without it, so that opening a ledger can say what to
install."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlalchemy as sa

    MISSING: str = ""
else:
    try:
        import sqlalchemy as sa

        MISSING = ""
    except ImportError as error:

        class _Absent:
            """Takes the definitions of tables without doing anything with them."""

            def __getattr__(self, name: str) -> Any:
                return self

            def __call__(self, *args: Any, **kwargs: Any) -> Any:
                return self

        sa = _Absent()
        MISSING = str(error)

__all__ = ["MISSING", "sa"]
