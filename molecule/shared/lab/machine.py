# Copyright: the Lockstep contributors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings of the whole machine that labs borrow: the first lab notes the value before, the last one puts it back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from .names import run_dir
from .shell import locked, write_atomic


class Setting(NamedTuple):
    """A kernel setting, and how its value now becomes the one that a lab needs."""

    name: str
    path: Path
    wanted: Callable[[str], str]


FORWARDING = Setting("forward", Path("/proc/sys/net/ipv4/ip_forward"), lambda _now: "1")
# each booted host keeps a dozen; with the usual 128 the tenth host hangs at boot
INOTIFY = Setting("inotify", Path("/proc/sys/fs/inotify/max_user_instances"), lambda now: str(max(int(now), 4096)))
ALL = (FORWARDING, INOTIFY)


def borrow(setting: Setting, ident: str) -> None:
    """Set a setting for a lab; done again it changes nothing."""
    with locked(run_dir() / f"{setting.name}.lock"):
        known = _users(setting)
        now = setting.path.read_text().strip()
        labs = sorted({*known.get("labs", []), ident})
        write_atomic(_record(setting), json.dumps({"before": known.get("before") or now, "labs": labs}))
        setting.path.write_text(setting.wanted(now) + "\n")


def give_back(setting: Setting, ident: str) -> None:
    """Strike a lab off the list of those that need a setting; the last one puts the old value back."""
    if not _record(setting).exists():
        return
    with locked(run_dir() / f"{setting.name}.lock"):
        known = _users(setting)
        labs = [other for other in known.get("labs", []) if other != ident]
        if labs:
            write_atomic(_record(setting), json.dumps({**known, "labs": labs}))
            return
        if known.get("before"):
            setting.path.write_text(known["before"] + "\n")
        _record(setting).unlink(missing_ok=True)


def borrowers(setting: Setting) -> list[str]:
    """Identities of the labs that need a setting."""
    return list(_users(setting).get("labs", []))


def _record(setting: Setting) -> Path:
    return run_dir() / f"{setting.name}.json"


def _users(setting: Setting) -> dict:
    path = _record(setting)
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
