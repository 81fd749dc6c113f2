# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Order of package versions, the same that host code uses. Pure.

The controller may be no Debian machine and hosts differ, so no host's tool can be asked. A scheme is how a kind of
package orders its versions: DEB, RPM, ALPM (pacman) or APK.
"""

from __future__ import annotations

from functools import lru_cache

from ansible_collections.lockstep.patching.plugins.module_utils._model import (
    alpm_version,
    apk_version,
    deb_version,
    rpm_version,
)

DEB = "deb"
RPM = "rpm"
ALPM = "alpm"
APK = "apk"
_MANAGERS = {"apt": DEB, "dnf": RPM, "dnf5": RPM, "yum": RPM, "zypper": RPM, "pacman": ALPM, "apk": APK}
_RULES = {DEB: deb_version, RPM: rpm_version, ALPM: alpm_version, APK: apk_version}
SCHEMES = tuple(_RULES)


@lru_cache(maxsize=262144)
def order(version: str, scheme: str = DEB) -> str:
    """Sort key of a version, oldest first: text that may also be stored and sorted by a database (as bytes)."""
    key: str = _RULES[scheme].version_key(version)
    return key


def compare(one: str, two: str, scheme: str = DEB) -> int:
    """-1, 0 or 1: is `one` older than, as old as, or newer than `two`?"""
    first, second = order(one, scheme), order(two, scheme)
    return (first > second) - (first < second)


def valid(version: str, scheme: str = DEB) -> bool:
    """Whether it can be a version at all. Only such ones are worth comparing."""
    return bool(_RULES[scheme].valid(version))


def scheme_of(manager: str) -> str | None:
    """The scheme of a package manager (section `manager`, `name`), or None for one that is not known."""
    return _MANAGERS.get(manager)
