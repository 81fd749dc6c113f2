# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Snaps and flatpaks: what ``snap list`` and ``flatpak list --columns=…`` print."""

from ansible_collections.lockstep.patching.plugins.module_utils._parse.proc import bounded

LIMIT = 500


def parse_snaps(text):
    """Return [{name, version, revision, channel, publisher, disabled}] of the table that ``snap list`` prints."""
    found = []
    for line in text.split("\n")[1:]:
        fields = [bounded(field) for field in line.split()]
        if len(fields) >= 6:
            name, version, revision, channel, publisher, notes = fields[:6]
            found.append(
                {
                    "name": name,
                    "version": version,
                    "revision": revision,
                    "channel": "" if channel == "-" else channel,
                    "publisher": "" if publisher == "-" else publisher.rstrip("*"),
                    "disabled": "disabled" in notes.split(","),
                }
            )
    return sorted(found, key=lambda row: (row["name"], row["revision"]))[:LIMIT]


def parse_flatpaks(text):
    """Return [{name, version, branch, arch, origin}] of the columns application, version, branch, arch, origin."""
    found = []
    for line in text.split("\n"):
        fields = [bounded(field.strip()) for field in line.split("\t")]
        if len(fields) == 5 and fields[0]:
            name, version, branch, arch, origin = fields
            found.append({"name": name, "version": version, "branch": branch, "arch": arch, "origin": origin})
    return sorted(found, key=lambda row: (row["name"], row["branch"], row["arch"]))[:LIMIT]
