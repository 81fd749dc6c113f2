# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lists that apt-get shows before it asks. The first text was recorded on Debian 12 (apt 2.6.1), shortened."""

from __future__ import annotations

import pytest

from ansible_collections.lockstep.patching.plugins.module_utils._parse.apt_output import Action, parse_listing

RECORDED = """\
Reading package lists...
Building dependency tree...
Reading state information...
Calculating upgrade...
The following packages have been kept back:
   tzdata (2026b-0+deb12u1 => 2026f-0+deb12u1)
The following packages will be upgraded:
   libssl3 (3.0.20-1~deb12u2 => 3.0.22-1~deb12u2)
   openssl (3.0.20-1~deb12u2 => 3.0.22-1~deb12u2)
2 upgraded, 0 newly installed, 0 to remove and 1 not upgraded.
Need to get 21.5 MB of archives.
After this operation, 211 kB of additional disk space will be used.
Do you want to continue? [Y/n] N
Abort.
"""
MIXED = """\
The following packages will be REMOVED:
   old-lib* (1.0)
The following NEW packages will be installed:
   new-lib:i386 (2.0-1)
0 upgraded, 1 newly installed, 1 to remove and 0 not upgraded.
"""


def test_recorded_upgrade() -> None:
    found = parse_listing(RECORDED)
    assert found is not None
    assert found.kept == ["tzdata"]
    assert found.actions == [
        Action("upgrade", "libssl3", "", "3.0.20-1~deb12u2", "3.0.22-1~deb12u2"),
        Action("upgrade", "openssl", "", "3.0.20-1~deb12u2", "3.0.22-1~deb12u2"),
    ]


def test_new_and_removed_packages() -> None:
    found = parse_listing(MIXED)
    assert found is not None
    assert found.actions == [
        Action("install", "new-lib", "i386", None, "2.0-1"),
        Action("remove", "old-lib", "", "1.0", None),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "E: Could not get lock\n",
        RECORDED.replace("2 upgraded", "3 upgraded"),
        RECORDED.replace("   openssl (3.0.20-1~deb12u2 => 3.0.22-1~deb12u2)", "   openssl"),
        RECORDED.replace("   openssl (3.0.20-1~deb12u2 => 3.0.22-1~deb12u2)", "   openssl (3.0.22-1~deb12u2)"),
        MIXED.replace("REMOVED", "ENTFERNT"),
    ],
)
def test_what_does_not_add_up_is_not_understood(text: str) -> None:
    assert parse_listing(text) is None
