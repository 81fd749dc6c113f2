# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What rpm's own queries say of installed packages and of package files: text -> values.

A package is one line of fields with tabs between them; lists end with a record mark, for a name may hold no control
characters.
"""

import re
from typing import List, NamedTuple, Set

from ansible_collections.lockstep.patching.plugins.module_utils._parse.rpm_md import evr, source_of

FORMAT = (
    "%{NAME}\\t%{EPOCHNUM}\\t%{VERSION}\\t%{RELEASE}\\t%{ARCH}\\t%{SOURCERPM}\\t%{SIZE}\\t%{INSTALLTIME}\\t%{VENDOR}"
    "\\t[%{REQUIRENAME} ][%{CONFLICTNAME} ]\\n"
)
SHORT = FORMAT.replace("[%{REQUIRENAME} ][%{CONFLICTNAME} ]", "")
"""Without what a package needs: a third of the time, for those who only look."""
KEYS = "gpg-pubkey"  # rpm keeps the keys that it trusts as packages that are none
_KERNEL = re.compile(r"kernel-(?:default|azure|rt|64kb|preempt|kvmsmall|longterm|vanilla|xen|debug)(?:-base)?\Z")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*\Z")


class Rpm(NamedTuple):
    """size: bytes when installed; installed_ms: None for a file; needs: plain names that it needs or conflicts with."""

    name: str
    arch: str
    version: str
    source: str
    source_version: str
    size: int
    installed_ms: int
    vendor: str
    needs: Set[str]


def parse(text: str) -> List[Rpm]:
    """Return the packages of a query with FORMAT or SHORT; raise ValueError for a line that is none."""
    found = []
    for line in text.split("\n"):
        if not line:
            continue
        fields = line.split("\t")
        if len(fields) != 10:
            raise ValueError("rpm's answer has a line that is no package: {0}".format(line[:100]))
        name, epoch, version, release, arch, source, size, installed, vendor, needs = fields
        if name == KEYS:
            continue
        text_version = evr(epoch, version, release)
        source_name, source_version = source_of("" if source == "(none)" else source, name)
        names = {word for word in needs.split(" ") if _PLAIN.match(word)}
        found.append(
            Rpm(
                name,
                arch,
                text_version,
                source_name,
                source_version or text_version,
                int(size) if size.isdigit() else 0,
                int(installed) * 1000 if installed.isdigit() else 0,
                "" if vendor == "(none)" else vendor,
                names,
            )
        )
    return found


def is_kernel(name: str) -> bool:
    """Does the package hold a kernel image of SUSE?"""
    return bool(_KERNEL.match(name))
