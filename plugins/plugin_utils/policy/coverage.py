# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the first ring proves of what the later rings would do. Pure.

A step is a platform, package, architecture and the exact versions from and to: maintainer scripts see the old
version, so another start is another step. A step is proved on three levels:

- `same_step`: a host of the first ring takes it in this plan, or its own package history shows that it took exactly
  this step and the version is still installed (so what an earlier plan left behind in production can follow);
- `other_start`: a host of the first ring gets or has the target version, from another start;
- `none`: no host of the first ring on this platform gets or has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.facts import installed, section
from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.merge import Step

_Target = tuple[str, str, str, "str | None"]


class Coverage:
    """What the hosts of the first ring take, took and have."""

    def __init__(self) -> None:
        self._steps: set[tuple[_Target, str | None]] = set()
        self._targets: set[_Target] = set()
        self._platforms: set[str] = set()

    def add(self, platform: str, steps: Iterable[Step], state: Mapping[str, Any]) -> None:
        """One host of the first ring."""
        self._platforms.add(platform)
        for step in steps:
            target = (platform, step.candidate["name"], step.candidate["arch"], step.candidate["version"])
            self._steps.add((target, step.installed))
            self._targets.add(target)
        has = {key: item["version"] for key, item in installed(state).items() if item.get("status") == "installed"}
        self._targets |= {(platform, name, arch, version) for (name, arch), version in has.items()}
        history = section(state, "history")[0] or {}
        for event in history.get("events") or []:
            key = (str(event.get("name")), str(event.get("arch")))
            if event.get("action") in ("upgrade", "install") and has.get(key) == event.get("to"):
                before = event.get("from") if event["action"] == "upgrade" else None
                self._steps.add(((platform, *key, event.get("to")), before))

    def level(self, platform: str, step: Step) -> str:
        """`same_step`, `other_start` or `none`."""
        target = (platform, step.candidate["name"], step.candidate["arch"], step.candidate["version"])
        if (target, step.installed) in self._steps:
            return "same_step"
        return "other_start" if target in self._targets else "none"

    def detail(self, platform: str, step: Step, ring: str) -> str:
        """Why a step is not proved."""
        if platform not in self._platforms:
            return f"ring '{ring}' has no host of platform {platform} whose state is known"
        if self.level(platform, step) == "other_start":
            return (
                f"ring '{ring}' has this version, and no host of it came to it from {step.installed or 'not installed'}"
            )
        return f"no host of ring '{ring}' takes or has this version"


def withheld(level: str, untested: str) -> bool:
    """Whether `select.untested` withholds a step of this level."""
    return {"same_step": False, "other_start": untested == "withhold", "none": untested != "allow"}[level]
