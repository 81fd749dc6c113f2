# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is said of each package manager, the same on hosts and on the controller."""

from typing import Dict, NamedTuple


class Words(NamedTuple):
    """Names and next steps, as messages use them.

    writes: can carry out a plan (others are only looked at); tool: the command; database: what knows the installed
    packages; update: brings the indexes up to date; check: shows what is wrong; repair: finishes or mends what an
    interrupted change left behind; marks: shows what was installed automatically and what is held; unhold: releases
    a hold. Commands are told as what a person types on the host.
    """

    writes: bool
    tool: str
    database: str
    update: str
    check: str
    repair: str
    marks: str
    unhold: str


MANAGERS: Dict[str, Words] = {
    "apt": Words(
        writes=True,
        tool="apt-get",
        database="dpkg",
        update="apt-get update",
        check="apt-get check",
        repair="dpkg --configure -a and apt-get -f install",
        marks="apt-mark showauto, showhold",
        unhold="apt-mark unhold",
    ),
    "dnf": Words(
        writes=True,
        tool="dnf",
        database="the rpm database",
        update="dnf makecache",
        check="dnf check",
        repair="dnf remove --duplicates, and dnf reinstall of what is named",
        marks="dnf repoquery --userinstalled, dnf versionlock list",
        unhold="dnf versionlock delete",
    ),
    "dnf5": Words(
        writes=False,
        tool="dnf5",
        database="the rpm database",
        update="dnf5 makecache",
        check="dnf5 check",
        repair="dnf5 remove --duplicates, and dnf5 reinstall of what is named",
        marks="dnf5 repoquery --userinstalled, dnf5 versionlock list",
        unhold="dnf5 versionlock delete",
    ),
    "zypper": Words(
        writes=True,
        tool="zypper",
        database="the rpm database",
        update="zypper refresh",
        check="zypper verify",
        repair="zypper install --force of what is named, then zypper verify",
        marks="zypper packages --autoinstalled and zypper locks",
        unhold="zypper removelock",
    ),
    "pacman": Words(
        writes=True,
        tool="pacman",
        database="pacman's database",
        update="pacman -Sy",
        check="pacman -Dk",
        repair="rm db.lck if no pacman runs, and pacman -S for what is lost or has failed,",
        marks="pacman -Qd",
        unhold="a change of IgnorePkg in pacman.conf",
    ),
}
"""By the name that the section ``manager`` has; docs/howto/add-a-package-manager.md says how to add one."""


def words(name: str) -> Words:
    """The words of a package manager; of one that is not known, words that fit any."""
    return MANAGERS.get(name) or Words(
        False,
        name or "the package manager",
        "the package database",
        "an update of its indexes",
        "its own check",
        "its own repair",
        "its own list of marks",
        "its own command",
    )
