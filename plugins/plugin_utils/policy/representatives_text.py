# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A proposed test group as text for a person, and as an inventory file. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from ansible_collections.lockstep.patching.plugins.plugin_utils.errors import LockstepError
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.representatives import (
    ALONE,
    FULL,
    FULL_SERVICE,
    NEVER,
    Choice,
)
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names, plain, plural

MARK = "# Written by lockstep.patching.suggest_rings"
_NAMES = {"platform": "platform", "package": "package version", "service": "service"}
_WHY = {
    ALONE: "on a single host: with it in the test group nothing else would be proved",
    NEVER: "only on hosts that must not be in the test group",
    FULL_SERVICE: "only on hosts whose services have their number of test hosts",
    FULL: "the test group is as large as it may be",
}
_SHOWN = 6


def text(choice: Choice, group: str, total: int, unknown: Mapping[str, str]) -> str:
    """What the terminal shows. total: how many hosts there are; unknown: hosts of which nothing is known, and why."""
    lines = [f"Test group {group}: {len(choice.hosts)} of {plural(total, 'host')}"]
    width = max((len(plain(item.host, 60)) for item in choice.hosts), default=0)
    for item in choice.hosts:
        more = f"the first with {plural(item.gain, 'item')}" if item.gain else "adds nothing"
        lines.append(f"  {plain(item.host, 60).ljust(width)}  {item.why.ljust(6)}  {more}")
    lines.append("It has")
    for kind, (have, of) in choice.covered.items():
        share = f" ({100 * have // of}%)" if of else ""
        lines.append(f"  {have} of {plural(of, _NAMES[kind])}{share}")
    reasons = Counter((gap.kind, gap.why) for gap in choice.gaps)
    if reasons:
        lines.append("It does not have")
    for (kind, why), count in reasons.items():
        some = [
            f"{gap.name} ({plural(gap.hosts, 'host')})" for gap in choice.gaps if (gap.kind, gap.why) == (kind, why)
        ]
        lines.append(f"  {plural(count, _NAMES[kind])}, {_WHY[why]}: {names(some, _SHOWN)}")
    if unknown:
        some = [f"{host}: {why}" for host, why in unknown.items()]
        lines.append(f"Not known, so neither chosen nor covered: {plural(len(unknown), 'host')}: {names(some, _SHOWN)}")
    return "\n".join(lines)


def document(choice: Choice, total: int, unknown: Mapping[str, str]) -> dict[str, Any]:
    """The whole of it as data: `{hosts, covered, gaps, unknown, of}`."""
    return {
        "of": total,
        "hosts": [item._asdict() for item in choice.hosts],
        "covered": {kind: {"have": have, "of": of} for kind, (have, of) in choice.covered.items()},
        "gaps": [gap._asdict() for gap in choice.gaps],
        "unknown": [{"host": host, "why": why} for host, why in unknown.items()],
    }


def inventory(choice: Choice, group: str) -> str:
    """An inventory file with the group. Names are JSON strings, which YAML reads as text whatever they hold."""
    lines = [
        MARK,
        "# Use it as one more inventory source (-i). The next suggest_rings keeps its hosts while they are of use.",
        "---",
        f"{group}:",
        "  hosts:" if choice.hosts else "  hosts: {}",
    ]
    lines += [f"    {json.dumps(item.host)}:" for item in choice.hosts]
    return "\n".join(lines) + "\n"


def previous(content: str, path: str) -> Sequence[str]:
    """The hosts of a file that `inventory` wrote; LockstepError for any other file."""
    try:
        found = yaml.safe_load(content) if content.startswith(MARK) else None
        if isinstance(found, dict) and len(found) == 1:
            hosts = next(iter(found.values())).get("hosts")
            return [str(host) for host in hosts]
    except (yaml.YAMLError, AttributeError, TypeError):
        pass
    raise LockstepError(
        "this file was not written by suggest_rings, and is left as it is", path, "give another suggest_rings_path"
    )
