# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names and versions of pip, npm and gem packages, from the names of their folders and files."""

import json
import re

from ansible_collections.lockstep.patching.plugins.module_utils._parse.proc import bounded

_PIP = re.compile(
    r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._]*)-(?P<version>[0-9A-Za-z][^-]*)(?:-py[0-9.]+)?\.(?:dist|egg)-info$"
)
_GEM = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*?)-(?P<version>[0-9][0-9A-Za-z.]*)(?:-[\w.-]+)?\.gemspec$")


def pip_folder(name):
    """Return (name as PyPI writes it, version) of ``NAME-VERSION.dist-info`` or ``.egg-info``, or None."""
    found = _PIP.match(name)
    if not found:
        return None
    return re.sub(r"[-_.]+", "-", found.group("name")).lower(), bounded(found.group("version"))


def gem_file(name):
    """Return (name, version) of ``NAME-VERSION[-PLATFORM].gemspec``, or None."""
    found = _GEM.match(name)
    return (bounded(found.group("name")), bounded(found.group("version"))) if found else None


def npm_manifest(text):
    """Return (name, version) of a package.json, or None; raise ValueError for damaged JSON."""
    data = json.loads(text)
    if not isinstance(data, dict) or not isinstance(data.get("name"), str) or not isinstance(data.get("version"), str):
        return None
    return bounded(data["name"]), bounded(data["version"])
