# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ``dpkg-query -S PATH…`` prints."""

_DIVERSIONS = ("diversion by ", "local diversion ")


def parse_search(text):
    """Return {path: [package names, without architecture]}, diversions left out."""
    found = {}
    for line in text.split("\n"):
        packages, colon, path = line.partition(": /")
        if colon and not line.startswith(_DIVERSIONS):
            found["/" + path] = sorted({name.strip().partition(":")[0] for name in packages.split(",")})
    return found
