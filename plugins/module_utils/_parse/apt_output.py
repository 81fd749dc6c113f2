# Copyright (c) 2026 Lockstep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What apt's commands print (C locale)."""

import re
from typing import Dict, List, NamedTuple, Optional, Tuple

_INST = re.compile(r"^Inst (\S+)(?: \[([^\]]*)\])? \((\S+) (?:.* )?\[([^\]]*)\]\)")
_REMOVE = re.compile(r"^(?:Remv|Purg) (\S+) \[([^\]]*)\]")
_LISTS = (
    ("The following packages have been kept back", "kept"),
    ("The following upgrades have been deferred due to phasing", "phased"),
    ("The following held packages will be changed", "held"),
    ("Not upgrading", "kept"),
    ("Not upgrading yet due to phasing", "phased"),
)
_TITLES = _LISTS + (
    ("The following packages will be upgraded", "upgrade"),
    ("The following NEW packages will be installed", "install"),
    ("The following packages will be REMOVED", "remove"),
    ("The following packages will be DOWNGRADED", "downgrade"),
)
_VERSIONS = re.compile(r"^ +(\S+?)\*? \((.+)\)$")
_SUMMARY = re.compile(
    r"^(\d+) upgraded, (\d+) newly installed, (?:(\d+) downgraded, )?(\d+) to remove and \d+ not upgraded\.$",
    re.MULTILINE,
)
_SECRETS = re.compile(r"(\w+://)[^/\s@]*@")
_FAILURE = re.compile(
    r"failed to fetch|signature|GPG error|OpenPGP|not signed|expired|not valid yet|no longer has|"
    r"does not have a Release|insecure",
    re.IGNORECASE,
)


class Action(NamedTuple):
    """A step of a simulated upgrade. action: upgrade, install or remove; arch may be empty for a removal."""

    action: str
    name: str
    arch: str
    installed: Optional[str]
    version: Optional[str]


class Simulation(NamedTuple):
    """A simulated upgrade: its steps, and the names (``name`` or ``name:arch``) that it leaves at their version."""

    actions: List[Action]
    kept: List[str]
    phased: List[str]


class Policy(NamedTuple):
    """apt-cache policy of one package. versions: newest priority order, [(version, [description of the index])]."""

    installed: Optional[str]
    candidate: Optional[str]
    versions: List[Tuple[str, List[str]]]
    phased: Optional[int]


def parse_simulation(text: str) -> Simulation:
    """Parse ``apt-get -s full-upgrade``."""
    actions = []
    lists: Dict[str, List[str]] = {"kept": [], "phased": [], "held": []}
    into = None
    for line in text.split("\n"):
        if line.startswith("Inst "):
            found = _INST.match(line)
            if not found:
                raise ValueError("apt-get printed a line that is not understood: {0}".format(line[:200]))
            name, installed, version, arch = found.groups()
            actions.append(Action("upgrade" if installed else "install", _bare(name), arch, installed, version))
        elif line.startswith(("Remv ", "Purg ")):
            found = _REMOVE.match(line)
            if not found:
                raise ValueError("apt-get printed a line that is not understood: {0}".format(line[:200]))
            name, _colon, arch = found.group(1).partition(":")
            actions.append(Action("remove", name, arch, found.group(2), None))
        elif line.startswith("  ") and into:
            lists[into].extend(word for word in line.split() if word)
        else:
            into = next((kind for title, kind in _LISTS if line.startswith(title + ":")), None)
    return Simulation(actions, lists["kept"], lists["phased"])


def parse_listing(text: str) -> Optional[Simulation]:
    """Parse the lists with versions (``-V``) that ``apt-get full-upgrade`` shows before it asks.

    An action's arch is empty where apt leaves it out (the native one, or all). None where the lists do not add up to
    apt's own summary: whatever they say then, it is not understood.
    """
    lists: Dict[str, List[Tuple[str, str]]] = {}
    into = None
    for line in text.split("\n"):
        if line.startswith("  ") and into:
            found = _VERSIONS.match(line)
            if not found:
                return None
            lists.setdefault(into, []).append((found.group(1), found.group(2)))
        else:
            into = next((kind for title, kind in _TITLES if line.startswith(title + ":")), None)
    summary = _SUMMARY.search(text)
    if not summary:
        return None
    kinds = ("upgrade", "install", "remove")
    counted = [int(number or 0) for number in (summary.group(1), summary.group(2), summary.group(4))]
    if [len(lists.get(kind, [])) for kind in kinds] != counted or lists.get("downgrade"):
        return None
    actions = []
    for kind in kinds:
        for spoken, versions in lists.get(kind, []):
            name, _colon, arch = spoken.partition(":")
            old, arrow, new = versions.partition(" => ")
            if bool(arrow) != (kind == "upgrade"):
                return None
            installed = None if kind == "install" else old
            actions.append(Action(kind, name, arch, installed, {"upgrade": new, "install": old}.get(kind)))
    kept = [spoken for spoken, _versions in lists.get("kept", [])]
    return Simulation(actions, kept, [spoken for spoken, _versions in lists.get("phased", [])])


def parse_policy(text: str) -> Dict[str, Policy]:
    """Parse ``apt-cache policy NAME…``: {name or name:arch: Policy}."""
    found: Dict[str, Policy] = {}
    for block in re.split(r"\n(?=\S)", text):
        lines = block.split("\n")
        name = lines[0].rstrip(":")
        if not name or not lines[0].endswith(":"):
            continue
        installed = candidate = None
        phased = None
        versions: List[Tuple[str, List[str]]] = []
        for line in lines[1:]:
            words = line.split()
            if line.startswith("  Installed:"):
                installed = None if words[1:] == ["(none)"] else " ".join(words[1:])
            elif line.startswith("  Candidate:"):
                candidate = None if words[1:] == ["(none)"] else " ".join(words[1:])
            elif re.match(r" (\*\*\*|   ) \S", line):
                words = words[1:] if words[0] == "***" else words
                versions.append((words[0], []))
                share = re.search(r"\(phased (\d+)%\)", line)
                if share and words[0] == candidate:
                    phased = int(share.group(1))
            elif versions and line.startswith("        ") and len(words) > 1:
                versions[-1][1].append(" ".join(words[1:]))
        found[name] = Policy(installed, candidate, versions, phased)
    return found


def without_secrets(text):
    """Return text without the user and password parts of its URLs, on one line, of at most 300 characters."""
    return _SECRETS.sub(r"\1", " ".join(text.split()))[:300]


def parse_update(text: str) -> List[str]:
    """Return the lines of ``apt-get update`` (both outputs) that say that an index was not refreshed."""
    problems = []
    for line in text.split("\n"):
        if line.startswith("E: ") or (line.startswith("W: ") and _FAILURE.search(line)):
            problems.append(line[3:])
    return problems


def failure_state(problem):
    """Return the index state that a problem line of parse_update() means, most telling first."""
    lower = problem.lower()
    if "nosplit" in lower or "does the network require authentication" in lower:
        return "unreachable"
    if "expired" in lower and ("release file" in lower or "invalid since" in lower):
        return "expired"
    if "not valid yet" in lower:
        return "stale"
    if re.search(r"signature|signed|gpg|openpgp|no_pubkey|insecure", lower):
        return "unsigned"
    return "unreachable"


def _bare(name):
    return name.partition(":")[0]
