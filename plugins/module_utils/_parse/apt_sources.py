# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""apt's source entries and preferences."""

import fnmatch
import re
from typing import List, NamedTuple

from ansible_collections.lockstep.patching.plugins.module_utils._parse.deb822 import stanzas

_LINE = re.compile(r"^\s*deb(?:-src)?\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)")


class Entry(NamedTuple):
    """One source: a URI with a suite. signed_by: a path, fingerprints or an embedded key block, or empty;
    insecure: the option that makes apt accept it without a signature, or empty."""

    uri: str
    suite: str
    signed_by: str
    insecure: str


class Pin(NamedTuple):
    """A stanza of a preferences file. packages: names, globs, /regular expressions/ or src: names."""

    packages: List[str]
    pin: str
    priority: str
    where: str


def parse_list(text: str) -> List[Entry]:
    """Parse a one-line-style sources.list."""
    entries = []
    for line in text.split("\n"):
        found = _LINE.match(line.partition("#")[0])
        if found:
            options = {
                key.lower(): value
                for key, _sign, value in (word.partition("=") for word in (found.group(1) or "").split())
            }
            entries.append(Entry(found.group(2), found.group(3), options.get("signed-by", ""), _insecure(options)))
    return entries


def parse_sources(text: str) -> List[Entry]:
    """Parse a deb822-style .sources file."""
    entries = []
    for stanza in stanzas(text):
        options = {key.lower(): value for key, value in stanza.items()}
        if options.get("enabled", "yes").lower() in ("no", "false", "0"):
            continue
        for uri in options.get("uris", "").split():
            for suite in options.get("suites", "").split():
                entries.append(Entry(uri, suite, options.get("signed-by", ""), _insecure(options)))
    return entries


def _insecure(options):
    for name in ("trusted", "allow-insecure", "allow-weak", "allow-downgrade-to-insecure"):
        if options.get(name, "").lower() in ("yes", "true", "1", "with", "on", "enable"):
            return name
    return ""


def parse_preferences(text: str, path: str) -> List[Pin]:
    """Parse a preferences file; where is ``path:line`` of the stanza's first line."""
    pins = []
    number = 1
    for block in re.split(r"(\n[ \t]*(?=\n))", text):
        fields = stanzas(block)
        if fields and "Package" in fields[0] and "Pin" in fields[0]:
            lines = block.split("\n")
            first = next(index for index, line in enumerate(lines) if line.startswith("Package"))
            pins.append(
                Pin(
                    fields[0]["Package"].split(),
                    fields[0]["Pin"],
                    fields[0].get("Pin-Priority", ""),
                    "{0}:{1}".format(path, number + first),
                )
            )
        number += block.count("\n")
    return pins


def matching_pin(pins: List[Pin], name: str, source: str) -> List[Pin]:
    """Return the pins that apply to a package, those that name it before those for every package."""
    special = [pin for pin in pins if any(_matches(word, name, source) for word in pin.packages if word != "*")]
    return special + [pin for pin in pins if "*" in pin.packages]


def _matches(word, name, source):
    if word.startswith("src:"):
        word, name = word[4:], source
    word = word.partition(":")[0]
    if len(word) > 2 and word.startswith("/") and word.endswith("/"):
        try:
            return re.search(word[1:-1], name) is not None
        except re.error:
            return False
    return fnmatch.fnmatchcase(name, word)
