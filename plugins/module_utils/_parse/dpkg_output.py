# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run of apt-get and dpkg wrote (C locale): failed package scripts and configuration files that were kept."""

import re
from typing import List

from ansible_collections.lockstep.patching.plugins.module_utils._model.transaction import Failure

ERROR = re.compile(r"^dpkg: error processing (?:package|archive) (\S+) \((--[a-z-]+)\):$")
SCRIPT = re.compile(
    r"^ (?:installed|new|old) \S+ package (\S+) script subprocess (?:returned error exit status (\d+)|(was killed .*))"
)
OLD_SCRIPT = re.compile(r"^ subprocess (?:installed |new |old )?(\S+) script returned error exit status (\d+)")
CONFFILE = re.compile(r"^Configuration file '([^']+)'$")
SETTING_UP = re.compile(r"^(?:Setting up|Preparing to unpack|Unpacking|Processing triggers for|Removing) ")
NO_SPACE = "No space left on device"


def parse_failures(text: str, keep: int = 12, width: int = 300) -> List[Failure]:
    """Return the failures in order; of each package only the first."""
    lines = text.splitlines()
    found = {}
    for number, line in enumerate(lines):
        match = ERROR.match(line)
        if not match or match.group(1) in found:
            continue
        message = lines[number + 1] if number + 1 < len(lines) else ""
        script, status = _script(message)
        before = _since_package(lines[max(0, number - keep) : number])
        found[match.group(1)] = Failure(
            match.group(1), script, status, [each[:width] for each in before + [message.strip()]]
        )
    return list(found.values())


def parse_conffiles(text: str) -> List[str]:
    """Return the configuration files whose new version dpkg did not install because the admin's was changed, sorted."""
    found = set()
    path = None
    for line in text.splitlines():
        match = CONFFILE.match(line)
        if match:
            path = match.group(1)
        elif path and "Keeping old config file as default" in line:
            found.add(path)
            path = None
    return sorted(found)


def out_of_space(text: str) -> bool:
    return NO_SPACE in text


def _script(message):
    match = SCRIPT.match(message)
    if match:
        return match.group(1), match.group(2) or match.group(3)
    match = OLD_SCRIPT.match(message)
    return (match.group(1), match.group(2)) if match else (None, None)


def _since_package(lines):
    starts = [number for number, line in enumerate(lines) if SETTING_UP.match(line)]
    return lines[starts[-1] :] if starts else lines
