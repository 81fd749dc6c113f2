# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""dpkg's status file and apt's automatic marks."""

import re

from ansible_collections.lockstep.patching.plugins.module_utils._model.state import Package
from ansible_collections.lockstep.patching.plugins.module_utils._parse.deb822 import stanzas
from ansible_collections.lockstep.patching.plugins.module_utils._parse.proc import bounded

_FIELD = re.compile(r"^(Package|Status|Architecture|Version|Source|Origin|Maintainer): *(.*)$", re.MULTILINE)
_SOURCE = re.compile(r"^(\S+)(?: +\(([^)]*)\))?")


def source_of(name, version, field):
    """Return (source, source version) of a binary package; field is its ``Source`` or empty."""
    found = _SOURCE.match(field or "")
    if not found:
        return name, version
    return found.group(1), found.group(2) or version


def parse_auto(text):
    """Return the set of (name, arch) that apt's extended_states marks as installed automatically."""
    return {
        (stanza.get("Package", ""), stanza.get("Architecture", ""))
        for stanza in stanzas(text)
        if stanza.get("Auto-Installed") == "1"
    }


def parse_status(text, auto, native=""):
    """Return (packages, held) of dpkg's status file.

    packages: sorted Packages that are installed or in trouble (removed ones with configuration files left are not);
    held: sorted [(name, arch)] with the selection ``hold``. auto: parse_auto()'s set, in which apt writes the native
    architecture for packages of architecture ``all``.
    """
    packages = []
    held = []
    for block in text.split("\n\n"):
        fields = dict(_FIELD.findall(block))
        name = fields.get("Package")
        words = fields.get("Status", "").split()
        if not name or len(words) != 3:
            continue
        want, flag, status = words
        if status in ("not-installed", "config-files"):
            continue
        arch = fields.get("Architecture", "")
        version = fields.get("Version", "")
        source, source_version = source_of(name, version, fields.get("Source"))
        if flag != "ok":
            status = flag
        marked = (name, arch) in auto or (arch == "all" and (name, native) in auto)
        vendor = fields.get("Origin") or fields.get("Maintainer", "").partition(" <")[0]
        packages.append(Package(name, arch, version, source, source_version, marked, status, bounded(vendor)))
        if want == "hold":
            held.append((name, arch))
    return sorted(packages), sorted(held)
