# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stanzas of ``Key: value`` lines, as dpkg's and apt's files have them."""

from typing import Dict, List, Optional


def stanzas(text: str) -> List[Dict[str, str]]:
    """Return one dict a stanza; folded lines are joined by newlines. Comment lines are left out, bad lines ignored."""
    found = []
    current: Dict[str, str] = {}
    key: Optional[str] = None
    for line in text.split("\n"):
        if not line.strip():
            if current:
                found.append(current)
            current, key = {}, None
        elif line[0] in " \t":
            if key is not None:
                current[key] += "\n" + line.strip()
        elif line[0] != "#":
            key, colon, value = line.partition(":")
            if colon:
                current[key] = value.strip()
            else:
                key = None
    if current:
        found.append(current)
    return found
