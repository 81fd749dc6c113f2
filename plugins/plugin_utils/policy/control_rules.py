# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a standard may ask of security controls, and whether a host's answer fits. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.lockstep.patching.plugins.module_utils._model.state import is_unknown, why_unknown

CHOICES: dict[str, tuple[str, ...]] = {
    "firewall": ("active", "closed"),
    "selinux": ("enforcing", "permissive"),
    "apparmor": ("enabled",),
    "updates": ("off", "on"),
    "encryption": ("root",),
    "time": ("synchronised",),
    "lockdown": ("integrity", "confidentiality"),
}
"""By control: what can be asked of it. Besides these: `sshd` (setting -> value or list) and `agents` (names)."""
_SECTION = {"lockdown": "kernel"}


class Told(NamedTuple):
    """Why a control does not fit."""

    has: str
    wants: str
    unknown: bool


def judge(name: str, wanted: Any, controls: Any) -> Told | None:
    """None where the control is as wanted, or does not apply to the host."""
    wants = _words(wanted)
    if not isinstance(controls, Mapping) or is_unknown(controls):
        why = why_unknown(dict(controls)) if isinstance(controls, Mapping) else "the part controls was not read"
        return Told(why, wants, True)
    found = controls.get(_SECTION.get(name, name))
    if name == "sshd" and found is None:
        return None  # no sshd is installed
    if isinstance(found, Mapping) and "not_applicable" in found:
        return None
    if found is None or is_unknown(found):
        return Told(why_unknown(dict(found)) if found else "not read", wants, True)
    return _judge(name, wanted, wants, found)


def _judge(name: str, wanted: Any, wants: str, found: Any) -> Told | None:
    if name == "sshd":
        off = {
            key: str(found.get(key, "not set"))
            for key, value in wanted.items()
            if str(found.get(key)) not in _list(value)
        }
        return Told(_words(off), wants, False) if off else None
    if name == "agents":
        running = {row["name"] for row in found if row["running"]}
        lacking = [agent for agent in _list(wanted) if agent not in running]
        return Told("not running: " + ", ".join(lacking), wants, False) if lacking else None
    has = {
        "firewall": lambda: _firewall(found, str(wanted)),
        "selinux": lambda: found["mode"] or "not installed",
        "apparmor": lambda: "enabled" if found["enabled"] else "disabled",
        "updates": lambda: "on" if found["installs"] else "off",
        "encryption": lambda: "root" if found["root"] else "root is not encrypted",
        "time": lambda: "synchronised" if found["synchronised"] else "not synchronised",
        "lockdown": lambda: found["lockdown"] or "not in this kernel",
    }[name]()
    if name == "lockdown" and wanted == "integrity" and has == "confidentiality":
        return None
    return None if has == str(wanted) else Told(has, wants, False)


def _firewall(found: Mapping[str, Any], wanted: str) -> str:
    if not found["active"]:
        return "not active"
    if wanted == "closed":
        opened = [family for family, verdict in sorted(found["input"].items()) if verdict == "accept"]
        return f"lets in what no rule names ({', '.join(opened)})" if opened else "closed"
    return "active"


def _list(value: Any) -> list[str]:
    return [_word(item) for item in value] if isinstance(value, (list, tuple)) else [_word(value)]


def _word(value: Any) -> str:
    # YAML reads yes and no as truth values; sshd prints the words
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {' or '.join(_list(item))}" for key, item in value.items())
    return " and ".join(_list(value))
