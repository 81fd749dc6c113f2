# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Schemes, units and hosts for the tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy import risk as package
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.life import Context
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.model import (
    Facts,
    Match,
    Profile,
    Risk,
    Unit,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.risk.scheme import Scheme, read_scheme
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.versions import compare
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.vulnerability import FIX

DAY = 86_400_000
NOW = 1_795_000_000_000
SCHEMES = Path(package.__file__).parent / "schemes"
OPEN = Profile("open", "high", "high", ())
INSIDE = Profile("controlled", "low", "low", ())
EXPLOITED = Facts(kev="yes", automatable="yes", technical_impact="total", severity="critical", cvss=98)
DULL = Facts(kev="no", automatable="no", technical_impact="partial", severity="medium", cvss=55)


def shipped(name: str) -> Scheme:
    path = SCHEMES / f"{name}.csv"
    return read_scheme(path.read_text(encoding="utf-8"), str(path))


def context(facts: dict[str, Facts], now_ms: int = NOW, scheme: Scheme | None = None, **given: Any) -> Context:
    feeds = given.get("feeds", frozenset({"osv"}))
    return Context(
        scheme or shipped("cisa-bod-26-04"),
        given.get("risk", Risk()),
        facts,
        now_ms,
        given.get("same", True),
        feeds,
        newer,
        {},
    )


def newer(_ecosystem: str, one: str, two: str) -> bool:
    return compare(one, two) > 0


def match(vuln: str, answer: str = FIX, fixed: str | None = "2.0") -> Match:
    return Match(vuln, answer, fixed, ("DSA-1",), ("osv",))


def unit(source: str, version: str, *matches: Match, packages: tuple[str, ...] = ()) -> Unit:
    return Unit(f"{source} {version}", "Debian:12", source, version, packages or (source,), matches)
