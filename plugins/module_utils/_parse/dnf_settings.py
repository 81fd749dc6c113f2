# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""dnf's version locks and excludes: text -> patterns with the line that they stand in."""

import re
from fnmatch import fnmatchcase
from typing import List, NamedTuple, Sequence

_EXCLUDES = re.compile(r"^(exclude|excludepkgs|includepkgs)\s*=\s*(.*)$")


_NEVRA = re.compile(r"^(.+)-[0-9*]+:[^-]+-[^-]+$")


class Lock(NamedTuple):
    """kind: lock (stays in this version), exclude (not offered) or include (only what matches is offered)."""

    kind: str
    pattern: str
    where: str


def parse_versionlock(text: str, path: str) -> List[Lock]:
    """Return the entries of versionlock.list."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.split("#", 1)[0].strip()
        if entry:
            kind = "exclude" if entry.startswith("!") else "lock"
            found.append(Lock(kind, entry.lstrip("!"), "{0}:{1}".format(path, number)))
    return found


def toml_locks(locks: Sequence[Sequence[str]], text: str, path: str) -> List[Lock]:
    """The entries of dnf 5's versionlock.toml. locks: (name, comparator, version), as dnf 5 reads it; text: the file,
    for the lines that they begin in."""
    found = []
    for name, comparator, version in locks:
        begins = re.compile(r"""^\s*name\s*=\s*["']{0}["']""".format(re.escape(name)))
        numbers = [number for number, line in enumerate(text.splitlines(), 1) if begins.match(line)]
        where = "{0}:{1}".format(path, numbers[0]) if numbers else path
        if comparator == "!=":
            found.append(Lock("exclude", "{0}-{1}".format(name, version), where))
        else:
            found.append(Lock("lock", name, where))
    return found


def parse_excludes(text: str, path: str) -> List[Lock]:
    """Return the excludes and includes of dnf.conf or a .repo file."""
    found = []
    key, number, values, begun = "", 0, "", 0
    for line in text.splitlines() + [""]:
        number += 1
        if key and line[:1] in (" ", "\t") and line.strip():
            values += " " + line.strip()
            continue
        for pattern in re.split(r"[\s,]+", values.strip()) if key else []:
            if pattern:
                kind = "include" if key == "includepkgs" else "exclude"
                found.append(Lock(kind, pattern, "{0}:{1}".format(path, begun)))
        match = _EXCLUDES.match(line.strip())
        key, values = (match.group(1), match.group(2)) if match else ("", "")
        begun = number
    return found


def matches(pattern: str, name: str, arch: str, version: str) -> bool:
    """Does a pattern in one of dnf's forms (name, name.arch, name-version, name-epoch:version-release.arch) name this
    version of a package?"""
    epoch, _colon, rest = version.rpartition(":")
    full = "{0}:{1}".format(epoch or "0", rest)
    number = rest.partition("-")[0]
    forms = [name, "{0}.{1}".format(name, arch)]
    for spoken in (rest, full, number, "{0}:{1}".format(epoch or "0", number)):
        forms += ["{0}-{1}".format(name, spoken), "{0}-{1}.{2}".format(name, spoken, arch)]
    return any(fnmatchcase(form, pattern) for form in forms)


def names(pattern: str, name: str) -> bool:
    """Is a version lock about a package of this name, in whatever version?"""
    whole = _NEVRA.match(pattern)
    if whole:  # what dnf versionlock writes
        return fnmatchcase(name, whole.group(1))
    stem = pattern
    for _part in range(3):
        if fnmatchcase(name, stem) or fnmatchcase(name, stem.rpartition(".")[0]):
            return True
        stem, dash, rest = stem.rpartition("-")
        if not dash or not (rest[:1].isdigit() or rest[:1] == "*"):
            return False
    return False
