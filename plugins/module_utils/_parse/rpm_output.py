# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What rpm writes (C locale), whichever tool calls it: failed scripts, configuration files, a package's own words."""

import re
from typing import Dict, List

from ansible_collections.lockstep.patching.plugins.module_utils._model.transaction import Failure, Offered

SCRIPT = re.compile(
    r"^(?:warning|error): (%\w+)\((.+?)\) scriptlet failed, (?:exit status |signal )(\S+)", re.MULTILINE
)
KEPT = re.compile(r"^warning: (/\S.*) created as (/\S.*\.rpmnew)$", re.MULTILINE)
SAVED = re.compile(r"^warning: (/\S.*) saved as (/\S.*\.rpmsave)$", re.MULTILINE)
NO_SPACE = re.compile(r"No space left on device|Disk Requirements:|installing package .* needs .* on the .* filesystem")
FORMAT = r"%{NAME}\n%{ARCH}\n%{EVR}\n%{LONGSIZE}\n[%{REQUIRENAME}\n][%{CONFLICTNAME}\n]"
"""What ``rpm -qp --qf`` is asked of a package file, for parse_package()."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*\Z")


def parse_scripts(text: str, keep: int = 12, width: int = 300) -> List[Failure]:
    """Return the failed scripts in order, of each package (name-version-release.arch) the first."""
    found: Dict[str, Failure] = {}
    for match in SCRIPT.finditer(text):
        script, package, status = match.groups()
        if package not in found:
            before = text[: match.start()].splitlines()[-keep:]
            starts = [
                number for number, line in enumerate(before) if line.startswith(("Running scriptlet", "Upgrading"))
            ]
            lines = before[starts[-1] + 1 :] if starts else before[-2:]
            found[package] = Failure(package, script, status, [line[:width] for line in lines + [match.group(0)]])
    return list(found.values())


def parse_kept(text: str) -> List[Dict[str, str]]:
    """Return the configuration files that kept the admin's version, and those that did not: [{path, new, by}]."""
    kept = [{"path": path, "new": new, "by": "rpm"} for path, new in KEPT.findall(text)]
    return kept + [{"path": path, "new": saved, "by": "rpm"} for path, saved in SAVED.findall(text)]


def out_of_space(text: str) -> bool:
    return bool(NO_SPACE.search(text))


def evr(text: str) -> str:
    """A version as all of Lockstep writes it: no epoch where it is 0."""
    return text[2:] if text.startswith("0:") else text


def parse_package(text: str) -> Offered:
    """Return what FORMAT gave of a package file; raise ValueError when something that must be there is missing."""
    lines = text.splitlines()
    if len(lines) < 4 or not lines[3].isdigit() or "" in lines[:3]:
        raise ValueError("rpm does not tell name, architecture, version and size")
    related = {line for line in lines[4:] if NAME.match(line)}
    return Offered(lines[0], lines[1], evr(lines[2]), int(lines[3]) // 1024, related)


def nvra(name: str, arch: str, version: str) -> str:
    """name-version-release.arch, as rpm names a package in messages and files: without the epoch."""
    return "{0}-{1}.{2}".format(name, version.rpartition(":")[2], arch)
