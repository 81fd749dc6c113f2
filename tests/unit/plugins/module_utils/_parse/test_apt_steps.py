# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Steps of a simulated run, in the form in which apt 2.6.1 prints them."""

from __future__ import annotations

from ansible_collections.lockstep.patching.plugins.module_utils._parse.apt_output import parse_simulation
from ansible_collections.lockstep.patching.plugins.module_utils._parse.apt_steps import steps_of
from ansible_collections.lockstep.patching.plugins.module_utils._parse.dpkg_state import parse_status

PRINTED = """\
Remv lab-app [1.0]
Remv tool [2] [other:amd64 ]
Remv foreign:i386 [3]
Inst lab-lib [1.0] (1.1 Lockstep Lab-Security:1.0/lab-security [all])
Conf lab-lib (1.1 Lockstep Lab-Security:1.0/lab-security [all])
"""
STATUS = "\n\n".join(
    f"Package: {name}\nStatus: install ok installed\nArchitecture: {arch}\nVersion: {version}\n"
    for name, arch, version in [
        ("lab-app", "all", "1.0"),
        ("tool", "amd64", "2"),
        ("foreign", "i386", "3"),
        ("foreign", "amd64", "3"),
    ]
)


def test_a_removal_is_of_the_architecture_that_is_installed() -> None:
    steps = steps_of(parse_simulation(PRINTED), "amd64", parse_status(STATUS))
    assert [(step.action, step.name, step.arch) for step in steps] == [
        ("remove", "lab-app", "all"),
        ("remove", "tool", "amd64"),
        ("remove", "foreign", "i386"),
        ("upgrade", "lab-lib", "all"),
    ]
