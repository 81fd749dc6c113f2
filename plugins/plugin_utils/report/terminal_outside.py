# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts outside a rollout on the terminal. Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.report.layout import Layout
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.text import names, plural


def outside_lines(view: dict[str, Any], out: Layout) -> None:
    """A line for each kind; nothing where every host is in its place."""
    if not view["outside"]:
        return
    out.heading("Not reached by any rollout, or not known to the inventory")
    for row in view["outside"]:
        count = plural(len(row["hosts"]), "host")
        css = "" if row["what"] == "unmanaged" else "unk"
        out.text(f"{row['what'].replace('_', ' ')}: {count}: {names(row['hosts'], 4)}", css, indent=2, hang=4)
        out.text(f"Why: {row['why']}. Next: {row['next']}", indent=6, hang=2)
