# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The form of users' rules for software and agents, checked alike on the controller and on the host."""

import re

SOFTWARE = {"name", "vendor", "path", "command", "file", "regex"}
_FIRST = ("/", "{path}")
AGENT = {"name", "kind", "unit", "process", "path"}


def problems(software, agents):
    """Return what is wrong with the form of rules; docs/software.md has the form."""
    found = []
    for rule in software:
        label = "software rule {0!r}".format(rule.get("name"))
        extra = sorted(set(rule) - SOFTWARE)
        if extra:
            found.append("{0} has no key {1}".format(label, ", ".join(extra)))
        if not rule.get("name") or not str(rule.get("path") or "").startswith("/"):
            found.append("{0} needs a name and an absolute path".format(label))
        command = rule.get("command")
        if command is not None and not (isinstance(command, list) and str((command + [""])[0]).startswith(_FIRST)):
            why = "{0}: command is a list that begins with an absolute path or {{path}}; no shell reads it"
            found.append(why.format(label))
        if command is not None and rule.get("file") is not None:
            found.append("{0} has either a command or a file".format(label))
        try:
            re.compile(rule.get("regex") or "")
        except re.error as error:
            found.append("{0}: the regular expression cannot be read: {1}".format(label, error))
    for rule in agents:
        label = "agent rule {0!r}".format(rule.get("name"))
        extra = sorted(set(rule) - AGENT)
        if extra:
            found.append("{0} has no key {1}".format(label, ", ".join(extra)))
        if not rule.get("name") or not any(rule.get(key) for key in ("unit", "process", "path")):
            found.append("{0} needs a name and a unit, a process or a path".format(label))
    return found
