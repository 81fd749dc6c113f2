# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The local safeguard: what failed in the same way on two hosts is not tried on hosts like them. Pure.

Nothing is kept of it: it holds as long as two hosts of the plan stand failed in that way, so it ends with their repair,
a person's word about them, or a recall of the package.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.plugin_utils.policy.words import names, one_line, plain

SAME = 2
"""How many hosts must have failed in the same way."""
NEXT = (
    "repair one of them and run rollout again, take the package out of the plan (playbook recall), or decide about a"
    " failed host (playbook resolve)"
)
AT_BOOT = ("did not come back", "no reboot:")
"""What the reasons of hosts have that failed to boot: there the hardware counts too."""
_SHOWN = 120
_SPOILT = (
    (re.compile(r"\b[0-9a-f]{8,}(?:-[0-9a-f]+)*\b", re.IGNORECASE), "…"),
    (re.compile(r"\b\d+(?:[.:]\d+)*\b"), "N"),
)
"""Ids, times, sizes and addresses, which differ between two hosts that fail in the same way."""


class Traits(NamedTuple):
    """What a host is, as far as a failure may depend on it."""

    system: str
    """`debian 12 amd64`."""
    hardware: str
    """Vendor and product, empty where nobody knows."""
    steps: Mapping[str, str]
    """What the plan changes there: `{package: "1.0 → 1.1"}`."""


class Fingerprint(NamedTuple):
    """What two failures have in common; an empty text says that it does not matter."""

    error: str
    package: str
    """The package that the error names."""
    step: str
    system: str
    hardware: str


def counts(record: Mapping[str, Any] | None) -> bool:
    """Whether a host's record says that the plan has done harm there: something of it was begun, and it ended badly."""
    if not record or record.get("retired") or not (record.get("detail") or {}).get("before"):
        return False
    reason = str(record.get("reason"))
    if record["status"] == "failed":
        return not reason.startswith(("hook ", "verified, but hook "))
    if record["status"] == "rolled_back":
        return reason.startswith("rolled back, since ")
    return record["status"] == "regressed" or (record["status"] == "unreachable" and record.get("phase") == "lost")


def fingerprint(host: str, reason: str, traits: Traits) -> Fingerprint:
    """The fingerprint of one failure."""
    text = one_line(reason).removeprefix("rolled back, since ")
    named = [(at.start(), -len(name), name) for name in traits.steps if (at := _word(name).search(text))]
    package = min(named)[2] if named else ""
    error = _word(host).sub("HOST", text)
    for version in traits.steps.get(package, "").split(" → "):
        error = error.replace(version, "V") if version else error
    for pattern, instead in _SPOILT:
        error = pattern.sub(instead, error)
    at_boot = any(words in text for words in AT_BOOT)
    return Fingerprint(error, package, traits.steps.get(package, ""), traits.system, traits.hardware if at_boot else "")


def _word(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.+-]){re.escape(name)}(?![\w+-])")


def repeated(failures: Mapping[str, Fingerprint]) -> dict[Fingerprint, list[str]]:
    """Fingerprints that at least SAME hosts have, with these hosts."""
    found: dict[Fingerprint, list[str]] = {}
    for host, mark in failures.items():
        found.setdefault(mark, []).append(host)
    return {mark: hosts for mark, hosts in found.items() if len(hosts) >= SAME}


def matches(mark: Fingerprint, traits: Traits) -> bool:
    """Whether a host is like those that failed: the same system, step of the package and, at boot, hardware."""
    if mark.system != traits.system or mark.hardware not in ("", traits.hardware):
        return False
    return not mark.package or traits.steps.get(mark.package) == mark.step


def held(seen: Mapping[Fingerprint, Sequence[str]], traits: Mapping[str, Traits]) -> dict[str, str]:
    """Why hosts are held that have not begun; a host that is not in the answer may go."""
    return {
        host: why(mark, hosts) for host, own in traits.items() for mark, hosts in seen.items() if matches(mark, own)
    }


def why(mark: Fingerprint, hosts: Sequence[str]) -> str:
    """The reason as people read it."""
    like = [mark.system, f"{mark.package} {mark.step}" if mark.package else "", mark.hardware]
    said = ", ".join(plain(text, _SHOWN) for text in like if text)
    return (
        f"held, since {names(hosts)} failed in the same way and it is like them ({said}): {plain(mark.error, _SHOWN)}"
    )


def traits_of(sections: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> Traits:
    """A host's traits by its state's `platform`, `packages` and `hardware`, and the plan's lines."""
    platform, packages, hardware = (_known(sections.get(name)) for name in ("platform", "packages", "hardware"))
    have = {(item["name"], item["arch"]): str(item["version"]) for item in packages or ()}
    steps = {}
    for line in lines:
        has = have.get((line["package"], line["arch"]))
        concerns = has != line["version"] if has else line["action"] == "install"
        if concerns and line["platform"] == (platform or {}).get("id"):
            steps[line["package"]] = f"{has or 'none'} → {line['version'] or 'none'}"
    system = " ".join(str(platform[name]) for name in ("os", "version", "arch")) if platform else ""
    model = " ".join(str(hardware[name]) for name in ("vendor", "product") if hardware.get(name)) if hardware else ""
    return Traits(system, model, steps)


def _known(content: Any) -> Any:
    return None if isinstance(content, Mapping) and "unknown" in content else content
