# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A view as one HTML page that opens offline and asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ansible_collections.lockstep.patching.plugins.plugin_utils.report import times
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.refs import (
    ASSESS_FILTERS,
    DETECT_FILTERS,
    SHOWN_HOSTS,
    host_refs,
    shown_steps,
    step_refs,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.terminal_assess import deadline
from ansible_collections.lockstep.patching.plugins.plugin_utils.report.text import names, plural

HERE = Path(__file__).parent
FIRST_ROWS = 50


@lru_cache(maxsize=1)
def _environment() -> Environment:
    # autoescape for every template whatever its name; an undefined value is a fault, never an empty cell
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(utc=times.utc, day=times.day, iso=times.iso, names=names, refs=step_refs)
    made.globals.update(
        plural=plural,
        age=times.age,
        length=times.length,
        bars=bars,
        first_rows=FIRST_ROWS,
        shown_hosts=SHOWN_HOSTS,
        detect_filters=DETECT_FILTERS,
        assess_filters=ASSESS_FILTERS,
        deadline=deadline,
    )
    return made


def _asset(name: str) -> tuple[Markup, str]:
    """An asset's text and its hash for the content security policy."""
    text = (HERE / "assets" / name).read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Markup(text), f"sha256-{digest}"  # our own file, never data


def bars(parts: list[tuple[str, int]]) -> list[dict[str, Any]]:
    """`[{css, count, x, width}]` in permille for a stacked bar; a part that is there is never too thin to see."""
    parts = [(css, count) for css, count in parts if count]
    total = sum(count for _css, count in parts)
    widths = [max(12, count * 1000 // total) for _css, count in parts]
    if widths:
        widths[widths.index(max(widths))] += 1000 - sum(widths)
    drawn, x = [], 0
    for (css, count), size in zip(parts, widths, strict=True):
        drawn.append({"css": css, "count": count, "x": x, "width": size})
        x += size
    return drawn


def page(view: dict[str, Any], beside: list[str]) -> str:
    """The page of a view; `beside` names the files next to it that it links to."""
    style, style_hash = _asset("report.css")
    script, script_hash = _asset("report.js")
    policy = (
        f"default-src 'none'; style-src '{style_hash}'; script-src '{script_hash}'; base-uri 'none'; form-action 'none'"
    )
    template = _environment().get_template(f"{view['kind']}.html.j2")
    refs, notes = host_refs(view)
    return template.render(
        v=view,
        now=view["generated_ms"],
        beside=beside,
        style=style,
        script=script,
        policy=policy,
        refs=refs,
        notes=notes,
        shown=shown_steps(view) if view["kind"] == "assess" else None,
    )
